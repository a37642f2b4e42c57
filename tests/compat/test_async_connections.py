"""AsyncSqliteSaver on connections set up in their owner's way: what stock does with them, ours does."""

from __future__ import annotations

import asyncio
import sqlite3
import sys

import aiosqlite
import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from beside_stock.async_stories import aeverything, afill, listed
from beside_stock.stories import STANDARD, same_story
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

ASYNC = [f"AsyncSqliteSaver.{name}" for name in ("aput", "aput_writes", "aget_tuple", "adelete_thread")]


def test_a_plain_connection_runs_native(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver, ("1", "2"))
            await aeverything(story, saver, at=7)
            await story.ado("delete", saver.adelete_thread("2"))
            story.rows()

    same_story(tell, tmp_path, native=ASYNC)


def test_a_saver_from_a_connection_string_runs_native(tmp_path):
    async def tell(story):
        async with AsyncSqliteSaver.from_conn_string(story.path) as saver:
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.rows()

    same_story(tell, tmp_path, native=ASYNC)


def test_a_database_in_memory_runs_native(tmp_path):
    async def tell(story):
        async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
            await afill(saver)
            await aeverything(story, saver, at=7)

    same_story(tell, tmp_path, native=ASYNC)


def test_a_connection_that_is_not_started_is_started_by_the_first_call(tmp_path):
    async def tell(story):
        conn = aiosqlite.connect(story.path)
        saver = AsyncSqliteSaver(conn)
        await story.ado("delete first", saver.adelete_thread("1"))
        await aeverything(story, saver)
        await conn.close()
        story.rows()

    same_story(tell, tmp_path)


