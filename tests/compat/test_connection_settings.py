"""A connection set up in its owner's way: what stock does with it, ours does."""

from __future__ import annotations

import random
import sqlite3
import sys
import threading
import time

import pytest

from beside_stock.new_process import in_new_process
from beside_stock.stories import SYNC, all_rows, everything, same_story
from installed_releases import HAS_TASK_PATH
from samples.checkpoints import METADATA, WRITES, checkpoint, config, fill

pytestmark = pytest.mark.unpatched
ALL = [*SYNC, "SqliteSaver.list", "SqliteSaver.delete_thread"]


def test_a_plain_connection_runs_native(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver, ("1", "2"))
        everything(story, saver, at=7)
        story.do("delete", lambda: saver.delete_thread("2"))
        story.rows()

    same_story(tell, tmp_path, native=ALL)


@pytest.mark.parametrize("path", [":memory:", "", "file:shared?mode=memory&cache=shared"])
def test_a_database_that_is_no_file_runs_native(tmp_path, path):
    def tell(story):
        conn = story.connect(path, uri=path.startswith("file:"))
        saver = story.saver(conn)
        fill(saver)
        everything(story, saver, at=7)
        story.rows(conn=conn)

    same_story(tell, tmp_path, native=ALL)


# --- threads and closed connections ---


