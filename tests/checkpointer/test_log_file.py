"""The file of the write-ahead log is made longer, with zeros, before small commits need it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.numbered_checkpoints import config_of, held, latest, put, state
from apps.processes import Fork, in_a_process, processes
from fast_langgraph import RustSQLiteCheckpointer
from threads import PATIENCE

#: From its start on; read by another process, for closing the log's file would drop the locks on it.
IS_ZERO_FROM = "import sys; print(not any(open(sys.argv[1], 'rb').read()[int(sys.argv[2]):]))"


def size(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


def used(saver: RustSQLiteCheckpointer) -> int:
    return saver.stats().counters["wal_bytes"]


def test_there_is_room_for_small_commits_ahead_of_the_log_and_it_holds_zeros(checkpointer, path):
    for n in range(1, 4):
        put(checkpointer, "t", n)
    ahead = size(path) - used(checkpointer)
    assert 16 << 10 < ahead <= 64 << 10
    log = f"{path}-wal"
    for start, is_zero in ((used(checkpointer), "True"), (used(checkpointer) - 100, "False")):
        done = subprocess.run([sys.executable, "-c", IS_ZERO_FROM, log, str(start)], capture_output=True, text=True)
        assert done.stdout.split() == [is_zero], done.stderr
    lengths = set()
    while used(checkpointer) < 4_000_000:
        n += 1
        put(checkpointer, "t", n, os.urandom(1_000))
        lengths.add(size(path))
        assert size(path) >= used(checkpointer)
    # A few times by much, rather than with each commit.
    assert n > 200
    assert len(lengths) <= 14
    assert 4_000_000 <= max(lengths) <= 4 << 20
    checkpointer.close()
    assert held(path) == {"t": set(range(1, n + 1))}


@pytest.mark.parametrize("synchronous", ["normal", "off"])
def test_where_commits_are_not_synced_it_is_as_long_as_what_is_in_it(path, synchronous):
    with RustSQLiteCheckpointer(path, synchronous=synchronous) as saver:
        for n in range(1, 40):
            put(saver, "t", n)
            assert size(path) == used(saver)


def test_large_commits_make_it_longer_themselves(path):
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(1, 21):
            put(saver, "t", n, os.urandom(100_000))
        assert size(path) == used(saver)


def test_it_stays_below_where_the_log_is_moved(path):
    with RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20) as saver:
        n = 0
        while used(saver) < 460_000:
            n += 1
            put(saver, "t", n)
            assert size(path) <= 512 << 10
        assert size(path) == 512 << 10


def stock_beside(path: str, pipe: Connection) -> None:
    """Puts a checkpoint each time that it is asked to, and is killed at last."""
    with SqliteSaver.from_conn_string(path) as saver:
        while True:
            thread, n = pipe.recv()
            saver.put(config_of(thread), state(n), {"step": n}, {})
            pipe.send(n)


def test_another_process_writes_on_in_the_zeros_and_both_find_all(path):
    saver = RustSQLiteCheckpointer(path)
    put(saver, "ours", 1)
    ours, theirs = processes.Pipe()
    child = processes.Process(target=stock_beside, args=(str(path), theirs))
    child.start()
    for n in range(2, 200):
        put(saver, "ours", n)
        ours.send(("stock's", n))
        assert ours.recv() == n
        assert latest(saver, "stock's") == n
    child.kill()
    child.join(PATIENCE)
    put(saver, "ours", 200)
    saver.close()
    assert held(path) == {"ours": set(range(1, 201)), "stock's": set(range(2, 200))}


def test_a_log_that_somebody_cuts_off_is_made_longer_again(path):
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(1, 40):
            put(saver, "t", n)
            if n % 10 == 0:
                other = sqlite3.connect(path)
                assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
                assert size(path) == 0
                other.close()
        assert size(path) - used(saver) > 16 << 10
    assert held(path) == {"t": set(range(1, 40))}


def test_on_a_full_disk_commits_do_without_and_what_was_added_is_taken_off(small_disk):
    path, ballast = small_disk / "full.db", small_disk / "ballast"
    with RustSQLiteCheckpointer(path) as saver:
        put(saver, "t", 1)
        free = os.statvfs(small_disk)
        ballast.write_bytes(bytes(free.f_bavail * free.f_bsize - (48 << 10)))
        for n in (2, 3):
            put(saver, "t", n)
            assert size(path) == used(saver)
        ballast.unlink()
        for n in range(4, 100):
            put(saver, "t", n)
    assert held(path) == {"t": set(range(1, 100))}


def limited(path: str) -> None:
    """A limit that commits keep to ends the process where a file would pass it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, hard))
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(1, 5):
            put(saver, "t", n)
        assert size(Path(path)) == used(saver) < 90_000