def test_deleting_before_the_tables_are_made_fails_as_with_stock(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await story.ado("delete", saver.adelete_thread("1"))
            story.note("lock", saver.lock.locked())
            await aeverything(story, saver)

    story = same_story(tell, tmp_path)
    assert isinstance(story.steps[0][1].error, sqlite3.OperationalError)


@pytest.mark.parametrize("is_setup", [False, True])
def test_a_closed_connection_is_refused(tmp_path, is_setup):
    async def tell(story):
        conn = await aiosqlite.connect(story.path)
        saver = AsyncSqliteSaver(conn)
        if is_setup:
            await afill(saver)
        await conn.close()
        # what a closed connection says depends on whether its thread has ended yet
        await asyncio.to_thread(getattr(conn, "_thread", conn).join)
        if is_setup:
            await aeverything(story, saver)
        else:
            await story.ado("aget_tuple", saver.aget_tuple(config()))

    same_story(tell, tmp_path)


def test_a_connection_closed_behind_aiosqlite_s_back_is_refused(tmp_path):
    async def tell(story):
        conn = await aiosqlite.connect(story.path)
        saver = AsyncSqliteSaver(conn)
        await afill(saver)
        await conn._execute(conn._conn.close)
        await aeverything(story, saver)
        await conn.close()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("level", ["", "IMMEDIATE", "EXCLUSIVE", None])
def test_an_open_transaction_is_committed_or_kept_as_by_stock(tmp_path, level):
    async def tell(story):
        async with aiosqlite.connect(story.path, isolation_level=level) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            await conn.execute("CREATE TABLE own (a)")
            await conn.commit()
            operations = {
                "get": lambda: saver.aget_tuple(config()),
                "list": lambda: listed(saver, config()),
                "put": lambda: saver.aput(config(), checkpoint(5), METADATA, {}),
                "writes": lambda: saver.aput_writes(config(at=0), WRITES, "t5"),
                "no writes": lambda: saver.aput_writes(config(at=0), [], "t5"),
                "delete": lambda: saver.adelete_thread("nobody"),
                "unencodable": lambda: saver.aput(config(), checkpoint(6, bad=object()), METADATA, {}),
                "unencodable writes": lambda: saver.aput_writes(config(at=0), [("a", 1), ("b", object())], "t6"),
                "not null": lambda: saver.aput(config(), {**checkpoint(6), "id": None}, METADATA, {}),
                "one bad write": lambda: saver.aput_writes(config(at=0), [("a", 1), (None, 1)], "t7"),
                "not bindable": lambda: saver.aput_writes(config(at=0), [("a", 1), ([1], 1)], "t8"),
            }
            for name, operation in operations.items():
                for begin in (None, "BEGIN", "BEGIN IMMEDIATE"):
                    if begin:
                        await conn.execute(begin)
                    await conn.execute("INSERT INTO own VALUES (?)", (name,))
                    await story.ado(name, operation())
                    story.note("in transaction", conn.in_transaction)
                    story.note("lock", saver.lock.locked())
                    await conn.rollback()
            cursor = await conn.execute("SELECT a, count(*) FROM own GROUP BY a")
            story.note("kept", await cursor.fetchall())
            story.note("changes", conn.total_changes)
            story.rows()

    same_story(tell, tmp_path)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has no autocommit before Python 3.12")
@pytest.mark.parametrize("autocommit", [True, False])
def test_autocommit_does_what_it_does_with_stock(tmp_path, autocommit):
    async def tell(story):
        async with aiosqlite.connect(story.path, autocommit=autocommit) as conn:
            saver = AsyncSqliteSaver(conn)
            await aeverything(story, saver, at=7)
            story.note("in transaction", conn.in_transaction)
            await aeverything(story, saver, at=8)

    same_story(tell, tmp_path)


def test_a_locked_file_is_refused_and_used_again_when_it_is_free(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path, timeout=0.05) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            other = story.connect(isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await aeverything(story, saver, at=7)
            story.note("in transaction", conn.in_transaction)
            other.execute("ROLLBACK")
            await aeverything(story, saver, at=8)
            story.rows()

    story = same_story(tell, tmp_path)
    assert str(story.steps[0][1].error) == "database is locked"


def test_the_loop_runs_on_while_a_call_waits_for_a_lock(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path, timeout=30) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            other = story.connect(isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(saver.aput(config(), checkpoint(7), METADATA, {}))
            for _ in range(5):
                await asyncio.sleep(0.01)
            story.note("waits", waiting.done())
            other.execute("COMMIT")
            await story.ado("put", waiting)
            story.rows()

    same_story(tell, tmp_path, native=["AsyncSqliteSaver.aput"])


@pytest.mark.parametrize("factory", ["Row", "dict", "none"])
def test_a_row_factory_does_what_it_does_with_stock(tmp_path, factory):
    factories = {
        "Row": sqlite3.Row,
        "dict": lambda c, r: {d[0]: v for d, v in zip(c.description, r, strict=True)},
        "none": lambda c, r: None,
    }

    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            conn.row_factory = factories[factory]
            await aeverything(story, saver, at=7)
            conn.row_factory = None
            conn.text_factory = bytes
            await aeverything(story, saver, at=8)

    same_story(tell, tmp_path)


def test_a_trace_callback_sees_the_statements_of_stock(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            seen = []
            await conn.set_trace_callback(seen.append)
            await aeverything(story, saver, at=7)
            await saver.adelete_thread("1")
            await saver.aput_writes(config(at=0), [], "none")
            story.note("statements", list(seen))

    same_story(tell, tmp_path, native=ASYNC, layouts=STANDARD)


class Subclass(sqlite3.Connection):
    asked: list = []

    def commit(self):
        self.asked.append("commit")
        super().commit()


class AsyncSubclass(aiosqlite.Connection):
    asked: list = []

    async def _execute(self, function, *args, **kwargs):
        self.asked.append(getattr(function, "__name__", "other"))
        return await super()._execute(function, *args, **kwargs)


def test_a_connection_of_a_class_of_its_own_is_asked_as_by_stock(tmp_path):
    async def tell(story):
        Subclass.asked = []
        async with aiosqlite.connect(story.path, factory=Subclass) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.note("asked", list(Subclass.asked))
            story.rows()

    same_story(tell, tmp_path)


def test_an_aiosqlite_connection_of_a_class_of_its_own_is_asked_as_by_stock(tmp_path):
    async def tell(story):
        AsyncSubclass.asked = []
        async with AsyncSubclass(lambda: sqlite3.connect(story.path), 64) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.note("asked", list(AsyncSubclass.asked))
            story.rows()

    same_story(tell, tmp_path)
