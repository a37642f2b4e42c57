"""Files that are locked, read-only, old, full or broken: what stock does with them, ours does."""

from __future__ import annotations

import random
import sqlite3
import threading
import time

import pytest

from beside_stock.new_process import in_new_process
from beside_stock.stories import STANDARD, everything, same_story
from installed_releases import HAS_TASK_PATH
from samples.checkpoints import METADATA, WRITES, checkpoint, config, fill

pytestmark = pytest.mark.unpatched


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

    same_story(tell, tmp_path, layouts=STANDARD)


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
        from beside_stock.stories import STANDARD, everything, same_story
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
            story = same_story(tell, pathlib.Path(directory), layouts=STANDARD)
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

    story = same_story(tell, tmp_path, layouts=STANDARD)
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

    same_story(tell, tmp_path, layouts=STANDARD)
