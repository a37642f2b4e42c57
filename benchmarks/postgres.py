"""One conversation with an agent on PostgresSaver, and many at once on AsyncPostgresSaver: stock beside ``patch()``.

On a real server that this starts, on the same machine, with PostgreSQL's own settings (its commits wait for the disk).
Wall seconds, and CPU seconds of this process: the server's are its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chat
from agent import ReferenceSaver, converse, timed
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from side_by_side import HEADER, compare_by, row

import fast_langgraph

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from postgres_server import PostgresServer, running

_numbers = itertools.count()
CLOCKS = {"wall": time.perf_counter, "CPU": time.process_time}


def one(server: PostgresServer, turns: int) -> list[Any]:
    """What was said, in a database of its own."""
    name = f"chat_{next(_numbers)}"
    with PostgresSaver.from_conn_string(server.create(name)) as saver:
        saver.setup()
        said = converse(saver, turns)
    server.drop(name)
    return said


def many(server: PostgresServer, conversations: int, turns: int) -> dict[str, list[Any]]:
    async def converse() -> dict[str, list[Any]]:
        settings = {"autocommit": True, "row_factory": dict_row}
        async with AsyncConnectionPool(server.create(name), kwargs=settings, max_size=10, open=False) as pool:
            saver = AsyncPostgresSaver(pool)  # type: ignore[arg-type]
            await saver.setup()
            return await chat.all_at_once(saver, conversations, turns)

    name = f"chats_{next(_numbers)}"
    said = asyncio.run(converse())
    server.drop(name)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, nargs="*", default=[20, 100, 250])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    fast_langgraph.patch()
    with running(fsync="on") as server:
        with fast_langgraph.disabled():
            expected = one(server, 10), many(server, 5, 3)
        assert (one(server, 10), many(server, 5, 3)) == expected
        print(HEADER)
        for turns in arguments.turns:
            measure(f"PostgresSaver, {turns} turns", lambda n=turns: one(server, n), arguments.rounds)
            print(f"{'LangGraph itself (nothing encoded)':<42} {timed(ReferenceSaver(), turns):>10.3f}")
        measure("AsyncPostgresSaver, 50 x 10 at once", lambda: many(server, 50, 10), arguments.rounds)


def measure(name: str, call: Callable[[], Any], rounds: int) -> None:
    for clock, times in zip(CLOCKS, compare_by([*CLOCKS.values()], call, rounds), strict=True):
        print(row(f"{name}, {clock}", *times), flush=True)


if __name__ == "__main__":
    main()
