"""AsyncSqliteSaver in its owner's way: what stock does, ours does."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sqlite3
import sys
import threading
import time

import aiosqlite
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.sqlite.aio import AsyncSqliteStore

import fast_langgraph
from beside_stock.stories import same_story
from installed_releases import allowing
from samples import classes as s
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched
ASYNC = [f"AsyncSqliteSaver.{name}" for name in ("aput", "aput_writes", "aget_tuple", "adelete_thread")]
HAS_HISTORY = "aget_delta_channel_history" in vars(AsyncSqliteSaver)


async def listed(saver, *args, **kwargs):
    return [found async for found in saver.alist(*args, **kwargs)]


async def afill(saver, threads=("1",), steps=3):
    for thread in threads:
        at = None
        for n in range(steps):
            written = await saver.aput(config(thread, at=at), checkpoint(n, text="x" * n), {**METADATA, "step": n}, {})
            await saver.aput_writes(written, WRITES, f"task-{n}")
            await saver.aput_writes(written, SPECIAL, f"task-{n}", "~path")
            at = n


async def aeverything(story, saver, at=0):
    await story.ado("aput", saver.aput(config(), checkpoint(at), METADATA, {}))
    await story.ado("aput_writes", saver.aput_writes(config(at=at), WRITES, "task"))
    await story.ado("special", saver.aput_writes(config(at=at), SPECIAL, "task", "~p"))
    await story.ado("aget_tuple", saver.aget_tuple(config(at=at)))
    await story.ado("latest", saver.aget_tuple(config()))
    await story.ado("none", saver.aget_tuple(config("nobody")))
    await story.ado("alist", listed(saver, config()))
    if HAS_HISTORY:
        await story.ado("history", saver.aget_delta_channel_history(config=config(at=at), channels=["count", "x"]))
    await story.ado("adelete_thread", saver.adelete_thread("other"))
    story.note("lock", saver.lock.locked())


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

    same_story(tell, tmp_path, native=ASYNC)


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


# --- subclasses and attributes ---


@pytest.mark.parametrize("name", ["setup", "aget_tuple", "aput", "aput_writes", "alist"])
def test_what_a_subclass_overrides_is_called_as_by_stock(tmp_path, name):
    real = getattr(AsyncSqliteSaver, name)

    def overriding(seen):
        if inspect.isasyncgenfunction(real):

            async def method(self, *args, **kwargs):
                seen.append((name, repr(args), repr(kwargs)))
                async for found in real(self, *args, **kwargs):
                    yield found
        else:

            async def method(self, *args, **kwargs):
                seen.append((name, repr(args), repr(kwargs)))
                return await real(self, *args, **kwargs)

        return method

    async def tell(story):
        seen = []
        cls = type("Mine", (AsyncSqliteSaver,), {name: overriding(seen)})
        async with aiosqlite.connect(story.path) as conn:
            saver = cls(conn)
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.note("seen", seen)
            plain = AsyncSqliteSaver(conn)
            setattr(plain, name, overriding(seen).__get__(plain))
            await aeverything(story, plain, at=8)
            story.note("seen of an instance", seen)

    same_story(tell, tmp_path)


class CountingLock(asyncio.Lock):
    taken = 0

    async def acquire(self):
        self.taken += 1
        return await super().acquire()


def test_a_lock_of_the_owner_s_is_taken_as_by_stock(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            saver.lock = CountingLock()
            await afill(saver)
            await aeverything(story, saver, at=7)
            story.note("taken", saver.lock.taken)

    same_story(tell, tmp_path)


def test_a_lock_that_is_held_is_waited_for(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            async with saver.lock:
                tasks = [
                    asyncio.create_task(saver.aput(config(), checkpoint(7), METADATA, {})),
                    asyncio.create_task(saver.aput_writes(config(at=0), WRITES, "t")),
                    asyncio.create_task(saver.aget_tuple(config(at=1))),
                    asyncio.create_task(saver.adelete_thread("none")),
                ]
                await asyncio.sleep(0.05)
                story.note("done meanwhile", [task.done() for task in tasks])
            for task in tasks:
                await story.ado("task", task)
            story.note("lock", saver.lock.locked())
            story.rows()

    same_story(tell, tmp_path)


SERDES = {
    "strict": lambda: allowing(None),
    "subclass": lambda: type(
        "Mine",
        (JsonPlusSerializer,),
        {"dumps_typed": lambda self, value: ("own", b"x"), "loads_typed": lambda self, typed: typed},
    )(),
    "hook": lambda: JsonPlusSerializer(__unpack_ext_hook__=lambda code, data: (code, len(data))),
}


@pytest.mark.parametrize("name", SERDES)
def test_a_serializer_of_the_owner_s_is_used_as_by_stock(tmp_path, name):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn, serde=SERDES[name]())
            await afill(saver)
            await saver.aput(config(), checkpoint(9, plain=s.Plain(1), tags={1}), METADATA, {})
            await aeverything(story, saver, at=7)
            story.rows()

    same_story(tell, tmp_path)


# --- where things run ---

WHO = contextvars.ContextVar("who", default="nobody")


class Looking(JsonPlusSerializer):
    """Notes where it is called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def look(self, what):
        try:
            asyncio.get_running_loop()
            loop = True
        except RuntimeError:
            loop = False
        self.seen.append((what, threading.current_thread() is threading.main_thread(), loop, WHO.get()))

    def dumps_typed(self, value):
        self.look("dumps")
        return super().dumps_typed(value)

    def loads_typed(self, typed):
        self.look("loads")
        return super().loads_typed(typed)


