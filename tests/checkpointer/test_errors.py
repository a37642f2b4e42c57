"""What goes wrong is told as sqlite3 tells it, and once it is closed by ProgrammingError."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import sys

import pytest

from apps.databases import connected
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import METADATA, WRITES, checkpoint, config

AT = config("1", at=1)
#: every method that asks the database something, with arguments that are right
CALLS = {
    "setup": (),
    "get": (AT,),
    "get_tuple": (AT,),
    "list": (AT,),
    "put": (config(), checkpoint(1), METADATA, {}),
    "put_writes": (AT, WRITES, "task"),
    "delete_thread": ("1",),
    "delete_for_runs": (["run"],),
    "copy_thread": ("1", "2"),
    "prune": (["1"],),
    "threads": (),
    "stats": (),
    "vacuum": (),
    "backup": ("copy.db",),
    "convert": ("compact",),
}
HISTORY = {"config": AT, "channels": ["count"]}


async def awaited(call):
    """The whole of what an async method gives."""
    found = call()
    if inspect.isasyncgen(found):
        return [each async for each in found]
    return await found


def whole(found):
    return list(found) if inspect.isgenerator(found) else found


def test_the_calls_here_are_all_that_ask_the_database():
    methods = {name for name in dir(RustSQLiteCheckpointer) if not name.startswith("_")}
    twins = {f"a{name}" for name in methods} & methods
    rest = {
        "close",
        "aclose",
        "from_conn_string",
        "with_allowlist",
        "get_next_version",
        "config_specs",
        "serde",
        "conn",
    }
    history = {"get_delta_channel_history", "aget_delta_channel_history"}
    assert methods - twins - rest - history == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("place", ["file", "memory"])
def test_whatever_is_called_after_close_is_told(name, place, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saver = RustSQLiteCheckpointer(path if place == "file" else ":memory:")
    saver.put(config(), checkpoint(1), METADATA, {})
    saver.close()
    with pytest.raises(sqlite3.ProgrammingError, match="Cannot operate on a closed database"):
        whole(getattr(saver, name)(*CALLS[name]))
    if name != "setup":
        with pytest.raises(sqlite3.ProgrammingError, match="Cannot operate on a closed database"):
            asyncio.run(awaited(lambda: getattr(saver, f"a{name}")(*CALLS[name])))
    assert not (tmp_path / "copy.db").exists()


def test_a_history_and_a_listing_that_began_before_close_are_told(path):
    saver = RustSQLiteCheckpointer(path)
    for n in range(200):
        saver.put(config(), checkpoint(n), METADATA, {})
    listing = saver.list(config())
    next(listing)
    saver.close()
    with pytest.raises(sqlite3.ProgrammingError):
        list(listing)
    with pytest.raises(sqlite3.ProgrammingError):
        saver.get_delta_channel_history(**HISTORY)
    with pytest.raises(sqlite3.ProgrammingError):
        asyncio.run(saver.aget_delta_channel_history(**HISTORY))


def test_it_may_be_closed_more_than_once(path):
    saver = RustSQLiteCheckpointer(path)
    saver.setup()
    saver.close()
    saver.close()
    asyncio.run(saver.aclose())


def test_one_that_was_never_used_may_be_closed(path):
    RustSQLiteCheckpointer(path).close()
    asyncio.run(RustSQLiteCheckpointer(path).aclose())
    assert path.read_bytes() == b""


def failing(tmp_path):
    """Calls that fail, by what sqlite3 calls their error, with its class and text."""
    missing = tmp_path / "none" / "checkpoints.db"
    (tmp_path / "text.db").write_text("this is not a database, and it is long enough to be looked at\n" * 100)
    (tmp_path / "folder.db").mkdir()
    with connected(tmp_path / "other.db") as conn:
        conn.execute("CREATE TABLE checkpoints (something)")
        conn.execute("CREATE TABLE writes (something)")
    with connected(tmp_path / "newer.db") as conn:
        RustSQLiteCheckpointer(tmp_path / "newer.db").setup()
        conn.execute("ALTER TABLE checkpoints RENAME TO old")
        columns = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
        conn.execute(f"CREATE TABLE checkpoints ({columns}, tenant TEXT NOT NULL)")
    good = RustSQLiteCheckpointer(tmp_path / "good.db")
    good.put(config(), checkpoint(1), METADATA, {})
    good.put(config("2"), checkpoint(1), METADATA, {})
    operational = sqlite3.OperationalError
    return {
        "missing folder": (
            lambda: RustSQLiteCheckpointer(missing),
            operational,
            f"the folder {missing.parent} does not exist",
        ),
        "not a database": (
            lambda: RustSQLiteCheckpointer(tmp_path / "text.db").setup(),
            sqlite3.DatabaseError,
            "text.db: file is not a database",
        ),
        "a folder": (lambda: RustSQLiteCheckpointer(tmp_path / "folder.db").setup(), operational, "it is a folder"),
        "other tables": (
            lambda: RustSQLiteCheckpointer(tmp_path / "other.db").setup(),
            operational,
            "has no column thread_id: not a checkpointer's",
        ),
        "newer tables": (
            lambda: RustSQLiteCheckpointer(tmp_path / "newer.db").setup(),
            operational,
            "column tenant that is not known here: its schema is newer",
        ),
        "nothing to read": (
            lambda: RustSQLiteCheckpointer(tmp_path / "none.db", read_only=True).setup(),
            operational,
            "there is no such file",
        ),
        "a thread that exists": (
            lambda: good.copy_thread("1", "2"),
            sqlite3.IntegrityError,
            'thread "2" has checkpoints already',
        ),
        "a copy that exists": (lambda: good.backup(tmp_path / "text.db"), operational, "exists already"),
        "no id": (
            lambda: good.put(config(), {**checkpoint(), "id": None}, METADATA, {}),
            sqlite3.IntegrityError,
            "NOT NULL constraint failed: checkpoints.checkpoint_id",
        ),
        "unbindable": (
            lambda: good.put(config(), {**checkpoint(), "id": [1]}, METADATA, {}),
            sqlite3.ProgrammingError,
            "type 'list' is not supported",
        ),
    }


NAMES = {
    "not a database": "SQLITE_NOTADB",
    "a folder": "SQLITE_CANTOPEN",
    "other tables": "SQLITE_ERROR",
    "newer tables": "SQLITE_ERROR",
    "nothing to read": "SQLITE_CANTOPEN",
    "a thread that exists": "SQLITE_CONSTRAINT_PRIMARYKEY",
    "a copy that exists": "SQLITE_CANTOPEN",
    "no id": "SQLITE_CONSTRAINT_NOTNULL",
}


def test_every_failure_is_an_error_of_sqlite3_that_says_why(tmp_path):
    calls = failing(tmp_path)
    assert set(NAMES) < set(calls)
    for what, (call, kind, says) in calls.items():
        with pytest.raises(sqlite3.Error) as caught:
            call()
        error = caught.value
        assert says in str(error), what
        assert type(error) is kind, (what, error)
        # Interpreters before 3.11 have no names and codes.
        if what in NAMES and sys.version_info >= (3, 11):
            assert error.sqlite_errorname == NAMES[what], what
            assert error.sqlite_errorcode == getattr(sqlite3, NAMES[what]), what


def test_a_lock_that_is_held_too_long_is_told_and_then_forgotten(path):
    with RustSQLiteCheckpointer(path, busy_timeout=0.05) as saver:
        saver.put(config(), checkpoint(1), METADATA, {})
        with connected(path) as conn:
            conn.execute("BEGIN IMMEDIATE")
            for call in (
                lambda: saver.put(config(), checkpoint(2), METADATA, {}),
                lambda: asyncio.run(saver.aput(config(), checkpoint(2), METADATA, {})),
                lambda: saver.delete_thread("1"),
            ):
                with pytest.raises(sqlite3.OperationalError, match="database is locked") as caught:
                    call()
                if sys.version_info >= (3, 11):
                    assert caught.value.sqlite_errorname == "SQLITE_BUSY"
            # Who reads is not kept.
            assert saver.get(config()) == checkpoint(1)
            conn.execute("ROLLBACK")
        saver.put(config(), checkpoint(2), METADATA, {})
        assert len(list(saver.list(None))) == 2


def test_an_error_leaves_nothing_half_done_and_the_next_call_works(checkpointer, sql):
    saved = checkpointer.put(config(), checkpoint(1), METADATA, {})
    sql("CREATE TRIGGER picky BEFORE INSERT ON writes WHEN NEW.channel = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END")
    writes = [("fine", 1), ("bad", 2)]
    with pytest.raises(sqlite3.IntegrityError, match="bad"):
        checkpointer.put_writes(saved, writes, "task")
    with pytest.raises(sqlite3.IntegrityError, match="bad"):
        asyncio.run(checkpointer.aput_writes(saved, writes, "task"))
    assert sql("SELECT count(*) FROM writes") == [(0,)]
    checkpointer.put_writes(saved, writes[:1], "task")
    assert sql("SELECT count(*) FROM writes") == [(1,)]


def test_one_that_fails_among_many_that_are_committed_together_fails_alone(checkpointer, sql):
    saved = checkpointer.put(config(), checkpoint(1), METADATA, {})
    sql("CREATE TRIGGER picky BEFORE INSERT ON writes WHEN NEW.channel = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END")

    async def many():
        return await asyncio.gather(
            *(
                checkpointer.aput_writes(saved, [("fine", n), ("bad" if n % 3 == 0 else "good", n)], f"task-{n}")
                for n in range(60)
            ),
            return_exceptions=True,
        )

    outcomes = asyncio.run(many())
    assert checkpointer.stats().counters["largest_batch"] > 1
    for n, outcome in enumerate(outcomes):
        assert isinstance(outcome, sqlite3.IntegrityError) if n % 3 == 0 else outcome is None
    there = {task for (task,) in sql("SELECT task_id FROM writes")}
    assert there == {f"task-{n}" for n in range(60) if n % 3}
    assert sql("SELECT count(*) FROM writes") == [(80,)]


def test_what_is_not_a_checkpointer_s_stays_as_it_is(path):
    """Only one of the two tables is another's; the other one is not made either."""
    for table in ("checkpoints", "writes"):
        for columns in ("something", "thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type"):
            other = path.with_name(f"{table}-{len(columns)}.db")
            with connected(other) as conn:
                with RustSQLiteCheckpointer(other) as saver:
                    conn.execute(f"CREATE TABLE {table} ({columns})")
                    with pytest.raises(sqlite3.OperationalError, match="not a checkpointer's"):
                        saver.setup()
                    with pytest.raises(sqlite3.OperationalError, match="not a checkpointer's"):
                        saver.put(config(), checkpoint(1), METADATA, {})
                found = conn.execute("SELECT name, sql FROM sqlite_master").fetchall()
                assert found == [(table, f"CREATE TABLE {table} ({columns})")]
                assert conn.execute("PRAGMA journal_mode").fetchone() == ("delete",)
