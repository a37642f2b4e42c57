"""A connection and a database set up in their owner's way: factories, callbacks, triggers, limits."""

from __future__ import annotations

import sqlite3
import sys
import threading

import pytest

from beside_stock.stories import ALL_SYNC, STANDARD, everything, same_story
from samples.checkpoints import METADATA, checkpoint, config, fill

pytestmark = pytest.mark.unpatched

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

    same_story(tell, tmp_path, native=ALL_SYNC, layouts=STANDARD)


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
        if story.layout == "standard":
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

    same_story(tell, tmp_path, layouts=STANDARD)


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