def test_a_serializer_is_called_on_the_loop_s_thread_in_the_caller_s_context(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn, serde=Looking())
            await saver.setup()

            async def task(name):
                WHO.set(name)
                await saver.aput(config(name), checkpoint(1), METADATA, {})
                await saver.aput_writes(config(name, at=1), WRITES, "t")
                await saver.aget_tuple(config(name))
                await listed(saver, config(name))

            for name in ("a", "b"):
                await asyncio.create_task(task(name))
            story.note("seen", saver.serde.seen)

    story = same_story(tell, tmp_path)
    assert all(main and loop for _, main, loop, _ in story.steps[0][1].value)


def test_a_validator_runs_on_the_loop_s_thread_in_the_caller_s_context(tmp_path, monkeypatch):
    async def tell(story):
        seen = []

        def build(*args, **kwargs):
            asyncio.get_running_loop()
            seen.append((threading.current_thread() is threading.main_thread(), WHO.get()))
            return (args, kwargs)

        monkeypatch.setattr(s.callables, "build", build)
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            thing = type("build", (s.Secret,), {"__module__": s.callables.__name__})
            await saver.aput(config(), checkpoint(1, thing=thing(5)), METADATA, {})
            await saver.aput_writes(config(at=1), [("a", thing(6))], "t")
            WHO.set("me")
            await story.ado("get", saver.aget_tuple(config()))
            await story.ado("list", listed(saver, config()))
            story.note("seen", seen)

    story = same_story(tell, tmp_path)
    assert story.steps[-1][1].value == [(True, "me")] * 4


def test_calls_from_other_threads_come_back_through_the_loop(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)

            def sync():
                saver.put(config(), checkpoint(1), METADATA, {})
                saver.put_writes(config(at=1), WRITES, "t", "~p")
                found = saver.get_tuple(config()), list(saver.list(config()))
                history = saver.get_delta_channel_history(config=config(), channels=["count"]) if HAS_HISTORY else None
                saver.delete_thread("none")
                return found, history

            await story.ado("from a thread", asyncio.to_thread(sync))
            story.do("get on the loop", lambda: saver.get_tuple(config()))
            story.do("list on the loop", lambda: list(saver.list(config())))
            story.do("delete on the loop", lambda: saver.delete_thread("1"))
            story.rows()

    same_story(tell, tmp_path, native=["AsyncSqliteSaver.aput", "AsyncSqliteSaver.aget_tuple"])


# --- many at once ---


