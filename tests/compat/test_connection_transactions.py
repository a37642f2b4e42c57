"""What becomes of a transaction that its owner has left open, in each mode of a connection: as with stock."""

from __future__ import annotations

import sqlite3
import sys

import pytest

from beside_stock.stories import ALL_SYNC, STANDARD, all_rows, everything, same_story
from samples.checkpoints import METADATA, WRITES, checkpoint, config, fill

pytestmark = pytest.mark.unpatched

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

    same_story(tell, tmp_path, native=ALL_SYNC)


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

    same_story(tell, tmp_path, layouts=STANDARD)
