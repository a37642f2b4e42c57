"""The file of the write-ahead log is made longer, with zeros, before small commits need it."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from worker import PATIENCE, config_of, held, in_a_process, latest, processes, put, state

from fast_langgraph import RustSQLiteCheckpointer

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
    assert 64 << 10 < ahead <= 256 << 10
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
    assert len(lengths) <= 12
    assert max(lengths) == 4 << 20
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
        assert size(path) - used(saver) > 64 << 10
    assert held(path) == {"t": set(range(1, 40))}


def no_room(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    saver.setup()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    # Zeros fit in part, and are taken off again.
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    for n in range(1, 4):
        put(saver, "t", n)
        assert size(Path(path)) == used(saver) < 150_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for n in range(4, 100):
        put(saver, "t", n)
    saver.close()
    assert held(Path(path)) == {"t": set(range(1, 100))}


def test_without_room_for_it_commits_do_without(path):
    in_a_process(no_room, str(path))


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
    assert size(path) > 256 << 10
    assert held(path) == {"t": {1, 2}}
    # That was the last to have it open.
    log = path.with_name(path.name + "-wal")
    assert not log.exists()
    log.write_bytes(bytes(256 << 10))
    assert held(path) == {"t": {1, 2}}
