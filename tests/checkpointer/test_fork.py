"""Forks: parent and children go on with one object; a child inherits nothing that SQLite has open.

SQLite's locks and shared memory belong to the process. A child that inherits a connection takes too few
locks, even on connections of its own, and rows are lost.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import warnings
from pathlib import Path

import pytest

from apps.numbered_checkpoints import aput, held, latest, put
from apps.processes import Fork, in_a_process, locked, open_files
from apps.soak import scaled
from fast_langgraph import RustSQLiteCheckpointer
from threads import all_at_once

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

NUMBERS = set(range(1, 51))


def write(saver: RustSQLiteCheckpointer, thread: str) -> None:
    for n in sorted(NUMBERS):
        put(saver, thread, n, b"x" * 2_000)


def with_threads_of_ours() -> None:
    """Python 3.12 warns of a fork beside threads, which is what is tried here."""
    warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)


def used_before(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    put(saver, "before", 1)
    assert latest(saver, "before") == 1
    assert open_files(path)

    def child(n: int) -> None:
        assert not open_files(path), "inherited"
        assert latest(saver, "before") == 1
        all_at_once(lambda thread: write(saver, f"child{n}-{thread}"), 2)
        saver.close()

    children = [Fork(lambda n=n: child(n)) for n in range(3)]
    all_at_once(lambda thread: write(saver, f"parent-{thread}"), 2)
    for one in children:
        one.join()
    write(saver, "after")
    saver.close()


def test_parent_and_children_go_on_with_an_object_that_was_used_before_the_fork(tmp_path):
    in_a_process(used_before, str(tmp_path / "fork.db"))
    found = held(tmp_path / "fork.db")
    assert found.pop("before") == {1}
    assert len(found) == 3 * 2 + 2 + 1
    assert all(numbers == NUMBERS for numbers in found.values())


def busy_threads(path: str) -> None:
    with_threads_of_ours()
    saver = RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20)
    stop = threading.Event()
    reached = dict.fromkeys(range(4), 0)

    def conversation(thread: int) -> None:
        while not stop.is_set():
            put(saver, f"parent-{thread}", reached[thread] + 1, b"x" * 2_000)
            reached[thread] += 1
            # Some read while others write.
            assert latest(saver, f"parent-{thread}") == reached[thread]

    threads = [threading.Thread(target=conversation, args=(n,)) for n in reached]
    for thread in threads:
        thread.start()

    def child(n: int) -> None:
        assert not open_files(path), "inherited"
        write(saver, f"child{n}")

    for n in range(scaled(10, 200)):
        seen = dict(reached)
        Fork(lambda n=n: child(n)).join()
        while seen == reached:
            assert all(thread.is_alive() for thread in threads)
    stop.set()
    for thread in threads:
        thread.join()
    saver.close()
    found = held(Path(path))
    assert all(found[f"parent-{n}"] == set(range(1, count + 1)) for n, count in reached.items())
    assert all(found[f"child{n}"] == NUMBERS for n in range(scaled(10, 200)))


@pytest.mark.soak
def test_threads_in_flight_go_on_in_the_parent_and_children_work_from_the_start(tmp_path):
    in_a_process(busy_threads, str(tmp_path / "fork.db"))


def two_at_once(path: str) -> None:
    """Each has to find everything closed, though the other's fork is over meanwhile."""
    with_threads_of_ours()
    saver = RustSQLiteCheckpointer(path)
    stop = threading.Event()

    def conversation() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            put(saver, "parent", n, b"x" * 100_000)

    def forks(thread: int) -> None:
        def child(n: int) -> None:
            assert not open_files(path), "inherited"
            put(saver, f"child{thread}", n)

        for n in range(1, 21):
            Fork(lambda n=n: child(n)).join()

    working = threading.Thread(target=conversation)
    working.start()
    try:
        all_at_once(forks, 3)
    finally:
        stop.set()
        working.join()
    saver.close()


def test_threads_that_fork_at_once_inherit_nothing(tmp_path):
    in_a_process(two_at_once, str(tmp_path / "fork.db"))
    found = held(tmp_path / "fork.db")
    assert all(found[f"child{thread}"] == set(range(1, 21)) for thread in range(3))
    assert found["parent"] == set(range(1, max(found["parent"]) + 1))


def busy_loop(path: str) -> None:
    with_threads_of_ours()
    saver = RustSQLiteCheckpointer(path)

    async def conversation(thread: str) -> None:
        for n in sorted(NUMBERS):
            await aput(saver, thread, n, b"x" * 2_000)

    async def together(name: str) -> None:
        await asyncio.wait_for(asyncio.gather(*(conversation(f"{name}-{thread}") for thread in range(8))), 60)

    async def main() -> None:
        # A fork takes its time: that is no news here.
        asyncio.get_running_loop().slow_callback_duration = 60
        working = asyncio.create_task(together("parent"))
        children = []
        for n in range(3):
            await asyncio.sleep(0.005)
            # The child's own loop: the parent's is the parent's.
            children.append(Fork(lambda n=n: asyncio.run(together(f"child{n}"))))
        await working
        for child in children:
            child.join()
        await saver.aclose()

    asyncio.run(main())


