"""Fifty conversations of ten turns at once, on AsyncSqliteSaver and a file with SQLite's defaults."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

import chat
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from side_by_side import HEADER, compare, row

import fast_langgraph


async def converse(path: Path, conversations: int, turns: int) -> dict[str, list[Any]]:
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        return await chat.all_at_once(saver, conversations, turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=50)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    fast_langgraph.patch()
    with tempfile.TemporaryDirectory() as folder:
        number = 0

        def all_at_once(conversations: int, turns: int) -> dict[str, list[Any]]:
            nonlocal number
            number += 1
            return asyncio.run(converse(Path(folder, f"{number}.db"), conversations, turns))

        with fast_langgraph.disabled():
            expected = all_at_once(5, 3)
        assert all_at_once(5, 3) == expected
        print(HEADER)
        for layout in ("standard", "compact"):
            # Stock, which takes turns, makes standard files.
            fast_langgraph.patch(layout=layout)
            name = f"{arguments.conversations} conversations of {arguments.turns} turns at once, {layout}"
            times = compare(lambda: all_at_once(arguments.conversations, arguments.turns), arguments.rounds)
            print(row(name, *times))


if __name__ == "__main__":
    main()
