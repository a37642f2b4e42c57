"""SQLite's locks on the file belong to the process: nothing that a checkpointer does may drop them.

Opening and closing the file, the log or the shared memory by any other way than SQLite's would, and then another
process may delete the log that this one writes to.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.numbered_checkpoints import aput, config_of, latest, put
from apps.processes import processes
from fast_langgraph import RustSQLiteCheckpointer

#: the bytes of the file that a connection holds a shared lock on, as long as it is open in WAL mode
PENDING = 0x40000000
SHARED, LENGTH = PENDING + 2, 510
#: and the byte of the shared memory by which connections tell that it is in use
DEAD_MAN = 128


def is_locked(path: str, start: int, length: int) -> bool:
    """Whether another process holds a lock."""
    with open(path, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except BlockingIOError:
            return True
        return False


def locks(path: Path) -> list[bool]:
    """As another process sees them."""
    with processes.Pool(1) as pool:
        return pool.starmap(is_locked, [(str(path), SHARED, LENGTH), (f"{path}-shm", DEAD_MAN, 1)])


def another_opened_and_closed(saver: RustSQLiteCheckpointer) -> None:
    with RustSQLiteCheckpointer(saver.path) as other:
        put(other, "t", 2)
        assert latest(other, "t") == 2


def sqlite3_opened_and_closed(saver: RustSQLiteCheckpointer) -> None:
    connection = sqlite3.connect(saver.path)
    assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    connection.close()


def opened_by_another_name(saver: RustSQLiteCheckpointer) -> None:
    os.symlink(saver.path, saver.path + ".link")
    with RustSQLiteCheckpointer(saver.path + ".link") as other:
        assert latest(other, "t") == 1


def moved_the_log(saver: RustSQLiteCheckpointer) -> None:
    for n in range(200):
        put(saver, "t", n, b"x" * 20_000)
    assert saver.stats().counters["wal_checkpoints"] > 0


def in_a_loop(saver: RustSQLiteCheckpointer) -> None:
    async def main() -> None:
        await aput(saver, "t", 2)
        await saver.astats()
        assert [found async for found in saver.alist(None)]

    asyncio.run(main())


DONE: list[Callable[[RustSQLiteCheckpointer], object]] = [
    lambda saver: put(saver, "t", 2),
    lambda saver: list(saver.list(config_of("t"))),
    lambda saver: saver.stats(),
    lambda saver: saver.vacuum(),
    lambda saver: saver.backup(saver.path + ".copy"),
    lambda saver: saver.prune(keep_last=1),
    another_opened_and_closed,
    sqlite3_opened_and_closed,
    opened_by_another_name,
    moved_the_log,
    in_a_loop,
]


@pytest.mark.parametrize("number", range(len(DONE)))
def test_the_locks_are_held_until_it_is_closed(tmp_path, number):
    path = tmp_path / "locks.db"
    with RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20) as saver:
        put(saver, "t", 1)
        assert locks(path) == [True, True]
        DONE[number](saver)
        assert locks(path) == [True, True]
    assert not is_locked(str(path), SHARED, LENGTH)


#: an operation that takes its time
SLOW = """
CREATE TRIGGER slow AFTER INSERT ON writes WHEN NEW.thread_id = 't' BEGIN
    INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel)
    SELECT 'x', '', 'x', 'x', '', 0, count(*) FROM (
        WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted LIMIT 30000000) SELECT n FROM counted
    );
END
"""


@pytest.mark.parametrize("entry", ["sync", "async"])
def test_what_takes_longer_than_a_close_waits_is_done_and_then_it_is_closed(entry, tmp_path, caplog):
    path = tmp_path / "slow.db"
    saver = RustSQLiteCheckpointer(path, busy_timeout=0)
    saved = config_of("t", put(saver, "t", 1))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(SLOW)
    writing = threading.Thread(target=lambda: saver.put_writes(saved, [("a", 1)], "task"))
    writing.start()
    time.sleep(0.5)
    if entry == "sync":
        saver.close()
    else:
        asyncio.run(saver.aclose())
    if writing.is_alive():
        assert "is still in use" in caplog.text
    writing.join()
    until = time.monotonic() + 30
    while is_open(path) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_open(path)
    # All is in the file itself, which may be copied now.
    assert not path.with_name("slow.db-wal").exists()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM writes WHERE thread_id = 't'").fetchone() == (1,)


def is_open(path: Path) -> bool:
    """Whether this process has the file open."""
    files = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return any(os.path.realpath(file) == str(path) for file in files)