def in_a_thread(call):
    result = []

    def run():
        try:
            result.append((call(), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = result[0]
    if error is not None:
        raise error.with_traceback(None)
    return value


@pytest.mark.parametrize("is_setup", [False, True])
def test_a_connection_of_another_thread_is_refused(tmp_path, is_setup):
    def tell(story):
        saver = story.saver(story.connect(check_same_thread=True))
        if is_setup:
            saver.setup()
        calls = {
            "put": lambda: saver.put(config(), checkpoint(), METADATA, {}),
            "put_writes": lambda: saver.put_writes(config(at=0), WRITES, "task"),
            "get_tuple": lambda: saver.get_tuple(config()),
            "list": lambda: list(saver.list(config())),
            "delete_thread": lambda: saver.delete_thread("1"),
        }
        for name, call in calls.items():
            story.do(name, lambda call=call: in_a_thread(call), scrub=r"thread id \d+")
            story.note("lock", saver.lock.locked())
        everything(story, saver)
        story.rows()

    story = same_story(tell, tmp_path)
    refused = dict(story.steps)["get_tuple"]
    assert refused.error is None or isinstance(refused.error, sqlite3.ProgrammingError)


def test_a_connection_of_its_own_thread_runs_native(tmp_path):
    def tell(story):
        def all_in_one():
            saver = story.saver(story.connect(check_same_thread=True))
            everything(story, saver)
            saver.conn.close()
            story.open.clear()

        in_a_thread(all_in_one)

    same_story(tell, tmp_path, native=ALL)


@pytest.mark.parametrize("is_setup", [False, True])
def test_a_closed_connection_is_refused(tmp_path, is_setup):
    def tell(story):
        saver = story.saver()
        if is_setup:
            fill(saver)
        saver.conn.close()
        everything(story, saver)
        story.note("lock", saver.lock.locked())

    story = same_story(tell, tmp_path)
    assert all(isinstance(outcome.error, sqlite3.ProgrammingError) for name, outcome in story.steps if name != "lock")


def test_a_connection_closed_while_a_list_is_paused_ends_the_list_as_with_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        listing = saver.list(config())
        story.do("first", lambda: next(listing))
        saver.conn.close()
        story.do("second", lambda: next(listing))
        story.do("third", lambda: next(listing))
        story.note("lock", saver.lock.locked())

    same_story(tell, tmp_path)


# --- transactions ---

LEVELS = ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", None]


@pytest.mark.parametrize("level", LEVELS)
def test_an_open_transaction_is_committed_or_kept_as_by_stock(tmp_path, level):
    def tell(story):
        conn = story.connect(isolation_level=level)
        saver = story.saver(conn)
        fill(saver)
        conn.execute("CREATE TABLE own (a)")
        conn.commit()
        operations = {
            "get_tuple": lambda: saver.get_tuple(config()),
            "get none": lambda: saver.get_tuple(config("nobody")),
            "list": lambda: list(saver.list(config())),
            "put": lambda: saver.put(config(), checkpoint(5), METADATA, {}),
            "put_writes": lambda: saver.put_writes(config(at=0), WRITES, "t5"),
            "put no writes": lambda: saver.put_writes(config(at=0), [], "t5"),
            "delete_thread": lambda: saver.delete_thread("nobody"),
            "unencodable": lambda: saver.put(config(), checkpoint(6, bad=object()), METADATA, {}),
            "unencodable writes": lambda: saver.put_writes(config(at=0), [("a", 1), ("b", object())], "t6"),
            "bad metadata": lambda: saver.put(config(), checkpoint(6), {"bad": object()}, {}),
            "no namespace": lambda: saver.put({"configurable": {"thread_id": "1"}}, checkpoint(6), METADATA, {}),
            "not null": lambda: saver.put(config(), {**checkpoint(6), "id": None}, METADATA, {}),
            "not bindable": lambda: saver.put(config(), {**checkpoint(6), "id": [1]}, METADATA, {}),
            "writes that can't be bound": lambda: saver.put_writes(config(at=0), [([1], 1)], "t6"),
            "writes with one bad channel": lambda: saver.put_writes(
                config(at=0), [("a", 1), (5.5, 1), (None, 1)], "t7"
            ),
            "delete what can't be str": lambda: saver.delete_thread(Unprintable()),
        }
        for name, operation in operations.items():
            for begin in (None, "BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT mine"):
                if begin:
                    conn.execute(begin)
                conn.execute("INSERT INTO own VALUES (?)", (name,))
                story.do(name, operation)
                story.note("in transaction", conn.in_transaction)
                story.note("lock", saver.lock.locked())
                story.note("seen by others", seen_by_others(story))
                conn.rollback()
                story.note("changes", conn.total_changes)
        story.note("kept", conn.execute("SELECT a, count(*) FROM own GROUP BY a").fetchall())
        story.rows()

    same_story(tell, tmp_path, native=["SqliteSaver.get_tuple"])


class Unprintable:
    def __str__(self):
        raise ValueError("no text")


def seen_by_others(story):
    other = sqlite3.connect(story.path)
    try:
        return other.execute("SELECT count(*) FROM own").fetchone(), len(all_rows(other)["checkpoints"])
    finally:
        other.close()


@pytest.mark.parametrize("level", LEVELS)
def test_a_connection_between_transactions_runs_native(tmp_path, level):
    def tell(story):
        saver = story.saver(story.connect(isolation_level=level))
        fill(saver)
        everything(story, saver, at=7)
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path, native=ALL)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has no autocommit before Python 3.12")
@pytest.mark.parametrize("autocommit", [True, False, -1])
def test_autocommit_does_what_it_does_with_stock(tmp_path, autocommit):
    def tell(story):
        conn = story.connect(autocommit=autocommit)
        saver = story.saver(conn)
        story.do("fill", lambda: fill(saver))
        everything(story, saver, at=7)
        story.note("in transaction", conn.in_transaction)
        story.do("begin", lambda: conn.execute("CREATE TABLE own (a)") and None)
        everything(story, saver, at=8)
        story.do("commit", conn.commit)
        story.do("rollback", conn.rollback)
        conn.autocommit = True
        everything(story, saver, at=9)
        story.rows()

    same_story(tell, tmp_path)


def test_the_isolation_level_may_change_between_two_calls(tmp_path):
    def tell(story):
        saver = story.saver()
        for n, level in enumerate([None, "EXCLUSIVE", "", "IMMEDIATE", "DEFERRED", None]):
            saver.conn.isolation_level = level
            everything(story, saver, at=n)
            story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


def test_writes_that_fail_half_way_leave_what_stock_leaves(tmp_path):
    def tell(story):
        conn = story.connect()
        saver = story.saver(conn)
        fill(saver)
        conn.executescript(
            "CREATE TRIGGER no BEFORE INSERT ON writes WHEN NEW.channel = 'bad' BEGIN SELECT RAISE(ABORT, 'no bad'); END;"
            "CREATE TRIGGER fail BEFORE INSERT ON writes WHEN NEW.channel = 'fail' BEGIN SELECT RAISE(FAIL, 'failed'); END;"
            "CREATE TRIGGER back BEFORE INSERT ON writes WHEN NEW.channel = 'back' BEGIN SELECT RAISE(ROLLBACK, 'back'); END;"
            "CREATE TRIGGER ign BEFORE INSERT ON writes WHEN NEW.channel = 'ignore' BEGIN SELECT RAISE(IGNORE); END;"
            "CREATE TRIGGER chk BEFORE INSERT ON checkpoints WHEN NEW.thread_id = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'back'); END;"
        )
        for bad in ("bad", "fail", "back", "ignore"):
            conn.execute(
                "INSERT INTO writes (thread_id, checkpoint_id, task_id, idx, channel) VALUES ('o','o',?,1,'o')", (bad,)
            )
            story.do(bad, lambda bad=bad: saver.put_writes(config(at=0), [("a", 1), (bad, 2), ("c", 3)], f"half-{bad}"))
            story.note("in transaction", conn.in_transaction)
            story.rows(bad)
        story.do("put", lambda: saver.put(config("bad"), checkpoint(9), METADATA, {}))
        story.note("in transaction", conn.in_transaction)
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


# --- locks and files ---


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
@pytest.mark.parametrize("timeout", [0, 0.05])
def test_a_locked_file_is_refused_and_used_again_when_it_is_free(tmp_path, begin, timeout):
    def tell(story):
        saver = story.saver(story.connect(timeout=timeout))
        fill(saver)
        other = story.connect(isolation_level=None)
        other.execute(begin)
        everything(story, saver, at=7)
        story.note("in transaction", saver.conn.in_transaction)
        story.note("lock", saver.lock.locked())
        other.execute("ROLLBACK")
        everything(story, saver, at=8)
        story.rows()

    story = same_story(tell, tmp_path)
    assert str(dict(reversed(story.steps))["put"].error) == "database is locked"


def test_a_file_that_is_locked_before_the_tables_are_made_is_refused(tmp_path):
    def tell(story):
        other = story.connect(isolation_level=None)
        other.execute("CREATE TABLE own (a)")
        other.execute("BEGIN EXCLUSIVE")
        saver = story.saver(story.connect(timeout=0))
        everything(story, saver)
        story.note("is_setup", saver.is_setup)
        other.execute("ROLLBACK")
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


def test_a_lock_that_goes_in_time_is_waited_for_with_the_gil_released(tmp_path):
    def tell(story):
        saver = story.saver(story.connect(timeout=30))
        fill(saver)
        for n, call in enumerate(
            [
                lambda: saver.put(config(), checkpoint(7), METADATA, {}),
                lambda: saver.put_writes(config(at=0), WRITES, "waited"),
                lambda: saver.delete_thread("1"),
            ]
        ):
            other = story.connect(isolation_level=None)
            other.execute("BEGIN IMMEDIATE")

            def free(other=other):
                time.sleep(0.1)  # the other thread must run while the saver waits, or this never ends
                other.execute("COMMIT")

            thread = threading.Thread(target=free)
            thread.start()
            story.do(f"waits {n}", call)
            thread.join()
        story.rows()

    same_story(tell, tmp_path, native=["SqliteSaver.put", "SqliteSaver.put_writes", "SqliteSaver.delete_thread"])


def test_a_busy_timeout_set_by_pragma_holds(tmp_path):
    def tell(story):
        saver = story.saver(story.connect(timeout=60))
        fill(saver)
        saver.conn.execute("PRAGMA busy_timeout = 1")
        other = story.connect(isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        everything(story, saver, at=7)

    same_story(tell, tmp_path)


READ_ONLY = ["mode=ro", "immutable=1", "query_only", *(["mode=ro without task_path"] if HAS_TASK_PATH else [])]


@pytest.mark.parametrize("how", READ_ONLY)
def test_a_read_only_database_is_read_and_refuses_writes(tmp_path, how):
    def tell(story):
        first = story.saver()
        fill(first)
        if how.endswith("task_path"):
            first.conn.execute("ALTER TABLE writes DROP COLUMN task_path")
            first.conn.execute("PRAGMA journal_mode = DELETE")
        first.conn.close()
        if how == "query_only":
            conn = story.connect()
            conn.execute("PRAGMA query_only = 1")
        else:
            conn = story.connect(f"file:{story.path}?{how.split()[0]}", uri=True)
        saver = story.saver(conn)
        everything(story, saver, at=1)
        story.note("task path", getattr(saver, "_has_task_path", None))
        story.note("is_setup", saver.is_setup)
        story.note("in transaction", conn.in_transaction)

    if how.endswith("task_path") and sqlite3.sqlite_version_info < (3, 35):
        pytest.skip("this SQLite can't drop a column")
    same_story(tell, tmp_path)


def test_a_database_from_before_task_path_is_changed_as_by_stock(tmp_path):
    def tell(story):
        conn = story.connect()
        conn.executescript(
            "CREATE TABLE checkpoints (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT"
            " NOT NULL, parent_checkpoint_id TEXT, type TEXT, checkpoint BLOB, metadata BLOB,"
            " PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));"
            "CREATE TABLE writes (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,"
            " task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL, type TEXT, value BLOB,"
            " PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));"
            "INSERT INTO writes VALUES ('1', '', 'x', 't', 0, 'c', 'msgpack', x'01');"
        )
        saver = story.saver(conn)
        everything(story, saver)
        story.note("schema", conn.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall())
        story.rows()

    same_story(tell, tmp_path)


def test_a_full_database_refuses_writes_and_keeps_what_it_has(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        pages = saver.conn.execute("PRAGMA page_count").fetchone()[0]
        saver.conn.execute(f"PRAGMA max_page_count = {pages + 2}")
        big = {"blob": bytes(300_000)}
        story.do("put", lambda: saver.put(config(), checkpoint(7, **big), METADATA, {}))
        story.note("in transaction", saver.conn.in_transaction)
        story.do(
            "put_writes", lambda: saver.put_writes(config(at=0), [("a", 1), ("b", bytes(300_000)), ("c", 2)], "full")
        )
        story.note("in transaction", saver.conn.in_transaction)
        story.rows("while full")
        saver.conn.execute("PRAGMA max_page_count = 1000000")
        everything(story, saver, at=8)
        story.rows()
        story.note("integrity", saver.conn.execute("PRAGMA integrity_check").fetchall())

    story = same_story(tell, tmp_path)
    assert str(story.steps[0][1].error) == "database or disk is full"


def test_a_full_disk_refuses_writes_and_keeps_what_it_has():
    done = in_new_process("""
        import pathlib, resource, signal, tempfile
        from beside_stock.stories import everything, same_story
        from samples.checkpoints import METADATA, checkpoint, config, fill
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        def tell(story):
            saver = story.saver()
            fill(saver)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
            try:
                for n in range(7, 12):
                    story.do("put", lambda: saver.put(config(), checkpoint(n, blob=bytes(100_000)), METADATA, {}))
                    story.note("in transaction", saver.conn.in_transaction)
                story.do("writes", lambda: saver.put_writes(config(at=0), [("a", 1), ("b", bytes(300_000))], "full"))
                everything(story, saver, at=20)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            everything(story, saver, at=21)
            story.rows()
            story.note("integrity", saver.conn.execute("PRAGMA integrity_check").fetchall())

        with tempfile.TemporaryDirectory() as directory:
            story = same_story(tell, pathlib.Path(directory))
        assert any(outcome.error is not None for _, outcome in story.steps), story.steps
        print("done")
    """)
    assert done.stdout == "done\n", done


CORRUPT = {
    "checkpoint cut": "UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 20)",
    "checkpoint empty": "UPDATE checkpoints SET checkpoint = x''",
    "checkpoint null": "UPDATE checkpoints SET checkpoint = NULL",
    "checkpoint text": "UPDATE checkpoints SET checkpoint = 'text'",
    "checkpoint a number": "UPDATE checkpoints SET checkpoint = 5",
    "checkpoint garbage": "UPDATE checkpoints SET checkpoint = x'c1ff'",
    "type null": "UPDATE checkpoints SET type = NULL",
    "type unknown": "UPDATE checkpoints SET type = 'unknown'",
    "type empty": "UPDATE checkpoints SET type = ''",
    "type json": "UPDATE checkpoints SET type = 'json', checkpoint = CAST('{\"a\": 1}' AS BLOB)",
    "type null tag": "UPDATE checkpoints SET type = 'null'",
    "type bytes": "UPDATE checkpoints SET type = 'bytes'",
    "type bytearray": "UPDATE checkpoints SET type = 'bytearray'",
    "type pickle": "UPDATE checkpoints SET type = 'pickle'",
    "type a blob": "UPDATE checkpoints SET type = CAST(type AS BLOB)",
    "type no utf-8": "UPDATE checkpoints SET type = CAST(x'ff' AS TEXT)",
    "metadata null": "UPDATE checkpoints SET metadata = NULL",
    "metadata empty": "UPDATE checkpoints SET metadata = x''",
    "metadata no json": "UPDATE checkpoints SET metadata = x'7b'",
    "metadata text": "UPDATE checkpoints SET metadata = CAST(metadata AS TEXT)",
    "metadata a number": "UPDATE checkpoints SET metadata = 5",
    "metadata a list": "UPDATE checkpoints SET metadata = CAST('[1, 2]' AS BLOB)",
    "metadata odd floats": 'UPDATE checkpoints SET metadata = CAST(\'{"a": NaN, "b": -Infinity, "c": 1e999}\' AS BLOB)',
    "metadata twice a key": 'UPDATE checkpoints SET metadata = CAST(\'{"a": 1, "a": 2}\' AS BLOB)',
    "metadata big int": "UPDATE checkpoints SET metadata = CAST('{\"a\": 123456789012345678901234567890}' AS BLOB)",
    "metadata utf-16": "UPDATE checkpoints SET metadata = x'7b0022006100220031007d00'",
    "metadata with a bom": "UPDATE checkpoints SET metadata = x'efbbbf7b7d'",
    "metadata no utf-8": "UPDATE checkpoints SET metadata = x'7b2261223a22ff227d'",
    "metadata surrogates": 'UPDATE checkpoints SET metadata = CAST(\'{"a": "\\ud800", "b": "\\ud83d\\ude00"}\' AS BLOB)',
    "metadata control characters": "UPDATE checkpoints SET metadata = x'7b2261223a220a227d'",
    "metadata deep": "UPDATE checkpoints SET metadata = CAST(replace(hex(zeroblob(3000)), '0', '[') AS BLOB)",
    "parent empty": "UPDATE checkpoints SET parent_checkpoint_id = ''",
    "parent a blob": "UPDATE checkpoints SET parent_checkpoint_id = x'ff00'",
    "parent a number": "UPDATE checkpoints SET parent_checkpoint_id = 5",
    "id a blob": "UPDATE checkpoints SET checkpoint_id = x'ff' WHERE rowid = 3",
    "id no utf-8": "UPDATE checkpoints SET checkpoint_id = CAST(x'ff' AS TEXT) WHERE rowid = 3",
    "thread no utf-8": "UPDATE checkpoints SET thread_id = CAST(x'ff' AS TEXT) WHERE thread_id = '2'",
    "thread with nul": "UPDATE checkpoints SET thread_id = 'a' || char(0) || 'b' WHERE thread_id = '2'",
    "write cut": "UPDATE writes SET value = substr(value, 1, 3)",
    "write null": "UPDATE writes SET value = NULL",
    "write type null": "UPDATE writes SET type = NULL",
    "write type unknown": "UPDATE writes SET type = 'unknown'",
    "write channel a blob": "UPDATE writes SET channel = x'00'",
    "write channel no utf-8": "UPDATE writes SET channel = CAST(x'ff' AS TEXT)",
    "write task a blob": "UPDATE OR IGNORE writes SET task_id = CAST(task_id AS BLOB)",
    "one write task a blob": "UPDATE OR IGNORE writes SET task_id = CAST(task_id AS BLOB) WHERE idx = 0",
    "write idx text": "UPDATE OR IGNORE writes SET idx = 'abc' WHERE idx = 0",
    "write idx real": "UPDATE OR IGNORE writes SET idx = idx + 0.5",
    "write idx big": "UPDATE OR IGNORE writes SET idx = 9223372036854775807 WHERE idx = 0",
    "write path a number": "UPDATE writes SET task_path = 5",
    "write path a blob": "UPDATE writes SET task_path = x'01'",
    "one write path a blob": "UPDATE writes SET task_path = x'01' WHERE idx = 0",
    "write path no utf-8": "UPDATE writes SET task_path = CAST(x'ff' AS TEXT) WHERE idx = 1",
}


if not HAS_TASK_PATH:
    CORRUPT = {name: statement for name, statement in CORRUPT.items() if "path" not in name}


@pytest.mark.parametrize("what", CORRUPT)
def test_a_corrupt_row_is_read_or_refused_as_by_stock(tmp_path, what):
    def tell(story):
        saver = story.saver()
        fill(saver, ("1", "2"))
        saver.conn.execute(CORRUPT[what])
        saver.conn.commit()
        for thread in ("1", "2"):
            story.do("latest", lambda thread=thread: saver.get_tuple(config(thread)))
            for n in range(3):
                story.do("get", lambda thread=thread, n=n: saver.get_tuple(config(thread, at=n)))
                story.note("lock", saver.lock.locked())
            story.do("list", lambda thread=thread: list(saver.list(config(thread))))
            story.do("list all", lambda: list(saver.list(None)))
            story.note("lock", saver.lock.locked())
            if hasattr(saver, "get_delta_channel_history"):
                call = {"config": config(thread, at=2), "channels": ["messages", "count"]}
                story.do("history", lambda call=call: saver.get_delta_channel_history(**call))
        everything(story, saver, at=9)
        story.note("in transaction", saver.conn.in_transaction)

    same_story(tell, tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_a_corrupt_file_is_refused_as_by_stock(tmp_path, seed):
    def tell(story):
        saver = story.saver()
        for n in range(40):
            saver.put(config(str(n % 4)), checkpoint(n, text="x" * 2000), METADATA, {})
        saver.conn.execute("PRAGMA journal_mode = DELETE")
        saver.conn.close()
        chance = random.Random(seed)
        with open(story.path, "r+b") as file:  # no connection is open that could lose its locks
            size = file.seek(0, 2)
            for _ in range(1 + seed * 4):
                file.seek(chance.randrange(4096 if seed else 0, size) // 4096 * 4096)
                file.write(chance.randbytes(200))
        saver = story.saver()
        for thread in range(4):
            story.do("latest", lambda thread=thread: saver.get_tuple(config(str(thread))))
            story.do("list", lambda thread=thread: len(list(saver.list(config(str(thread))))))
        everything(story, saver, at=77)
        story.do("delete", lambda: saver.delete_thread("1"))
        story.note("lock", saver.lock.locked())

    story = same_story(tell, tmp_path)
    assert any(isinstance(outcome.error, sqlite3.DatabaseError) for _, outcome in story.steps)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    def tell(story):
        with open(story.path, "wb") as file:
            file.write(b"this is no database, not at all" * 100)
        everything(story, story.saver())

    same_story(tell, tmp_path)


def test_a_table_that_goes_away_is_refused_and_made_again_as_by_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver.conn.execute("DROP TABLE writes")
        everything(story, saver, at=7)
        saver.conn.execute("DROP TABLE checkpoints")
        everything(story, saver, at=8)
        saver.is_setup = False
        everything(story, saver, at=9)
        story.rows()

    same_story(tell, tmp_path)


# --- tables with more in them ---

EXTRAS = {
    "a column more": "ALTER TABLE checkpoints ADD COLUMN mine TEXT DEFAULT 'd'",
    "a generated column": "ALTER TABLE checkpoints ADD COLUMN mine TEXT AS (upper(thread_id)) VIRTUAL",
    "an index": "CREATE INDEX mine ON checkpoints (parent_checkpoint_id)",
    "a trigger": "CREATE TRIGGER mine AFTER INSERT ON checkpoints BEGIN DELETE FROM checkpoints WHERE rowid < NEW.rowid - 3; END",
    "a check": "CREATE TRIGGER mine BEFORE INSERT ON checkpoints WHEN length(NEW.checkpoint) > 5 BEGIN SELECT RAISE(ABORT, 'long'); END",
    "a temporary table in its place": "CREATE TEMP TABLE checkpoints AS SELECT * FROM main.checkpoints",
    "a view": "ALTER TABLE checkpoints RENAME TO real; CREATE VIEW checkpoints AS SELECT * FROM real",
    "an attached database": "ATTACH ':memory:' AS other; CREATE TABLE other.checkpoints (a)",
    "pages in DELETE mode": "PRAGMA journal_mode = DELETE",
    "synchronous off": "PRAGMA synchronous = OFF",
    "no memory for pages": "PRAGMA cache_size = 1",
    "case-sensitive like": "PRAGMA case_sensitive_like = ON",
    "recursive triggers": "PRAGMA recursive_triggers = ON",
    "reverse order": "PRAGMA reverse_unordered_selects = ON",
    "exclusive locking": "PRAGMA locking_mode = EXCLUSIVE",
    "analyzed": "ANALYZE",
}


@pytest.mark.parametrize("what", EXTRAS)
def test_what_the_owner_added_to_the_database_works_as_with_stock(tmp_path, what):
    def tell(story):
        saver = story.saver()
        fill(saver, ("1", "2"))
        story.do("script", lambda: saver.conn.executescript(EXTRAS[what]) and None)
        everything(story, saver, at=7)
        story.do("delete", lambda: saver.delete_thread("2"))
        everything(story, saver, at=8)
        story.rows(conn=saver.conn)

    same_story(tell, tmp_path)


# --- what the connection makes of rows ---


def dict_factory(cursor, row):
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def reversed_factory(cursor, row):
    return tuple(reversed(row))


def raising_factory(cursor, row):
    raise ValueError("no row")


FACTORIES = {"Row": sqlite3.Row, "dict": dict_factory, "reversed": reversed_factory, "list": lambda c, r: list(r)}
FACTORIES.update({"raising": raising_factory, "tuple": lambda c, r: r, "none": lambda c, r: None})


@pytest.mark.parametrize("name", FACTORIES)
def test_a_row_factory_does_what_it_does_with_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver.conn.row_factory = FACTORIES[name]
        everything(story, saver, at=7)
        saver.conn.row_factory = None
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


TEXTS = {
    "bytes": bytes,
    "bytearray": bytearray,
    "upper": lambda data: data.decode().upper(),
    "ignore": lambda d: d.decode(errors="ignore"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_factory_does_what_it_does_with_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver.conn.text_factory = TEXTS[name]
        everything(story, saver, at=7)
        saver.conn.text_factory = str
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


class Thing:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Thing) and other.value == self.value

    def __conform__(self, protocol):
        return f"conformed {self.value}"


@pytest.fixture
def converters():
    """What is registered with sqlite3 for the whole process is taken back."""
    before, after = dict(sqlite3.converters), dict(sqlite3.adapters)
    yield
    for registry, kept in ((sqlite3.converters, before), (sqlite3.adapters, after)):
        registry.clear()
        registry.update(kept)


@pytest.mark.parametrize("types", [0, sqlite3.PARSE_DECLTYPES, sqlite3.PARSE_COLNAMES, 3])
@pytest.mark.parametrize("kind", ["TEXT", "BLOB", "INTEGER"])
def test_a_converter_does_what_it_does_with_stock(tmp_path, converters, types, kind):
    def tell(story):
        sqlite3.register_converter(kind, lambda data: b"converted " + data)
        saver = story.saver(story.connect(detect_types=types))
        story.do("fill", lambda: fill(saver))
        everything(story, saver, at=7)
        sqlite3.converters.clear()
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("kind", [str, bytes, int, float, type(None), bool], ids=lambda kind: kind.__name__)
def test_an_adapter_does_what_it_does_with_stock(tmp_path, converters, kind):
    def tell(story):
        saver = story.saver()
        fill(saver)
        sqlite3.register_adapter(kind, lambda value: f"adapted {value!r:.20}")
        everything(story, saver, at=7)
        del sqlite3.adapters[(kind, sqlite3.PrepareProtocol)]
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


# --- callbacks ---


def test_a_trace_callback_sees_the_statements_of_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        seen = []
        saver.conn.set_trace_callback(seen.append)
        fill(saver)
        everything(story, saver, at=7)
        saver.put_writes(config(at=0), [], "none")
        saver.delete_thread("1")
        story.note("statements", list(seen))
        saver.conn.isolation_level = None
        everything(story, saver, at=8)
        saver.conn.isolation_level = "IMMEDIATE"
        everything(story, saver, at=9)
        saver.conn.execute("BEGIN")
        everything(story, saver, at=10)
        story.note("all statements", list(seen))

    same_story(tell, tmp_path, native=ALL)


@pytest.mark.parametrize("verdict", [sqlite3.SQLITE_DENY, sqlite3.SQLITE_IGNORE, "raise", "odd"])
@pytest.mark.parametrize(
    "action", [sqlite3.SQLITE_INSERT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_DELETE]
)
def test_an_authorizer_is_asked_as_by_stock(tmp_path, action, verdict):
    def tell(story):
        asked = []

        def authorize(code, *about):
            asked.append((code, *about))
            if code != action:
                return sqlite3.SQLITE_OK
            if verdict == "raise":
                raise ValueError("authorizer")
            return verdict

        # sqlite3 keeps what it has prepared, and would not ask again, or use without an authorizer what was
        # prepared under one; ours prepares anew each time.
        fill(story.saver())
        saver = story.saver(story.connect(cached_statements=0))
        saver.setup()
        saver.conn.set_authorizer(authorize)
        everything(story, saver, at=7)
        saver.conn.set_authorizer(None)
        # one COMMIT more is prepared, never run, to keep the connection open
        story.note("asked", sorted({repr(about) for about in asked if about[0] != sqlite3.SQLITE_TRANSACTION}))
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("answer", [0, 1])
def test_a_progress_handler_may_stop_the_work(tmp_path, answer):
    def tell(story):
        saver = story.saver()
        fill(saver)
        calls = []
        saver.conn.set_progress_handler(lambda: calls.append(1) or answer, 1)
        everything(story, saver, at=7)
        story.note("called", bool(calls))
        saver.conn.set_progress_handler(None, 0)
        story.note("in transaction", saver.conn.in_transaction)
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


def test_a_function_of_the_owner_s_in_a_trigger_runs(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        seen = []

        def look(value):
            seen.append((value, threading.current_thread() is threading.main_thread()))
            if value == "fail":
                raise ValueError("look")
            return 1

        saver.conn.create_function("look", 1, look)
        saver.conn.execute("CREATE TRIGGER looks AFTER INSERT ON checkpoints BEGIN SELECT look(NEW.thread_id); END")
        everything(story, saver, at=7)
        story.do("fails", lambda: saver.put(config("fail"), checkpoint(1), METADATA, {}))
        story.note("in transaction", saver.conn.in_transaction)
        story.note("seen", seen)
        story.rows(conn=saver.conn)

    same_story(tell, tmp_path)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 has no setlimit before Python 3.11")
def test_a_limit_on_the_length_of_values_holds(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 5000)
        story.do("put", lambda: saver.put(config(), checkpoint(7, blob=bytes(6000)), METADATA, {}))
        story.do("put_writes", lambda: saver.put_writes(config(at=0), [("a", bytes(6000))], "long"))
        story.do("thread", lambda: saver.get_tuple(config("x" * 6000)))
        everything(story, saver, at=8)
        saver.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50)
        everything(story, saver, at=9)
        story.rows()

    same_story(tell, tmp_path)


# --- connections of other kinds ---


class MyConnection(sqlite3.Connection):
    """What it is asked for is noted."""

    asked: list = []

    def cursor(self, *args, **kwargs):
        self.asked.append("cursor")
        return super().cursor(*args, **kwargs)

    def commit(self):
        self.asked.append("commit")
        super().commit()


class PlainSubclass(sqlite3.Connection):
    pass


class Proxy:
    """Stands in for a connection without being one."""

    def __init__(self, conn):
        self._conn, self._asked = conn, []

    def __getattr__(self, name):
        self._asked.append(name)
        return getattr(self._conn, name)


class ProxyThatLies(Proxy):
    @property
    def __class__(self):
        return sqlite3.Connection


def test_a_subclass_of_connection_is_asked_as_by_stock(tmp_path):
    def tell(story):
        MyConnection.asked = []
        saver = story.saver(story.connect(factory=MyConnection))
        fill(saver)
        everything(story, saver, at=7)
        story.note("asked", MyConnection.asked)
        story.rows()

    same_story(tell, tmp_path, stock=SYNC)


def test_a_plain_subclass_of_connection_works(tmp_path):
    def tell(story):
        saver = story.saver(story.connect(factory=PlainSubclass))
        fill(saver)
        everything(story, saver, at=7)
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("kind", [Proxy, ProxyThatLies])
def test_a_proxy_of_a_connection_is_asked_as_by_stock(tmp_path, kind):
    def tell(story):
        proxy = kind(story.connect())
        saver = story.saver(proxy)
        fill(saver)
        everything(story, saver, at=7)
        story.note("asked", proxy._asked)
        story.rows()

    same_story(tell, tmp_path, stock=SYNC)
