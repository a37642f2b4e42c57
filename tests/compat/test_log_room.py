"""The file of the write-ahead log has room before commits need it, under patch() too, and only that file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.new_process import in_new_process
from beside_stock.stories import all_rows
from fast_langgraph import _native
from samples.checkpoints import METADATA, WRITES, checkpoint, config

#: the log's header, and a page of it with its own
HEADER, FRAME = 32, 24 + 4096

#: SQLite moves the log into the database from so many pages on
AUTOCHECKPOINT = 1000


@pytest.fixture(params=["standard", "compact"])
def path(request, tmp_path):
    path = tmp_path / "app.db"
    if request.param == "compact":
        with closing(sqlite3.connect(path)) as conn:
            _native.make_compact(conn)
    return path


def puts(saver, start, end, size=2000):
    for n in range(start, end):
        put = saver.put(config("1", at=n - 1 if n else None), checkpoint(n, messages=[os.urandom(size)]), METADATA, {})
        saver.put_writes(put, WRITES, "task")


def file_bytes(path, of="-wal"):
    # By its name: opening the file here and closing it would drop SQLite's locks.
    return os.stat(f"{path}{of}").st_size


def log_bytes(conn):
    """What is in the log; it is moved into the database as far as that is possible, which leaves the file as it is."""
    return HEADER + conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1] * FRAME


def test_it_has_room_after_a_few_commits(path):
    fast_langgraph.patch()
    with SqliteSaver.from_conn_string(str(path)) as saver:
        puts(saver, 0, 10)
        assert file_bytes(path) > log_bytes(saver.conn)


def test_an_async_saver_makes_it_too(path):
    async def run():
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            for n in range(20):
                await saver.aput(config("1", at=n - 1 if n else None), checkpoint(n), METADATA, {})
            cursor = await saver.conn.execute("PRAGMA wal_checkpoint(PASSIVE)")
            assert file_bytes(path) > HEADER + (await cursor.fetchone())[1] * FRAME

    fast_langgraph.patch()
    asyncio.run(run())


def test_stock_makes_none(path):
    fast_langgraph.patch()
    with fast_langgraph.disabled(), SqliteSaver.from_conn_string(str(path)) as saver:
        puts(saver, 0, 10)
        assert file_bytes(path) == log_bytes(saver.conn)


def test_the_file_gets_no_longer_than_stock_s_and_keeps_what_was_put(path):
    fast_langgraph.patch()
    longest = 0
    with SqliteSaver.from_conn_string(str(path)) as saver:
        for n in range(0, 900, 20):
            puts(saver, n, n + 20)
            longest = max(longest, file_bytes(path))
        # The commit that makes the log long enough is in it as well.
        assert AUTOCHECKPOINT * FRAME <= longest < (AUTOCHECKPOINT + 40) * FRAME
        shown = all_rows(saver.conn)
    with fast_langgraph.disabled(), SqliteSaver.from_conn_string(str(path)) as stock:
        assert all_rows(stock.conn) == shown
        assert stock.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(list(stock.list(config("1", at=None)))) == 900


def test_a_log_that_has_started_over_has_its_old_pages_for_room(path):
    fast_langgraph.patch()
    with SqliteSaver.from_conn_string(str(path)) as saver:
        puts(saver, 0, 200)
        log_bytes(saver.conn)
        before = file_bytes(path)
        puts(saver, 200, 220)
        assert log_bytes(saver.conn) < before == file_bytes(path)


def test_a_connection_of_stock_reads_and_writes_beside_it_and_recovers_it(path, tmp_path):
    fast_langgraph.patch()
    with SqliteSaver.from_conn_string(str(path)) as saver:
        puts(saver, 0, 10)
        with fast_langgraph.disabled(), SqliteSaver.from_conn_string(str(path)) as stock:
            puts(stock, 10, 12)
            puts(saver, 12, 13)
            assert len(list(stock.list(config("1", at=None)))) == 13
        # As a crash would leave it: the file with its room, and no index of the log.
        for name in ("", "-wal"):
            subprocess.run(["cp", f"{path}{name}", f"{tmp_path}/copy.db{name}"], check=True)
        assert file_bytes(tmp_path / "copy.db") > log_bytes(saver.conn)
        shown = all_rows(saver.conn)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert all_rows(copy) == shown
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("mode", ["DELETE", "PERSIST", "TRUNCATE", "MEMORY"])
def test_a_rollback_journal_is_left_alone(mode, tmp_path):
    lengths = []
    for side in ("ours", "stock"):
        path = tmp_path / f"{side}.db"
        with closing(sqlite3.connect(path, check_same_thread=False)) as conn:
            saver = SqliteSaver(conn)
            saver.setup()
            conn.execute(f"PRAGMA journal_mode = {mode}")
            if side == "ours":
                fast_langgraph.patch()
            for n in range(10):
                saver.put(config("1", at=n - 1 if n else None), checkpoint(n, messages=["m" * 9000]), METADATA, {})
            journal = f"{path}-journal"
            lengths.append(os.stat(journal).st_size if os.path.exists(journal) else None)
            fast_langgraph.unpatch()
    assert lengths[0] == lengths[1]


def test_a_transaction_that_writes_nothing_does_not_touch_the_log(path):
    fast_langgraph.patch()
    with SqliteSaver.from_conn_string(str(path)) as saver:
        puts(saver, 0, 1)
        before = file_bytes(path)
        saver.put_writes(config("1", at=0), [], "task")
        assert file_bytes(path) == before


@pytest.mark.parametrize(
    "by",
    [
        "uri",
        pytest.param(
            "setting", marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="sqlite3 no longer has the setting")
        ),
    ],
)
def test_files_that_connections_share_are_left_alone(by, path):
    """Another thread may read the same file at that moment. Where SQLite seeks before it reads, zeros were then written
    over what had been committed."""
    code = f"""
        import os, sqlite3, sys, warnings
        import fast_langgraph
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, checkpoint, config

        fast_langgraph.patch()
        name = {str(path)!r}
        if {by!r} == "uri":
            name = "file:" + name + "?mode=rwc&cache=shared"
        else:
            warnings.simplefilter("ignore")
            sqlite3.enable_shared_cache(True)
        conns = [sqlite3.connect(name, uri=True, check_same_thread=False) for _ in range(2)]
        assert conns[1].execute("SELECT count(*) FROM sqlite_master").fetchone()
        saver = SqliteSaver(conns[0])
        for n in range(30):
            saver.put(config("1", at=n - 1 if n else None), checkpoint(n, messages=[os.urandom(2000)]), METADATA, {{}})
        pages = conns[0].execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
        print(os.stat({f"{path}-wal"!r}).st_size - ({HEADER} + pages * {FRAME}))
    """
    process = in_new_process(code)
    assert (process.returncode, process.stdout) == (0, "0\n"), process.stderr


def test_a_file_that_may_not_get_longer_has_no_room_and_takes_the_commits_that_fit(path):
    code = f"""
        import os, resource, signal, sqlite3, sys
        import fast_langgraph
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, checkpoint, config

        fast_langgraph.patch()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with SqliteSaver.from_conn_string({str(path)!r}) as saver:
            saver.setup()
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
            done = 0
            try:
                for n in range(200):
                    state = checkpoint(n, messages=[os.urandom(2000)])
                    saver.put(config("1", at=n - 1 if n else None), state, METADATA, {{}})
                    done += 1
            except sqlite3.OperationalError as error:
                print(error)
            assert os.stat({f"{path}-wal"!r}).st_size <= 200_000
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert len(list(saver.list(config("1", at=None)))) == done > 8
    """
    process = in_new_process(code)
    assert process.returncode == 0, process.stderr
    assert process.stdout in ("disk I/O error\n", "database or disk is full\n")