def test_one_call_that_fails_among_many_fails_alone(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await saver.setup()
            calls = []
            for n in range(30):
                calls.append(saver.aput(config(str(n)), checkpoint(n), METADATA, {}))
                calls.append(saver.aput_writes(config(str(n), at=n), WRITES, "t"))
                if n % 5 == 0:
                    calls.append(saver.aput(config(str(n)), {**checkpoint(n + 100), "id": None}, METADATA, {}))
                    calls.append(saver.aput_writes(config(str(n), at=n), [("good", 1), (None, 2)], "bad"))
                    calls.append(saver.aput(config(str(n)), checkpoint(n + 200, bad=object()), METADATA, {}))
                    calls.append(saver.aget_tuple(config(str(n))))
            results = await asyncio.gather(*calls, return_exceptions=True)
            story.note(
                "results",
                [(type(result).__name__, str(result)) if isinstance(result, Exception) else "ok" for result in results],
            )
            story.note("in transaction", conn.in_transaction)
            story.rows()

    same_story(tell, tmp_path)


def test_all_that_is_put_at_once_is_there(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await asyncio.gather(*(saver.aput(config(str(n % 7)), checkpoint(n), METADATA, {}) for n in range(100)))
            await asyncio.gather(*(saver.aput_writes(config(str(n % 7), at=n), WRITES, "t") for n in range(100)))
            found = await asyncio.gather(*(saver.aget_tuple(config(str(n % 7), at=n)) for n in range(100)))
            story.note("found", found)
            story.rows()

    same_story(
        tell, tmp_path, native=["AsyncSqliteSaver.aput", "AsyncSqliteSaver.aput_writes", "AsyncSqliteSaver.aget_tuple"]
    )


@pytest.mark.parametrize("rounds", [1, 3, 10])
def test_a_call_that_is_cancelled_lets_go_of_the_lock_and_loses_nothing_else(tmp_path, rounds):
    fast_langgraph.patch()

    async def run():
        async with aiosqlite.connect(tmp_path / "test.db") as conn:
            saver = AsyncSqliteSaver(conn)
            await saver.setup()
            for turn in range(10):
                kept = [
                    asyncio.create_task(saver.aput(config(f"kept{turn}"), checkpoint(n), METADATA, {}))
                    for n in range(5)
                ]
                gone = [
                    asyncio.create_task(saver.aput(config(f"gone{turn}"), checkpoint(n), METADATA, {}))
                    for n in range(5)
                ]
                for _ in range(rounds):
                    await asyncio.sleep(0)
                for task in gone:
                    task.cancel()
                for result in await asyncio.gather(*gone, return_exceptions=True):
                    assert isinstance(result, (asyncio.CancelledError, dict))
                await asyncio.wait_for(asyncio.gather(*kept), 30)
                assert not saver.lock.locked()
                assert len(await listed(saver, config(f"kept{turn}"))) == 5
                found = await saver.aget_tuple(config(f"gone{turn}"))
                assert found is None or found.checkpoint["channel_values"]["count"] in range(5)
            assert not conn.in_transaction
            cursor = await conn.execute("PRAGMA integrity_check")
            assert await cursor.fetchone() == ("ok",)

    asyncio.run(run())


def test_a_list_that_is_left_half_way_lets_go_of_the_lock(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver, steps=6)
            listing = saver.alist(config())
            story.note("is a generator", inspect.isasyncgen(listing))
            await story.ado("first", anext(listing))
            await listing.aclose()
            story.note("lock", saver.lock.locked())
            await story.ado("closed", anext(listing, "end"))
            await aeverything(story, saver, at=9)
            listing = saver.alist(config(), limit=2)
            await story.ado("again", anext(listing))
            await story.ado("thrown in", listing.athrow(ValueError("thrown")))
            story.note("lock", saver.lock.locked())
            for bad in ({"filter": {"bad key": 1}}, {"limit": "x"}, {"before": {}}):
                await story.ado("bad", listed(saver, config(), **bad))
            await story.ado("no config", listed(saver, {"configurable": {}}))

    same_story(tell, tmp_path)


@pytest.mark.parametrize("what", [None, 5, b"x", True, 1.5, [1], s.Str("x"), "a\ud800", "a\x00b", 2**70], ids=repr)
def test_odd_configs_and_values_do_what_they_do_with_stock(tmp_path, what):
    async def tell(story):
        async with aiosqlite.connect(story.path) as conn:
            saver = AsyncSqliteSaver(conn)
            await afill(saver)
            for where in ("thread_id", "checkpoint_ns", "checkpoint_id"):
                odd = config(at=1)
                odd["configurable"][where] = what
                await story.ado("put", saver.aput(odd, checkpoint(7), METADATA, {}))
                await story.ado("writes", saver.aput_writes(odd, WRITES, "t"))
                await story.ado("get", saver.aget_tuple(odd))
                await story.ado("list", listed(saver, odd))
            await story.ado("id", saver.aput(config(), {**checkpoint(1), "id": what}, METADATA, {}))
            await story.ado("task", saver.aput_writes(config(at=1), WRITES, what))
            await story.ado("path", saver.aput_writes(config(at=1), WRITES, "t", what))
            await story.ado("channel", saver.aput_writes(config(at=1), [(what, 1)], "t"))
            await story.ado("delete", saver.adelete_thread(what))
            await story.ado(
                "no namespace", saver.aput({"configurable": {"thread_id": "1"}}, checkpoint(1), METADATA, {})
            )
            story.note("lock", saver.lock.locked())
            story.note("in transaction", conn.in_transaction)
            story.rows()

    same_story(tell, tmp_path)


def test_a_store_on_the_same_connection_works_beside(tmp_path):
    async def tell(story):
        async with aiosqlite.connect(story.path, isolation_level=None) as conn:
            saver, store = AsyncSqliteSaver(conn), AsyncSqliteStore(conn)
            await store.setup()
            for n in range(3):
                await aeverything(story, saver, at=n)
                await store.aput(("a",), str(n), {"n": n})
                story.note("stored", (await store.aget(("a",), str(n))).value)
            story.rows()

    same_story(tell, tmp_path)


def test_the_loop_may_be_another_one_each_time(tmp_path):
    """As servers and notebooks do: one module-level path, a saver in each run."""

    def tell(story):
        for n in range(3):

            async def run(n=n):
                async with aiosqlite.connect(story.path) as conn:
                    await aeverything(story, AsyncSqliteSaver(conn), at=n)

            asyncio.run(run())
        story.rows()

    same_story(tell, tmp_path, native=["AsyncSqliteSaver.aput", "AsyncSqliteSaver.aget_tuple"])


def test_the_thread_of_a_closed_connection_ends(tmp_path):
    fast_langgraph.patch()

    async def run():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
            await afill(saver)

    before = threading.active_count()
    for _ in range(3):
        asyncio.run(run())
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
