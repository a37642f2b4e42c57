"""Many calls at once, calls that are cancelled or left half way, odd ones: as with stock's async saver."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time

import aiosqlite
import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.sqlite.aio import AsyncSqliteStore

import fast_langgraph
from beside_stock.async_stories import aeverything, afill, listed
from beside_stock.stories import same_story
from samples import classes as s
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched


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
