"""How many turns a second one process serves, of 50 conversations at once with a model that answers at once.

Each turn is five checkpoints and seven pending writes. Files with ``synchronous`` at full, as PostgreSQL's commits are.
Medians of rounds in turns; each way is first compared in what was said.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chat
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from postgres import many, running

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

CONVERSATIONS = 50


async def on_a_file(path: Path, turns: int, layout: str) -> dict[str, list[Any]]:
    if layout:
        async with RustSQLiteCheckpointer(path, layout=layout) as own:  # type: ignore[arg-type]
            return await chat.all_at_once(own, CONVERSATIONS, turns)
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        await saver.conn.execute("PRAGMA synchronous = FULL")
        return await chat.all_at_once(saver, CONVERSATIONS, turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(fsync="on") as server:
        number = 0

        def file(layout: str = "") -> dict[str, list[Any]]:
            nonlocal number
            number += 1
            return asyncio.run(on_a_file(Path(folder, f"{number}.db"), arguments.turns, layout))

        ways: dict[str, tuple[bool, Callable[[], dict[str, list[Any]]]]] = {
            "AsyncSqliteSaver, stock": (False, file),
            "AsyncSqliteSaver, patch()": (True, file),
            "RustSQLiteCheckpointer": (True, lambda: file("standard")),
            "RustSQLiteCheckpointer, compact": (True, lambda: file("compact")),
            "AsyncPostgresSaver, stock": (False, lambda: many(server, CONVERSATIONS, arguments.turns)),
            "AsyncPostgresSaver, patch()": (True, lambda: many(server, CONVERSATIONS, arguments.turns)),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        expected = None
        for _ in range(arguments.rounds):
            for name, (patched, run) in ways.items():
                (fast_langgraph.patch if patched else fast_langgraph.unpatch)()
                began = time.perf_counter(), time.process_time()
                said = run()
                taken[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
                expected = expected or said
                assert said == expected, name
        print(f"{'':<34} {'turns a second':>14} {'CPU ms a turn':>14}")
        for name, rounds in taken.items():
            wall, cpu = (statistics.median(each) for each in zip(*rounds, strict=True))
            turns = CONVERSATIONS * arguments.turns
            print(f"{name:<34} {turns / wall:>14.0f} {cpu / turns * 1e3:>14.1f}", flush=True)


if __name__ == "__main__":
    main()
