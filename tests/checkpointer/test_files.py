"""Files that can't be read, written, found or believed: errors that say so, and nothing is harmed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.numbered_checkpoints import aput, config_of, held, latest, put
from apps.processes import in_a_process, open_files, processes, without_privileges
from fast_langgraph import RustSQLiteCheckpointer


def made(path: Path | str, threads: int = 1, size: int = 10) -> None:
    """A database with a checkpoint for each thread, closed."""
    with RustSQLiteCheckpointer(path) as saver:
        for thread in range(threads):
            put(saver, thread, 1, b"x" * size)


def refused(work: Callable[[], Any], *said: str, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> None:
    with pytest.raises(sqlite3.Error) as error:
        work()
    assert type(error.value) is kind, repr(error.value)
    for text in said:
        assert text in str(error.value)


# Gone, or another


@pytest.mark.parametrize("change", ["deleted", "replaced", "moved"])
def test_a_file_that_goes_away_underneath_is_an_error_in_place_of_puts_into_nowhere(tmp_path, change):
    path = tmp_path / "gone.db"
    saver = RustSQLiteCheckpointer(path)
    put(saver, "t", 1)
    if change == "moved":
        path.rename(tmp_path / "moved.db")
    else:
        for name in (path.name, path.name + "-wal", path.name + "-shm"):
            (tmp_path / name).unlink(missing_ok=True)
    if change == "replaced":
        in_a_process(made, path)
    for work in (lambda: put(saver, "t", 2), lambda: latest(saver, "t"), lambda: list(saver.list(None)), saver.stats):
        refused(work, str(path), "moved, replaced or deleted")

    async def main() -> None:
        with pytest.raises(sqlite3.OperationalError, match="moved, replaced or deleted"):
            await aput(saver, "t", 2)

    asyncio.run(main())
    saver.close()
    assert not open_files(path)
    # A new one works with what is there.
    with RustSQLiteCheckpointer(path) as new:
        assert latest(new, 0) == (1 if change == "replaced" else 0)
        put(new, "t", 5)
    assert held(path)["t"] == {5}


def test_closing_does_not_harm_the_database_that_has_taken_the_name(tmp_path):
    """The other process has its checkpoint in a log of the same name, which closing must not delete."""
    path = tmp_path / "taken.db"
    saver = RustSQLiteCheckpointer(path)
    put(saver, "t", 1)
    for name in (path.name, path.name + "-wal", path.name + "-shm"):
        (tmp_path / name).unlink()
    ours, theirs = processes.Pipe()
    other = processes.Process(target=keep_open, args=(str(path), theirs))
    other.start()
    assert ours.recv() == "put"
    saver.close()
    ours.send("go on")
    assert ours.recv() == "put"
    other.kill()
    other.join()
    assert held(path) == {"other": {1, 2}}


def keep_open(path: str, pipe: Any) -> None:
    saver = RustSQLiteCheckpointer(path)
    put(saver, "other", 1)
    pipe.send("put")
    pipe.recv()
    put(saver, "other", 2)
    pipe.send("put")
    pipe.recv()


# Not to be opened


def test_a_path_in_a_folder_that_is_not_there_is_an_error_that_names_both(tmp_path):
    path = tmp_path / "no" / "such" / "x.db"
    refused(lambda: RustSQLiteCheckpointer(path), str(path), f"the folder {path.parent} does not exist")
    # One that goes away before it is opened.
    folder = tmp_path / "short"
    folder.mkdir()
    saver = RustSQLiteCheckpointer(folder / "x.db")
    (folder / "x.db").unlink()
    folder.rmdir()
    refused(lambda: put(saver, "t", 1), str(folder / "x.db"), f"the folder {folder} does not exist")
    folder.mkdir()
    put(saver, "t", 1)
    assert latest(saver, "t") == 1
    saver.close()


def test_a_folder_is_no_database(tmp_path):
    refused(lambda: RustSQLiteCheckpointer(tmp_path), str(tmp_path), "it is a folder")
    path = tmp_path / "x.db"
    saver = RustSQLiteCheckpointer(path)
    path.unlink()
    path.mkdir()
    refused(lambda: put(saver, "t", 1), str(path), "it is a folder")


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    saver = RustSQLiteCheckpointer(path)
    path.write_text("these are notes\n" * 1_000)
    for work in (saver.setup, lambda: put(saver, "t", 1), lambda: latest(saver, "t")):
        refused(work, str(path), "file is not a database", kind=sqlite3.DatabaseError)
    saver.close()
    assert path.read_text() == "these are notes\n" * 1_000


@pytest.mark.parametrize("table", ["checkpoints", "writes"])
def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path, table):
    path = tmp_path / "newer.db"
    made(path)
    saver = RustSQLiteCheckpointer(path)
    connection = sqlite3.connect(path)
    [made_by] = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.execute(f"ALTER TABLE {table} RENAME TO old")
    connection.execute(made_by.replace("type TEXT", "type TEXT, tenant TEXT NOT NULL"))
    connection.commit()
    connection.close()
    for work in (saver.setup, lambda: put(saver, "t", 1), lambda: latest(saver, "t")):
        refused(work, f"table {table}", "tenant", "newer")
    saver.close()
    connection = sqlite3.connect(path)
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()


def read_only_file(path: str) -> None:
    without_privileges()
    os.chmod(path, 0o444)
    for options in ({}, {"read_only": True}):
        with RustSQLiteCheckpointer(path, **options) as saver:
            refused(lambda saver=saver: put(saver, "t", 1), "attempt to write a readonly database")
            assert latest(saver, 0) == 1
            assert len(list(saver.list(None))) == 1
            refused(lambda saver=saver: saver.delete_thread("0"), "attempt to write a readonly database")
    # SQLite has given the log and the shared memory the mode of the file.
    for name in ("", "-wal", "-shm"):
        os.chmod(path + name, 0o644)
    with RustSQLiteCheckpointer(path) as saver:
        put(saver, "t", 1)


def test_a_read_only_file_is_read_and_not_written(tmp_path):
    path = tmp_path / "read.db"
    made(path)
    in_a_process(read_only_file, str(path))
    assert held(path) == {"0": {1}, "t": {1}}


def read_only_folder(folder: str) -> None:
    without_privileges()
    path = os.path.join(folder, "read.db")
    os.chmod(folder, 0o555)
    try:
        for options in ({}, {"read_only": True}):
            saver = RustSQLiteCheckpointer(path, **options)
            # SQLite needs a file beside the database, even to read it.
            refused(lambda saver=saver: latest(saver, 0), path, f"needs to write in {folder}")
            refused(lambda saver=saver: put(saver, "t", 1), path, f"needs to write in {folder}")
            saver.close()
        new = os.path.join(folder, "new.db")
        refused(lambda: RustSQLiteCheckpointer(new), new, "it can't be created")
    finally:
        os.chmod(folder, 0o755)
    with RustSQLiteCheckpointer(path) as saver:
        assert latest(saver, 0) == 1
        put(saver, "t", 1)


def test_a_read_only_folder_is_an_error_that_names_it(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    made(folder / "read.db")
    in_a_process(read_only_folder, str(folder))
    assert held(folder / "read.db") == {"0": {1}, "t": {1}}


def log_unreadable(path: str) -> None:
    without_privileges()
    for name in ("-wal", "-shm"):
        os.chmod(path + name, 0)
    saver = RustSQLiteCheckpointer(path)
    refused(lambda: put(saver, "t", 2), path, "its -wal or its -shm can't be opened")
    refused(lambda: latest(saver, "t"), path)
    refused(lambda: latest(RustSQLiteCheckpointer(path, read_only=True), "t"), path)
    for name in ("-wal", "-shm"):
        os.chmod(path + name, 0o644)
    assert latest(saver, "t") == 1
    put(saver, "t", 3)
    saver.close()


def test_a_log_that_can_not_be_read_is_an_error_and_never_an_older_state(tmp_path):
    path = tmp_path / "log.db"
    with RustSQLiteCheckpointer(path) as saver:
        # What is put lies in the log, as long as this one is open.
        put(saver, "t", 1)
        in_a_process(log_unreadable, str(path))
        put(saver, "t", 4)
    assert held(path) == {"t": {1, 3, 4}}


def test_read_only_makes_nothing_and_changes_nothing(tmp_path):
    path = tmp_path / "read.db"
    saver = RustSQLiteCheckpointer(path, read_only=True)
    refused(lambda: latest(saver, "t"), str(path), "there is no such file")
    assert not list(tmp_path.iterdir())
    made(path)
    assert latest(saver, 0) == 1
    for work in (
        lambda: put(saver, "t", 1),
        lambda: saver.put_writes(config_of(0, "x"), [("a", 1)], "task"),
        lambda: saver.delete_thread("0"),
        lambda: saver.copy_thread("0", "1"),
        saver.vacuum,
    ):
        refused(work, "attempt to write a readonly database")
    saver.close()
    assert held(path) == {"0": {1}}
    # A file of somebody else's is given no tables.
    empty = tmp_path / "empty.db"
    empty.touch()
    with RustSQLiteCheckpointer(empty, read_only=True) as saver:
        assert latest(saver, "t") == 0
        assert list(saver.list(None)) == []
    assert empty.stat().st_size == 0


# Damaged


def error_of(work: Callable[[], Any]) -> tuple[type, str]:
    with pytest.raises(Exception) as error:
        work()
    return type(error.value), str(error.value)


@pytest.mark.parametrize(
    "damage", [b"", b"\xc1", b"\xde\xff\xff", b"\x81\xa1v", "text", None, 5, 1.5], ids=lambda value: repr(value)
)
def test_a_damaged_row_is_stocks_error_and_the_others_are_read(tmp_path, damage):
    path = tmp_path / "row.db"
    made(path, threads=3)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE checkpoints SET checkpoint = ? WHERE thread_id = '1'", (damage,))
    connection.commit()
    connection.close()
    with SqliteSaver.from_conn_string(str(path)) as stock:
        expected = error_of(lambda: stock.get_tuple(config_of(1)))
    with RustSQLiteCheckpointer(path) as saver:
        assert error_of(lambda: saver.get_tuple(config_of(1))) == expected
        assert error_of(lambda: list(saver.list(None)))[0] is expected[0]
        assert latest(saver, 0) == latest(saver, 2) == 1
        put(saver, 1, 2)
        assert latest(saver, 1) == 2


def test_a_damaged_page_is_an_error_to_whom_it_concerns(tmp_path):
    path = tmp_path / "page.db"
    made(path, threads=40, size=20_000)
    # Nobody has it open.
    content = bytearray(path.read_bytes())
    for page in range(len(content) // 4096 // 2, len(content) // 4096 // 2 + 12):
        content[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    whole, damaged = 0, 0
    with RustSQLiteCheckpointer(path) as saver:
        for thread in range(40):
            try:
                whole += latest(saver, thread)
            except sqlite3.DatabaseError as error:
                assert type(error) is sqlite3.DatabaseError
                assert "malformed" in str(error)
                damaged += 1
            except Exception:
                # Pages that hold the middle of a value have no checksum: the serializer finds it out.
                damaged += 1
        assert whole >= 30
        assert damaged >= 1
        put(saver, "new", 1)
        assert latest(saver, "new") == 1
