"""Full disks, writes that fail, locks that others hold: an error to whom it concerns, and work goes on afterwards."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.numbered_checkpoints import THREE_WRITES, aput, config_of, held, latest, put
from apps.processes import in_a_process, locked
from fast_langgraph import RustSQLiteCheckpointer
from threads import all_at_once

NAMED = sys.version_info >= (3, 11)


def has_code(error: sqlite3.Error, name: str) -> bool:
    return not NAMED or error.sqlite_errorname.startswith(name)


class Outcomes:
    """Which of many puts were acknowledged, and what became of the others."""

    def __init__(self) -> None:
        self.done: set[tuple[str, int]] = set()
        self.failed: dict[tuple[str, int], sqlite3.Error] = {}

    def put(self, saver: RustSQLiteCheckpointer, thread: str, n: int, size: int) -> None:
        try:
            put(saver, thread, n, os.urandom(size))
            self.done.add((thread, n))
        except sqlite3.Error as error:
            self.failed[thread, n] = error

    def check(self, found: dict[str, set[int]]) -> None:
        """What was acknowledged is there, and what failed is not."""
        assert {(thread, n) for thread, numbers in found.items() for n in numbers} == self.done


def test_a_full_disk_fails_the_put_and_no_other_and_later_ones_work_once_there_is_room(small_disk):
    path, ballast = small_disk / "full.db", small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    outcomes = Outcomes()
    saver = RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20)
    n = 0
    while not outcomes.failed:
        n += 1
        outcomes.put(saver, "t", n, 100_000)
    [error] = outcomes.failed.values()
    assert type(error) is sqlite3.OperationalError
    assert "full" in str(error)
    assert has_code(error, "SQLITE_FULL")
    assert n > 5
    # What was there is there to read, and stays so.
    assert latest(saver, "t") == n - 1
    assert len(list(saver.list(config_of("t")))) == n - 1
    with pytest.raises(sqlite3.OperationalError, match="full"):
        saver.put_writes(config_of("t", "x"), [("a", os.urandom(300_000)) for _ in range(3)], "task")
    ballast.unlink()
    for more in range(n + 1, n + 4):
        outcomes.put(saver, "t", more, 100_000)
    assert len(outcomes.failed) == 1
    saver.close()
    outcomes.check(held(path))


def grouped(saver: RustSQLiteCheckpointer, path: Path, works: list[Callable[[], None]]) -> None:
    """All but the first in one transaction: they queue behind it while somebody else has the lock."""
    before = saver.stats().counters["most_queued"]
    assert before < len(works) - 1
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        running = [threading.Thread(target=work) for work in works]
        for thread in running:
            thread.start()
        while saver.stats().counters["queued"] < len(works) - 1:
            pass
    finally:
        other.execute("ROLLBACK")
        other.close()
    for thread in running:
        thread.join(60)
        assert not thread.is_alive()
    assert saver.stats().counters["largest_batch"] >= len(works) - 1


def test_of_those_that_commit_together_on_a_full_disk_only_the_one_without_room_fails(small_disk):
    path = small_disk / "group.db"
    outcomes = Outcomes()
    with RustSQLiteCheckpointer(path) as saver:
        saver.setup()
        small = [lambda n=n: outcomes.put(saver, "small", n, 1_000) for n in range(8)]
        large = [lambda: outcomes.put(saver, "large", 0, 6_000_000)]
        grouped(saver, path, [*small[:4], *large, *small[4:]])
        assert list(outcomes.failed) == [("large", 0)]
        assert has_code(outcomes.failed["large", 0], "SQLITE_FULL")
        assert outcomes.done == {("small", n) for n in range(8)}
    outcomes.check(held(path))


def test_of_those_that_commit_together_one_that_is_refused_takes_no_other_with_it(tmp_path):
    """A constraint fails one; one that fails half-way undoes all of its own."""
    path = tmp_path / "group.db"
    outcomes = Outcomes()
    with RustSQLiteCheckpointer(path) as saver:
        put(saver, "taken", 0)
        outcomes.done.add(("taken", 0))
        other = sqlite3.connect(path)
        other.execute("CREATE TRIGGER refuse BEFORE INSERT ON writes WHEN NEW.channel = 'c' BEGIN SELECT RAISE(ABORT, 'no c'); END")  # fmt: skip
        other.close()
        raised: list[BaseException] = []

        def refused(work: Callable[[], Any]) -> None:
            with pytest.raises(sqlite3.IntegrityError) as error:
                work()
            raised.append(error.value)

        failing: list[Callable[[], Any]] = [
            lambda: saver.copy_thread("small", "taken"),
            # Its third row is refused, the two before it are written already.
            lambda: saver.put_writes(config_of("small", "x"), THREE_WRITES, "half"),
        ]
        small = [lambda n=n: outcomes.put(saver, "small", n, 1_000) for n in range(6)]
        grouped(saver, path, [*small[:3], *(lambda work=work: refused(work) for work in failing), *small[3:]])
        assert sorted(map(str, raised)) == ["no c", 'thread "taken" has checkpoints already']
        assert not outcomes.failed
        assert outcomes.done >= {("small", n) for n in range(6)}
        assert saver.stats().writes == 0
    outcomes.check(held(path))


def beyond_a_limit(path: str) -> None:
    """What is written fails in the middle, as with a medium that gives up."""
    saver = RustSQLiteCheckpointer(path)
    outcomes = Outcomes()
    for n in range(1, 11):
        outcomes.put(saver, "before", n, 50_000)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.stat(path + "-wal").st_size + 300_000, hard))

    def work(thread: int) -> None:
        for n in range(1, 30):
            outcomes.put(saver, f"small{thread}" if thread % 2 else f"large{thread}", n, 100 if thread % 2 else 70_000)

    all_at_once(work, 6)
    assert outcomes.failed
    assert all(type(error) is sqlite3.OperationalError for error in outcomes.failed.values())
    assert all(has_code(error, "SQLITE_IOERR") for error in outcomes.failed.values())
    assert latest(saver, "before") == 10
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for n in range(1, 11):
        outcomes.put(saver, "after", n, 50_000)
    assert ("after", 10) in outcomes.done
    saver.close()
    outcomes.check(held(Path(path)))


def test_a_write_that_fails_in_the_middle_fails_its_put_and_leaves_all_others(tmp_path):
    in_a_process(beyond_a_limit, str(tmp_path / "limited.db"))


def log_not_moved(path: str) -> None:
    """The database can't grow, so the log can't be moved into it: puts go on as long as the log can be written."""
    saver = RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20)
    outcomes = Outcomes()
    outcomes.put(saver, "t", 0, 10)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))
    for n in range(1, 100):
        outcomes.put(saver, "t", n, 100_000)
    assert outcomes.failed
    assert len(outcomes.done) > 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for n in range(100, 200):
        outcomes.put(saver, "t", n, 100_000)
    assert ("t", 199) in outcomes.done
    assert saver.stats().wal_file_bytes < 4 << 20
    saver.close()
    outcomes.check(held(Path(path)))


def test_a_log_that_can_not_be_moved_into_the_database_loses_nothing(tmp_path):
    in_a_process(log_not_moved, str(tmp_path / "unmoved.db"))


def test_a_lock_that_another_process_holds_for_too_long_is_an_error_and_work_goes_on_later(tmp_path):
    path = tmp_path / "locked.db"
    with RustSQLiteCheckpointer(path, busy_timeout=0.3) as saver:
        put(saver, "t", 1)
        saver.close()
    saver = RustSQLiteCheckpointer(path, busy_timeout=0.3)
    with locked(path):
        for ask in (lambda: put(saver, "t", 2), lambda: latest(saver, "t"), saver.setup):
            with pytest.raises(sqlite3.OperationalError, match="database is locked") as error:
                ask()
            assert has_code(error.value, "SQLITE_BUSY")
    put(saver, "t", 3)
    assert latest(saver, "t") == 3
    saver.close()
    assert held(path) == {"t": {1, 3}}


def test_while_another_writes_readers_go_on_and_those_who_write_hear_of_it_together(tmp_path):
    path = tmp_path / "locked.db"
    outcomes = Outcomes()
    with RustSQLiteCheckpointer(path, busy_timeout=0.3) as saver:
        outcomes.put(saver, "t", 0, 10)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        all_at_once(lambda thread: outcomes.put(saver, "refused", thread, 10), 6)
        assert len(outcomes.failed) == 6
        assert all(str(error) == "database is locked" for error in outcomes.failed.values())
        assert latest(saver, "t") == 0
        other.execute("ROLLBACK")
        other.close()
        all_at_once(lambda thread: outcomes.put(saver, "later", thread, 10), 6)
        assert len(outcomes.done) == 7
    outcomes.check(held(path))


def test_a_lock_that_is_let_go_of_in_time_is_waited_for(tmp_path):
    path = tmp_path / "locked.db"
    with RustSQLiteCheckpointer(path, busy_timeout=60) as saver:
        saver.setup()
        grouped(saver, path, [lambda n=n: put(saver, "t", n) for n in range(6)])
    assert held(path) == {"t": set(range(6))}


def test_a_loop_goes_on_while_its_puts_wait_for_a_lock(tmp_path):
    path = tmp_path / "locked.db"

    async def main() -> None:
        async with RustSQLiteCheckpointer(path, busy_timeout=0.5) as saver:
            await aput(saver, "t", 1)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            refused = [asyncio.create_task(aput(saver, "t", n)) for n in range(2, 8)]
            ticks = 0
            while not all(task.done() for task in refused):
                # Reads are answered meanwhile.
                assert (await saver.aget_tuple(config_of("t"))).metadata["step"] == 1
                ticks += 1
            assert ticks > 10
            assert {str(task.exception()) for task in refused} == {"database is locked"}
            waiting = [asyncio.create_task(aput(saver, "t", n)) for n in range(8, 14)]
            await asyncio.sleep(0.05)
            other.execute("ROLLBACK")
            other.close()
            await asyncio.gather(*waiting)

    asyncio.run(main())
    assert held(path) == {"t": {1, *range(8, 14)}}