def test_a_loop_with_tasks_in_flight_goes_on_and_a_child_has_a_loop_of_its_own(tmp_path):
    in_a_process(busy_loop, str(tmp_path / "fork.db"))
    found = held(tmp_path / "fork.db")
    assert len(found) == 4 * 8
    assert all(numbers == NUMBERS for numbers in found.values())


def dropped(path: str) -> None:
    with_threads_of_ours()
    for n in range(30):
        saver = RustSQLiteCheckpointer(path)
        put(saver, "parent", n, b"x" * 1_000_000)
        del saver

        def child(n: int = n) -> None:
            assert not open_files(path), "inherited"
            put(RustSQLiteCheckpointer(path), "child", n)

        Fork(child).join()


def test_nothing_is_inherited_of_a_checkpointer_that_was_dropped_and_not_closed(tmp_path):
    in_a_process(dropped, str(tmp_path / "fork.db"))
    assert held(tmp_path / "fork.db") == {"parent": set(range(30)), "child": set(range(30))}


def closed_elsewhere(path: str) -> None:
    with_threads_of_ours()
    for n in range(30):
        saver = RustSQLiteCheckpointer(path)
        put(saver, "parent", n, b"x" * 1_000_000)
        closing = threading.Thread(target=saver.close)
        closing.start()
        # While the log is moved into the database.
        for _ in range(n * 20):
            saver.path.upper()

        def child(n: int = n) -> None:
            assert not open_files(path), "inherited"
            put(RustSQLiteCheckpointer(path), "child", n)

        Fork(child).join()
        closing.join()


def test_nothing_is_inherited_of_a_checkpointer_that_another_thread_is_closing(tmp_path):
    in_a_process(closed_elsewhere, str(tmp_path / "fork.db"))
    assert held(tmp_path / "fork.db") == {"parent": set(range(30)), "child": set(range(30))}


def made_meanwhile(path: str) -> None:
    with_threads_of_ours()
    # Closing one with something to close takes time, in which other threads run.
    other = RustSQLiteCheckpointer(path + "2")
    stop = threading.Event()
    kept: list[RustSQLiteCheckpointer] = []

    def make() -> None:
        while not stop.is_set():
            kept.append(RustSQLiteCheckpointer(path))
            put(kept[-1], "parent", len(kept))
            if len(kept) % 8 == 0:
                kept[-8].close()

    making = threading.Thread(target=make)
    making.start()
    try:
        for n in range(1, 31):
            put(other, "t", n, b"x" * 1_000_000)

            def child(n: int = n) -> None:
                assert not open_files(path), "inherited"
                put(RustSQLiteCheckpointer(path), "child", n)
                # And those of the parent work, whenever they were made.
                assert latest(kept[-1], "child") == n

            Fork(child).join()
    finally:
        stop.set()
        making.join()
    assert held(Path(path))["parent"] == set(range(1, len(kept) + 1))


def test_nothing_is_inherited_of_checkpointers_that_another_thread_makes_meanwhile(tmp_path):
    in_a_process(made_meanwhile, str(tmp_path / "fork.db"))
    assert held(tmp_path / "fork.db")["child"] == set(range(1, 31))


def in_memory(_: str) -> None:
    saver = RustSQLiteCheckpointer(":memory:")
    put(saver, "t", 1)

    def child() -> None:
        assert latest(saver, "t") == 1
        put(saver, "t", 2)
        assert latest(saver, "t") == 2

    Fork(child).join()
    assert latest(saver, "t") == 1
    put(saver, "t", 3)
    assert latest(saver, "t") == 3


def generations(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)

    def descend(n: int) -> None:
        put(saver, "t", n)
        if n < 4:
            Fork(lambda: descend(n + 1)).join()
        assert latest(saver, "t") == 4

    descend(1)


def closed_before(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    put(saver, "t", 1)
    saver.close()

    def child() -> None:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            put(saver, "t", 2)

    Fork(child).join()


@pytest.mark.parametrize("story", [in_memory, generations, closed_before], ids=lambda story: story.__name__)
def test_a_fork_of(tmp_path, story):
    in_a_process(story, str(tmp_path / "fork.db"))


def undrained(path: str) -> None:
    """The file is locked by another process: what is asked of it takes longer than a fork waits."""
    with_threads_of_ours()
    with RustSQLiteCheckpointer(path) as saver:
        put(saver, "t", 1)
    saver = RustSQLiteCheckpointer(path, busy_timeout=1, readers=1)
    with locked(path):
        waiting = [threading.Thread(target=refused_for_the_lock, args=(saver,)) for _ in range(9)]
        for one in waiting:
            one.start()

        def child() -> None:
            def grandchild() -> None:
                with pytest.raises(sqlite3.ProgrammingError, match="forked"):
                    put(saver, "t", 2)
                # SQLite would take the parent's locks on the file to be those of a new connection too.
                with pytest.raises(sqlite3.ProgrammingError, match="forked"):
                    put(RustSQLiteCheckpointer(path), "t", 2)

            grandchild()
            Fork(grandchild).join()

        Fork(child).join()
        for one in waiting:
            one.join()
    # The parent goes on.
    put(saver, "t", 3)
    assert latest(saver, "t") == 3


def refused_for_the_lock(saver: RustSQLiteCheckpointer) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        latest(saver, "t")


def test_a_child_is_refused_where_the_fork_could_not_wait_for_what_was_going_on(tmp_path):
    in_a_process(undrained, str(tmp_path / "fork.db"))
