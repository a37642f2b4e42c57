"""What the constructor does with the file: it makes it and refuses what is no checkpointer's, and nothing stays open."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.databases import connected
from apps.numbered_checkpoints import held, latest, put
from apps.processes import Fork, in_a_process, locked, open_files, processes, without_privileges
from beside_stock.new_process import in_new_process
from fast_langgraph import RustSQLiteCheckpointer
from threads import PATIENCE

OTHER = "CREATE TABLE checkpoints (number INTEGER)"

#: a constructor that waited for a lock as long would not return before the test is over
LONG = 3_600


def made(path: Path) -> None:
    """A database with a checkpoint, closed."""
    with RustSQLiteCheckpointer(path) as saver:
        put(saver, "t", 1)


def contents(path: Path) -> dict[str, bytes | None]:
    """The file and those beside it; but not the index of the log nor an empty log, which hold nothing."""
    found = [file for file in path.parent.iterdir() if not file.name.endswith("-shm")]
    read = {file.name: file.read_bytes() if file.is_file() else None for file in found}
    return {name: content for name, content in read.items() if content != b"" or not name.endswith("-wal")}


def error_of(work: Callable[[], Any]) -> tuple[type, str, int | None]:
    with pytest.raises(sqlite3.Error) as error:
        work()
    return type(error.value), str(error.value), getattr(error.value, "sqlite_errorcode", None)


# It is there.


@pytest.mark.parametrize("options", [{}, {"created_at": False}, {"synchronous": "off", "readers": 1}])
@pytest.mark.parametrize("make", [RustSQLiteCheckpointer, RustSQLiteCheckpointer.from_conn_string])
def test_a_file_that_was_constructed_has_a_size_and_nothing_of_it_is_open(path, make, options):
    saver = make(str(path), **options)
    assert os.path.getsize(path) == 0
    assert os.listdir(path.parent) == [path.name]
    assert not open_files(path)
    assert saver.stats(0).checkpoints == 0
    put(saver, "t", 1)
    saver.close()
    assert held(path) == {"t": {1}}


def test_one_that_was_never_used_leaves_an_empty_file_that_stock_and_ours_go_on_with(path):
    RustSQLiteCheckpointer(path).close()
    with RustSQLiteCheckpointer(path):
        pass
    assert contents(path) == {path.name: b""}
    made(path)


def with_its_mode(path: str) -> None:
    for umask in (0o022, 0o027, 0o077, 0):
        os.umask(umask)
        sqlite3.connect(f"{path}{umask}.sqlite").close()
        RustSQLiteCheckpointer(f"{path}{umask}")
        assert os.stat(f"{path}{umask}").st_mode == os.stat(f"{path}{umask}.sqlite").st_mode


def test_the_file_is_made_with_the_mode_that_sqlite3_gives_it(path):
    in_a_process(with_its_mode, str(path))


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "volume").mkdir()
    (tmp_path / "link.db").symlink_to("volume/real.db")
    saver = RustSQLiteCheckpointer(tmp_path / "link.db")
    assert (tmp_path / "link.db").is_symlink()
    assert os.path.getsize(tmp_path / "volume" / "real.db") == 0
    put(saver, "t", 1)
    saver.close()
    assert held(tmp_path / "volume" / "real.db") == {"t": {1}}


@pytest.mark.parametrize("options", [{}, {"read_only": True}], ids=str)
@pytest.mark.parametrize("name", ["checkpoints.db", "a%20b?mode=ro#é.db"])
def test_an_existing_database_is_as_it_was_with_nothing_beside_it(tmp_path, name, options):
    path = tmp_path / name
    made(path)
    before = contents(path)
    assert list(before) == [path.name]
    saver = RustSQLiteCheckpointer(path, **options)
    assert contents(path) == before
    assert os.listdir(path.parent) == [path.name]
    assert not open_files(path)
    assert latest(saver, "t") == 1
    saver.close()


def test_a_database_of_something_else_without_these_tables_is_given_them_at_first_use(path):
    """An app may have all that it stores in one file."""
    with connected(path) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    saver = RustSQLiteCheckpointer(path)
    with connected(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("customers",)]
    put(saver, "t", 1)
    saver.close()
    assert held(path) == {"t": {1}}


def test_the_log_of_a_database_that_was_deleted_is_left_to_the_first_use(path):
    """SQLite removes it when it reads the empty file, but the database may come back before."""
    made(path)
    in_a_process(leave_a_log, str(path))
    path.rename(path.with_name("away"))
    saver = RustSQLiteCheckpointer(path)
    path.with_name("away").rename(path)
    assert latest(saver, "t") == 2
    saver.close()


def test_it_may_be_deleted_or_replaced_before_it_is_used(path):
    saver = RustSQLiteCheckpointer(path)
    path.unlink()
    put(saver, "t", 1)
    saver.close()
    other = RustSQLiteCheckpointer(path.with_name("other.db"))
    path.rename(path.with_name("other.db"))
    assert latest(other, "t") == 1
    other.close()


# It is refused.


def folder(path: Path) -> None:
    path.mkdir()


def notes(path: Path) -> None:
    path.write_text("these are notes\n" * 1_000)


def a_few_bytes(path: Path) -> None:
    path.write_bytes(b"{}\n")


def encrypted(path: Path) -> None:
    path.write_bytes(bytes((n * n + 7) % 251 for n in range(8_192)))


def damaged(path: Path) -> None:
    made(path)
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xa5" * 200 + content[300:])


def other_checkpoints(path: Path) -> None:
    with connected(path) as connection:
        connection.execute(OTHER)


def other_writes(path: Path) -> None:
    with connected(path) as connection:
        connection.execute("CREATE TABLE writes (book TEXT, author TEXT)")


def other_with_a_log(path: Path) -> None:
    """All of it is in the log, which a process has left that was killed."""
    in_a_process(leave_a_log_of_something_else, str(path))


def newer(path: Path) -> None:
    made(path)
    with connected(path) as connection:
        connection.execute("ALTER TABLE checkpoints ADD COLUMN tenant TEXT NOT NULL DEFAULT 'none'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL DEFAULT ''none''', 'NOT NULL')")


REFUSED = [
    (folder, "it is a folder"),
    (notes, "file is not a database"),
    (a_few_bytes, "file is not a database"),
    (encrypted, "file is not a database"),
    (damaged, "malformed"),
    (other_checkpoints, "table checkpoints of this database has no column thread_id: not a checkpointer's"),
    (other_writes, "table writes of this database has no column thread_id: not a checkpointer's"),
    (other_with_a_log, "table checkpoints of this database has no column thread_id: not a checkpointer's"),
    (newer, "table checkpoints of this database has a column tenant that is not known here"),
]


@pytest.mark.parametrize("options", [{}, {"read_only": True}, {"layout": "compact"}], ids=str)
@pytest.mark.parametrize(("kind", "says"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_no_checkpointers_is_refused_as_at_its_first_use_and_left_as_it_is(tmp_path, kind, says, options):
    kind(tmp_path / "file")
    before = contents(tmp_path / "file")
    raised = error_of(lambda: RustSQLiteCheckpointer(tmp_path / "file", **options))
    assert says in raised[1]
    assert error_of(lambda: RustSQLiteCheckpointer.from_conn_string(str(tmp_path / "file"), **options)) == raised
    assert contents(tmp_path / "file") == before
    assert not open_files(tmp_path)
    # It takes the name of one that was fine when it was constructed.
    saver = RustSQLiteCheckpointer(tmp_path / "other", read_only=options.get("read_only", False))
    (tmp_path / "other").unlink(missing_ok=True)
    for name in before:
        (tmp_path / name).rename(tmp_path / name.replace("file", "other"))
    at_first_use = error_of(saver.setup)
    assert raised == (at_first_use[0], at_first_use[1].replace("other", "file"), at_first_use[2])


def test_something_else_that_another_process_has_open_is_refused(path):
    with something_else_open(path):
        before = contents(path)
        assert before[f"{path.name}-wal"]
        assert "not a checkpointer's" in error_of(lambda: RustSQLiteCheckpointer(path))[1]
        assert contents(path) == before


def test_the_log_is_looked_for_where_a_link_leads(path):
    in_a_process(leave_a_log_of_something_else, str(path))
    link = path.parent / "folder" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path)
    before = contents(path)
    assert "not a checkpointer's" in error_of(lambda: RustSQLiteCheckpointer(link))[1]
    assert contents(path) == before


def in_a_folder_that_can_not_be_written(path: str) -> None:
    without_privileges()
    os.chmod(os.path.dirname(path), 0o555)
    kind, says, _ = error_of(lambda: RustSQLiteCheckpointer(path))
    assert kind is sqlite3.OperationalError
    assert path in says
    assert "it can't be created" in says
    # What can't be read because of the folder may be by the time of its use.
    unread = RustSQLiteCheckpointer(path + ".made")
    assert "needs to write in" in error_of(lambda: latest(unread, "t"))[1]
    os.chmod(os.path.dirname(path), 0o755)
    assert latest(unread, "t") == 1
    os.chmod(path + ".made", 0)
    assert "can't be opened" in error_of(lambda: RustSQLiteCheckpointer(path + ".made"))[1]


def test_a_file_that_can_not_be_made_or_opened_is_refused(path):
    made(path.with_name(path.name + ".made"))
    in_a_process(in_a_folder_that_can_not_be_written, str(path))


def test_a_file_that_is_only_read_may_come_later(path):
    saver = RustSQLiteCheckpointer(path, read_only=True)
    assert not path.exists()
    made(path)
    assert latest(saver, "t") == 1
    saver.close()


def test_whoever_has_read_the_empty_file_reads_what_is_put_later(path):
    writer = RustSQLiteCheckpointer(path)
    with RustSQLiteCheckpointer(path, read_only=True) as reader:
        assert latest(reader, "t") == 0
        assert reader.stats().checkpoints == 0
        put(writer, "t", 1)
        assert latest(reader, "t") == 1
        assert reader.stats().checkpoints == 1
        assert [found.metadata["step"] for found in reader.list(None)] == [1]
    writer.close()


def not_to_be_written(path: str) -> None:
    without_privileges()
    RustSQLiteCheckpointer(path)
    os.chmod(path, 0o444)
    for options in ({}, {"read_only": True}):
        with RustSQLiteCheckpointer(path, **options) as saver:
            assert latest(saver, "t") == 0
            for _ in range(2):
                with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
                    put(saver, "t", 1)
            with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
                saver.delete_thread("t")


def test_a_put_into_an_empty_file_of_another_user_says_that_it_can_not_be_written(path):
    """A server that starts as root may have made it."""
    in_a_process(not_to_be_written, str(path))


# It waits for nobody, and moves nothing.


def test_a_file_that_is_locked_is_checked_at_its_first_use(path):
    other_checkpoints(path)
    with locked(path):
        saver = RustSQLiteCheckpointer(path, busy_timeout=LONG)
    assert "not a checkpointer's" in error_of(saver.setup)[1]


def test_a_loop_does_not_wait_for_a_file_that_is_locked(path, caplog):
    made(path)

    async def construct():
        asyncio.get_running_loop().slow_callback_duration = 2
        async with RustSQLiteCheckpointer.from_conn_string(str(path), busy_timeout=LONG) as saver:
            assert not open_files(path)
        return saver

    with locked(path), caplog.at_level(logging.WARNING, "asyncio"):
        asyncio.run(construct(), debug=True)
    assert not caplog.records


def leave_a_log(path: str) -> None:
    put(RustSQLiteCheckpointer(path), "t", 2)
    os._exit(0)


def something_else_in_a_log(path: str, megabytes: int = 0) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(OTHER)
    connection.execute("CREATE TABLE large (bytes)")
    for _ in range(megabytes):
        connection.execute("INSERT INTO large VALUES (zeroblob(1000000))")
    return connection


def leave_a_log_of_something_else(path: str, megabytes: int = 0) -> None:
    something_else_in_a_log(path, megabytes)
    os._exit(0)


def keep_something_else_open(path: str, pipe: Any) -> None:
    connection = something_else_in_a_log(path)
    pipe.send("open")
    pipe.recv()
    connection.close()


@contextmanager
def something_else_open(path: Path) -> Iterator[None]:
    """Another process has it open, and all of it is in the log."""
    ours, theirs = processes.Pipe()
    child = processes.Process(target=keep_something_else_open, args=(str(path), theirs))
    child.start()
    assert ours.recv() == "open"
    try:
        yield
    finally:
        ours.send("go on")
        child.join(PATIENCE)


def test_the_log_that_a_killed_process_has_left_stays_until_the_first_use(path):
    made(path)
    in_a_process(leave_a_log, str(path))
    assert contents(path)[f"{path.name}-wal"]
    # A backup has the database and its log.
    path.with_name(path.name + "-shm").unlink()
    before = contents(path)
    for options in ({}, {"read_only": True}):
        saver = RustSQLiteCheckpointer(path, **options)
        assert not open_files(path)
        saver.close()
        assert contents(path) == before
    with RustSQLiteCheckpointer(path) as saver:
        assert latest(saver, "t") == 2


def test_a_long_log_is_not_read(path):
    in_a_process(leave_a_log_of_something_else, str(path), 9)
    path.with_name(path.name + "-shm").unlink()
    before = contents(path)
    saver = RustSQLiteCheckpointer(path)
    assert contents(path) == before
    assert not path.with_name(path.name + "-shm").exists()
    assert "not a checkpointer's" in error_of(saver.setup)[1]


def put_without_locks(path: str, has_log: bool, pipe: Any) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    if has_log:
        connection.execute("INSERT INTO numbers VALUES (1)")
    connection.execute("SELECT * FROM numbers").fetchall()
    # With it go the locks of this process. Whoever is the last to close the file now takes the log for its own.
    with open(path, "rb"):
        pass
    pipe.send("no locks")
    pipe.recv()
    connection.execute("INSERT INTO numbers VALUES (2)")
    os._exit(0)


@pytest.mark.parametrize("has_log", [False, True])
def test_the_log_of_a_process_that_has_lost_its_locks_is_not_taken_from_it(path, has_log):
    with connected(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE numbers (n)")
    ours, theirs = processes.Pipe()
    child = processes.Process(target=put_without_locks, args=(str(path), has_log, theirs))
    child.start()
    assert ours.recv() == "no locks"
    RustSQLiteCheckpointer(path)
    ours.send("go on")
    child.join(PATIENCE)
    with connected(path) as connection:
        assert connection.execute("SELECT max(n) FROM numbers").fetchone() == (2,)


def leave_a_journal(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE large (bytes)")
    connection.execute("DELETE FROM checkpoints")
    for _ in range(100):
        connection.execute("INSERT INTO large VALUES (zeroblob(10000))")
    os._exit(0)


def test_a_transaction_that_a_killed_process_has_left_is_rolled_back_at_the_first_use(path):
    made(path)
    in_a_process(leave_a_journal, str(path))
    before = contents(path)
    assert before[f"{path.name}-journal"]
    saver = RustSQLiteCheckpointer(path)
    assert contents(path) == before
    assert latest(saver, "t") == 1
    saver.close()


def refused_elsewhere(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connection.execute("BEGIN IMMEDIATE")


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_the_locks_of_a_connection_of_this_process_stay(path, mode):
    made(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("BEGIN IMMEDIATE")
    in_a_process(refused_elsewhere, str(path))
    for _ in range(3):
        RustSQLiteCheckpointer(path, busy_timeout=LONG)
    in_a_process(refused_elsewhere, str(path))
    connection.execute("COMMIT")
    connection.close()


# Forks, and others at the same time.


def constructed_before_the_fork(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)

    def child(n: int) -> None:
        assert not open_files(path), "inherited"
        put(saver, f"child{n}", n)
        saver.close()

    children = [Fork(lambda n=n: child(n)) for n in range(1, 5)]
    put(saver, "parent", 1)
    for one in children:
        one.join()
    saver.close()


@pytest.mark.parametrize("exists", [False, True])
def test_parent_and_children_use_what_was_constructed_before_the_fork(path, exists):
    if exists:
        made(path)
    in_a_process(constructed_before_the_fork, str(path))
    found = held(path)
    assert found.pop("t", None) == ({1} if exists else None)
    assert found == {"parent": {1}, **{f"child{n}": {n} for n in range(1, 5)}}


def constructed_meanwhile(path: str) -> None:
    stop = threading.Event()

    def construct() -> None:
        while not stop.is_set():
            RustSQLiteCheckpointer(path)

    constructing = [threading.Thread(target=construct) for _ in range(3)]
    for thread in constructing:
        thread.start()
    try:
        for _ in range(200):
            Fork(lambda: not_inherited(path)).join()
    finally:
        stop.set()
        for thread in constructing:
            thread.join()


def not_inherited(path: str) -> None:
    assert not open_files(path), "inherited"


def test_nothing_is_inherited_of_what_another_thread_constructs_meanwhile(path):
    made(path)
    in_a_process(constructed_meanwhile, str(path))


def construct_and_put(folder: str, number: int, files: int, together: Any) -> None:
    for n in range(files):
        together.wait(PATIENCE)
        with RustSQLiteCheckpointer(f"{folder}/{n}.db") as saver:
            put(saver, number, 1)


def test_processes_that_construct_at_the_same_time_each_find_their_place(tmp_path):
    together, files = processes.Barrier(6), 20
    arguments = [(str(tmp_path), number, files, together) for number in range(6)]
    children = [processes.Process(target=construct_and_put, args=each) for each in arguments]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
        assert child.exitcode == 0
    for n in range(files):
        assert held(tmp_path / f"{n}.db") == {str(number): {1} for number in range(6)}


CONSTRUCTED_IN_HOOKS = """
import os

kept = []
hook = lambda: kept.append(RustSQLiteCheckpointer(os.environ["DATABASE"]))
# Called while nobody is let in: hooks of the app's that are registered before ours.
os.register_at_fork(before=hook, after_in_parent=hook, after_in_child=hook)

from apps.numbered_checkpoints import put
from fast_langgraph import RustSQLiteCheckpointer

child = os.fork()
assert len(kept) == 2
for saver in kept:
    put(saver, "parent" if child else "child", 1)
    saver.close()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_hook_of_a_fork_may_construct(path):
    done = in_new_process(CONSTRUCTED_IN_HOOKS, common=False, timeout=PATIENCE, DATABASE=str(path))
    assert done.returncode == 0, done.stderr
    assert held(path) == {"parent": {1}, "child": {1}}
