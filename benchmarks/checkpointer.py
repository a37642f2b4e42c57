"""RustSQLiteCheckpointer beside stock's savers, unpatched, on files with synchronous full.

Each pair is first compared in what it gives back, then timed in turns in one process; printed are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from agent import converse
from chat import GRAPH, all_at_once, config, question
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from fast_langgraph import RustSQLiteCheckpointer

FULL = "PRAGMA synchronous = FULL"


@contextmanager
def stock(path: Path) -> Iterator[Any]:
    with closing(sqlite3.connect(path, check_same_thread=False)) as conn:
        conn.execute(FULL)
        yield SqliteSaver(conn)


@contextmanager
def ours(path: Path) -> Iterator[Any]:
    with RustSQLiteCheckpointer(path) as saver:
        yield saver


KINDS = (stock, ours)


class Timing:
    """Both kinds in turns, each time on files of their own."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.number = 0

    def path(self) -> Path:
        self.number += 1
        return self.folder / f"{self.number}.db"

    def row(self, name: str, measure: Callable[[Any], tuple[float, Any]], unit: str = "s") -> None:
        """``measure(kind)`` returns seconds and what was read, which must be the same for both."""
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(self.rounds):
            said = []
            for kind, seconds in zip(KINDS, times, strict=True):
                gc.collect()
                taken, read = measure(kind)
                seconds.append(taken)
                said.append(read)
                for file in self.folder.iterdir():
                    file.unlink()
            assert said[0] == said[1], f"{name}: what was read differs"
        scale = {"s": 1, "ms": 1e3, "us": 1e6}[unit]
        one, other = (median(seconds) * scale for seconds in times)
        ratio = median(a / b for a, b in zip(*times, strict=True))
        print(f"{name:<46} {one:>9.3f} {other:>9.3f} {unit:<3} {ratio:>6.2f} x", flush=True)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    value = call()
    return time.perf_counter() - began, value


def state(messages: int, thread: str = "t") -> tuple[dict[str, Any], dict[str, Any]]:
    """A config and a checkpoint of some 450 bytes a message."""
    checkpoint = empty_checkpoint()
    said: list[Any] = []
    for number in range(messages):
        metadata = {"model_name": "gpt-4o", "finish_reason": "stop"}
        kind = HumanMessage if number % 2 else AIMessage
        said.append(kind("word " * 20, id=f"message-{number}", response_metadata=metadata))
    checkpoint["channel_values"] = {"messages": said}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}, checkpoint


def agents(timing: Timing, turns: list[int]) -> None:
    def conversation(kind: Any, count: int) -> tuple[float, Any]:
        with kind(timing.path()) as saver:
            return timed(lambda: converse(saver, count))

    for count in turns:
        timing.row(f"agent, {count} turns", lambda kind, n=count: conversation(kind, n))


def async_agents(timing: Timing, conversations: int, turns: int) -> None:
    async def on_stock(path: Path) -> Any:
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            await saver.conn.execute(FULL)
            return await all_at_once(saver, conversations, turns)

    async def on_ours(path: Path) -> Any:
        async with RustSQLiteCheckpointer(path) as saver:
            return await all_at_once(saver, conversations, turns)

    def measure(kind: Any) -> tuple[float, Any]:
        return timed(lambda: asyncio.run((on_stock if kind is stock else on_ours)(timing.path())))

    timing.row(f"async, {conversations} conversations of {turns} turns", measure)


def threaded_agents(timing: Timing, threads: int, conversations: int, turns: int) -> None:
    def measure(kind: Any) -> tuple[float, Any]:
        with kind(timing.path()) as saver:
            app = GRAPH.compile(checkpointer=saver)

            def one(thread: str) -> list[Any]:
                for turn in range(turns):
                    app.invoke(question(turn), config(thread))
                return [message.content for message in app.get_state(config(thread)).values["messages"]]

            def run() -> list[Any]:
                with ThreadPoolExecutor(threads) as pool:
                    return list(pool.map(one, [f"conversation {number}" for number in range(conversations)]))

            return timed(run)

    timing.row(f"{threads} threads, {conversations} conversations of {turns} turns", measure)


def single_calls(timing: Timing) -> None:
    place, checkpoint = state(1000)

    def put(kind: Any) -> tuple[float, Any]:
        with kind(timing.path()) as saver:
            ids = iter([{**checkpoint, "id": f"{number:08}"} for number in range(40)])
            saver.put(place, next(ids), {}, {})
            taken, _ = timed(lambda: [saver.put(place, each, {}, {}) for each in ids])
            return taken / 39, len(saver.get_tuple(place).checkpoint["channel_values"]["messages"])

    def get(kind: Any) -> tuple[float, Any]:
        with kind(timing.path()) as saver:
            saver.put(place, checkpoint, {}, {})
            taken, _ = timed(lambda: [saver.get_tuple(place).config for _ in range(20)])
            return taken / 20, saver.get_tuple(place).checkpoint

    timing.row("put of 1,000 messages, 450 KB", put, "ms")
    timing.row("get_tuple of 1,000 messages, 450 KB", get, "ms")


def small_puts(timing: Timing, threads: int) -> None:
    # Enough of them that the log has started over, as it has in any process that lives for long.
    each = 8000 // threads

    def measure(kind: Any) -> tuple[float, Any]:
        with kind(timing.path()) as saver:
            saver.setup()

            def one(thread: int) -> None:
                place, checkpoint = state(1, f"thread {thread}")
                for number in range(each):
                    saver.put(place, {**checkpoint, "id": f"{number:08}"}, {"step": number}, {})

            def run() -> None:
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(one, range(threads)))

            taken, _ = timed(run)
            return taken / (each * threads), sum(1 for _ in saver.list(None))

    timing.row(f"small put, {threads} thread{'s' if threads > 1 else ''}", measure, "us")


def listing(timing: Timing) -> None:
    """Of 20 messages each. Where all are kept, garbage collection walks over them again and again."""
    place, checkpoint = state(20)

    def measure(kind: Any, read: Callable[[Any], Any]) -> tuple[float, Any]:
        with kind(timing.path()) as saver:
            for number in range(1000):
                saver.put(place, {**checkpoint, "id": f"{number:08}"}, {"step": number}, {})
            taken, _ = timed(lambda: read(saver.list(place)))
            return taken, sha256(repr(list(saver.list(place))).encode()).digest()

    one_by_one = partial(deque, maxlen=0)
    timing.row("list of 1,000 checkpoints, one after another", lambda kind: measure(kind, one_by_one), "ms")
    timing.row("list of 1,000 checkpoints, all kept", lambda kind: measure(kind, list), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, nargs="*", default=[20, 100, 250])
    parser.add_argument("--only", nargs="*", help="agents async threads calls one sixteen list")
    arguments = parser.parse_args()
    print(f"{'':<46} {'stock':>9} {'ours':>9}")
    with tempfile.TemporaryDirectory() as folder:
        timing = Timing(Path(folder), arguments.rounds)
        parts: dict[str, Callable[[], None]] = {
            "agents": lambda: agents(timing, arguments.turns),
            "async": lambda: async_agents(timing, 50, 10),
            "threads": lambda: threaded_agents(timing, 16, 50, 10),
            "calls": lambda: single_calls(timing),
            "one": lambda: small_puts(timing, 1),
            "sixteen": lambda: small_puts(timing, 16),
            "list": lambda: listing(timing),
        }
        for name, part in parts.items():
            if not arguments.only or name in arguments.only:
                part()


if __name__ == "__main__":
    main()
