"""Memory is flat, whatever is put, read, listed or queued. Measured in processes of their own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import Any

import pytest

from apps.numbered_checkpoints import aput, config_of, put, state
from apps.processes import in_a_process
from apps.soak import figures, scaled
from fast_langgraph import RustSQLiteCheckpointer

MB = 1 << 20
SIZE = 100_000
COUNT = scaled(3_000, 50_000)
WARM_UP = 500


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as found:
        return int(found.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Watched:
    """How much more memory was in use than at the start, at the most."""

    def __init__(self) -> None:
        self.start = resident()
        self.growth = 0

    def look(self) -> None:
        self.growth = max(self.growth, resident() - self.start)


def replaced(n: int) -> dict[str, Any]:
    """A state under one of few ids, so that the database stays small."""
    return {**state(n, os.urandom(SIZE)), "id": f"1f000000-0000-6000-8000-{n % 50:012}"}


def put_and_get(path: str) -> None:
    watched = None
    with RustSQLiteCheckpointer(path, synchronous="off") as saver:
        for n in range(WARM_UP + COUNT):
            if n == WARM_UP:
                watched = Watched()
            saved = saver.put(config_of("t"), replaced(n), {"step": n}, {})
            saver.put_writes(saved, [("a", n), ("b", b"x" * 1_000)], f"task{n % 3}")
            assert saver.get_tuple(saved).checkpoint["channel_values"]["n"] == n
            if watched and n % 100 == 0:
                watched.look()
    assert watched.growth < 16 * MB, watched.growth
    figures(f"put and get of {SIZE} bytes", times=COUNT, bytes_of_growth_at_most=watched.growth)


def aput_and_get(path: str) -> None:
    async def conversation(saver: RustSQLiteCheckpointer, thread: int, count: int) -> None:
        for n in range(count):
            saved = await saver.aput(config_of(thread), replaced(n), {"step": n}, {})
            assert (await saver.aget_tuple(saved)).checkpoint["channel_values"]["n"] == n

    async def main() -> None:
        async with RustSQLiteCheckpointer(path, synchronous="off") as saver:
            await asyncio.gather(*(conversation(saver, thread, WARM_UP // 5) for thread in range(5)))
            watched = Watched()
            for _ in range(10):
                await asyncio.gather(*(conversation(saver, thread, COUNT // 50) for thread in range(5)))
                watched.look()
        assert watched.growth < 16 * MB, watched.growth
        figures(f"aput and aget of {SIZE} bytes", times=COUNT, bytes_of_growth_at_most=watched.growth)

    asyncio.run(main())


def errors(path: str) -> None:
    """Errors are kept by nobody either."""
    saver = RustSQLiteCheckpointer(path, busy_timeout=0)
    saver.setup()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    watched = None
    for n in range(WARM_UP + COUNT):
        if n == WARM_UP:
            watched = Watched()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            put(saver, "t", n, b"x" * SIZE)
    watched.look()
    other.close()
    saver.close()
    assert watched.growth < 8 * MB, watched.growth
    figures(f"puts of {SIZE} bytes that fail", times=COUNT, bytes_of_growth_at_most=watched.growth)


def opening(path: str) -> None:
    """As does an app that makes a checkpointer for each request."""
    watched = None
    for n in range(scaled(100, 5_000)):
        if n == 50:
            watched = Watched()
        with RustSQLiteCheckpointer(path) as saver:
            put(saver, "t", n)
            assert len(list(saver.list(config_of("t"), limit=2))) == min(n + 1, 2)
    watched.look()
    assert watched.growth < 4 * MB, watched.growth
    figures("opened and closed", times=scaled(100, 5_000), bytes_of_growth_at_most=watched.growth)


def listing(path: str) -> None:
    with RustSQLiteCheckpointer(path, synchronous="off") as saver:
        for n in range(10_000):
            put(saver, n % 10, n, b"x" * 10_000)
    with RustSQLiteCheckpointer(path) as saver:
        for _ in saver.list(None, limit=100):
            pass
        watched, count = Watched(), 0
        for found in saver.list(None):
            count += 1
            assert len(found.checkpoint["channel_values"]["payload"]) == 10_000
            if count % 100 == 0:
                watched.look()
        assert count == 10_000
    assert watched.growth < 8 * MB, watched.growth
    figures("list of 10,000 checkpoints of 10 KB", bytes_of_growth_at_most=watched.growth)


def queue(path: str) -> None:
    """Hundreds of megabytes of puts that nobody can write yet."""
    payload, half = b"x" * 400_000, scaled(600, 1_000)

    async def main() -> None:
        async with RustSQLiteCheckpointer(path, busy_timeout=3_600, synchronous="off") as saver:
            await aput(saver, "warm-up", 0, payload)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            watched = Watched()
            waiting = [asyncio.create_task(aput(saver, thread, 1, payload)) for thread in range(half)]
            writes = [("a", payload)]
            waiting += [
                asyncio.create_task(saver.aput_writes(config_of(thread, "x"), writes, "task")) for thread in range(half)
            ]
            for _ in range(200):
                await asyncio.sleep(0.001)
                watched.look()
            queued = (await saver.astats()).counters["queued"]
            assert 100 < queued < 250
            # 64 MB may be queued, and 32 be under way.
            assert watched.growth < 112 * MB, watched.growth
            assert not any(task.done() for task in waiting)
            other.execute("ROLLBACK")
            other.close()
            while not all(task.done() for task in waiting):
                await asyncio.sleep(0.001)
                watched.look()
            await asyncio.gather(*waiting)
            found = await saver.astats()
            assert (found.checkpoints, found.writes) == (half + 1, half)
        # Besides, what is written and what the loop has not heard of yet, a batch each, and SQLite's own pages.
        assert watched.growth < 256 * MB, watched.growth
        figures(f"{2 * half} puts of 400 KB at once", queued=queued, bytes_of_growth_at_most=watched.growth)

    asyncio.run(main())


STORIES = [put_and_get, aput_and_get, errors, opening, listing, queue]


@pytest.mark.soak
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_memory_stays_flat_over(tmp_path, story):
    in_a_process(story, str(tmp_path / "memory.db"))
