"""``bench``: what a chat's checkpoints cost on this machine, on stock and on ours."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from fast_langgraph.checkpointer import RustSQLiteCheckpointer

STOCK = "SqliteSaver, stock"
TEXT = "It is sunny, 21 degrees, with a light wind from the west. " * 4


@contextmanager
def _stock(path: Path, patched: bool, layout: str) -> Iterator[SqliteSaver]:
    if patched:
        fast_langgraph.patch()
    try:
        with closing(sqlite3.connect(path, check_same_thread=False)) as conn:
            if layout == "compact":
                with RustSQLiteCheckpointer(path, layout="compact") as made:
                    made.setup()
            yield SqliteSaver(conn)
    finally:
        fast_langgraph.unpatch()


@contextmanager
def _ours(path: Path, layout: Any) -> Iterator[RustSQLiteCheckpointer]:
    with RustSQLiteCheckpointer(path, layout=layout) as saver:
        yield saver


SAVERS: dict[str, Callable[[Path], Any]] = {
    STOCK: lambda path: _stock(path, False, "standard"),
    "SqliteSaver, patch()": lambda path: _stock(path, True, "standard"),
    "SqliteSaver, patch(), compact": lambda path: _stock(path, True, "compact"),
    "RustSQLiteCheckpointer": lambda path: _ours(path, "standard"),
    "RustSQLiteCheckpointer, compact": lambda path: _ours(path, "compact"),
}


def chat(saver: Any, turns: int, thread: str = "chat") -> list[Any]:
    """A chat of so many turns, as LangGraph saves it; the messages at its end."""
    config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    messages: list[Any] = []
    version = 0
    for turn in range(turns):
        found = saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
        if found is not None:
            messages = list(found.checkpoint["channel_values"]["messages"])
            config = found.config
        for step, message in enumerate((HumanMessage(f"{turn}: how is the weather?"), AIMessage(f"{turn}: {TEXT}"))):
            message.id = f"{turn}-{step}"
            saver.put_writes(
                config, [("messages", [message])], f"task-{turn}-{step}"
            ) if found or turn or step else None
            messages = [*messages, message]
            version += 1
            checkpoint = empty_checkpoint()
            checkpoint["id"] = str(uuid6(clock_seq=version))
            checkpoint["channel_values"] = {"messages": messages}
            checkpoint["channel_versions"] = {"messages": f"{version:032}.0"}
            config = saver.put(config, checkpoint, {"source": "loop", "step": version, "parents": {}}, {})
    return messages


def measure(turns: int, rounds: int) -> list[dict[str, Any]]:
    """Seconds (the median) and bytes of each, one after the other in each round. What they say is compared first."""
    seconds: dict[str, list[float]] = {name: [] for name in SAVERS}
    sizes: dict[str, int] = {}
    expected: Any = None
    for round in range(rounds + 1):
        for name, opened in SAVERS.items():
            with TemporaryDirectory(prefix="fast-langgraph-") as folder:
                path = Path(folder, "bench.db")
                with opened(path) as saver:
                    began = time.perf_counter()
                    said = chat(saver, turns if round else 2)
                    if round:
                        seconds[name].append(time.perf_counter() - began)
                    if expected is None or len(said) != len(expected):
                        expected = said
                    if said != expected:
                        raise AssertionError(f"{name} gave other messages than {STOCK}")
                sizes[name] = path.stat().st_size
    stock = median(seconds[STOCK])
    return [
        {
            "saver": name,
            "seconds": median(times),
            "times_stock": stock / median(times),
            "bytes": sizes[name],
        }
        for name, times in seconds.items()
    ]