def test_a_limit_for_files_is_not_passed_by_zeros(path):
    in_a_process(limited, str(path))
    assert held(path) == {"t": {1, 2, 3, 4}}


def other_file_system(path: str) -> None:
    """SQLite's own by another name, as the default."""
    maps = Path("/proc/self/maps").read_text().split()
    sqlite = ctypes.CDLL(next(name for name in maps if "/libsqlite3.so" in name))
    sqlite.sqlite3_vfs_find.restype = ctypes.c_void_p
    # Up to what version 3 of the struct ends with; the next in the list, and the name, are at 16 and 24.
    vfs = ctypes.create_string_buffer(ctypes.string_at(sqlite.sqlite3_vfs_find(None), 168), 168)
    name = ctypes.create_string_buffer(b"other")
    vfs[16:32] = struct.pack("PP", 0, ctypes.addressof(name))
    assert sqlite.sqlite3_vfs_register(vfs, 1) == 0
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(1, 20):
            put(saver, "t", n)
            assert size(Path(path)) == used(saver)
    # Nothing may come after it that uses SQLite.
    os._exit(0)


@pytest.mark.skipif("/libsqlite3.so" not in Path("/proc/self/maps").read_text(), reason="needs a shared libsqlite3")
def test_a_file_system_of_somebody_else_is_left_alone(path):
    in_a_process(other_file_system, str(path))
    assert held(path) == {"t": set(range(1, 20))}


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Another has the right to write."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_while_another_writes_it_is_left_alone_and_waited_for_once(path):
    """The other goes on after a timeout and before a second: who waited twice would get through."""
    with RustSQLiteCheckpointer(path, busy_timeout=1.5) as saver:
        put(saver, "t", 1)
        before = size(path)
        with writing(path) as other:
            later = threading.Timer(2.5, other.execute, ["ROLLBACK"])
            later.start()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                put(saver, "t", 2)
            assert size(path) == before
            later.join()
        put(saver, "t", 3)
        assert size(path) - used(saver) > 16 << 10
    assert held(path) == {"t": {1, 3}}


def test_a_commit_waits_for_a_lock_that_room_was_not_made_for(path):
    with RustSQLiteCheckpointer(path, busy_timeout=PATIENCE) as saver:
        put(saver, "t", 1)
        with writing(path) as other:
            later = threading.Timer(0.3, other.execute, ["ROLLBACK"])
            later.start()
            put(saver, "t", 2)
            later.join()
    assert held(path) == {"t": {1, 2}}


def forks(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    n = 0
    while n == 0 or used(saver) < 2_000_000:
        n += 1
        put(saver, "t", n)
    Fork(lambda: None).join()
    # Its last connection was closed for the fork.
    assert not Path(f"{path}-wal").exists()
    for n in (n + 1, n + 2):
        put(saver, "t", n)
    assert used(saver) < size(Path(path)) < 256 << 10
    saver.close()
    assert held(Path(path)) == {"t": set(range(1, n + 1))}


def test_after_a_fork_the_log_is_another(path):
    in_a_process(forks, str(path))


def test_a_process_that_is_killed_leaves_zeros_that_the_next_reads_as_none(path):
    """Where the log holds nothing but zeros too: its header was not written yet."""
    script = """
import os, sys
from fast_langgraph import RustSQLiteCheckpointer
from langgraph.checkpoint.base import empty_checkpoint
saver = RustSQLiteCheckpointer(sys.argv[1])
for n in (1, 2):
    saver.put({"configurable": {"thread_id": "t", "checkpoint_ns": ""}}, empty_checkpoint(), {"step": n}, {})
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert size(path) > 90_000
    assert held(path) == {"t": {1, 2}}
    # That was the last to have it open.
    log = path.with_name(path.name + "-wal")
    assert not log.exists()
    log.write_bytes(bytes(256 << 10))
    assert held(path) == {"t": {1, 2}}
