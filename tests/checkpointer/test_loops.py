"""Event loops: many of them on one object, awaits that are cancelled, loops that end with work in flight."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph

from apps.databases import connected
from beside_stock.graph_runs import question
from fast_langgraph import RustSQLiteCheckpointer
from samples import graphs
from samples.checkpoints import METADATA, WRITES, checkpoint, checkpoint_id, config


def aput(saver, thread, n, text=""):
    return saver.aput(config(thread), checkpoint(n, text=text), METADATA, {})


def stored(path, thread=None) -> set[tuple[str, str]]:
    """What another connection sees."""
    with connected(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = conn.execute("SELECT thread_id, checkpoint_id FROM checkpoints").fetchall()
    return {row for row in rows if thread in (None, row[0])}


# --- loops side by side ---


def test_two_loops_in_two_threads_use_one_object(checkpointer, path):
    barrier = threading.Barrier(2)
    results = {}

    async def talk(name):
        barrier.wait()
        app = graphs.agent().compile(checkpointer=checkpointer)
        for turn in range(3):
            threads = [{"configurable": {"thread_id": f"{name}-{n}"}} for n in range(5)]
            results[name] = await asyncio.gather(*(app.ainvoke(question(turn), thread) for thread in threads))
        return [each async for each in checkpointer.alist(config(f"{name}-0"))]

    with ThreadPoolExecutor(2) as pool:
        listed = list(pool.map(lambda name: asyncio.run(talk(name)), ["a", "b"]))
    assert all(len(found) == 15 for found in listed)
    assert all(len(result["messages"]) == 12 for each in results.values() for result in each)
    assert len(stored(path)) == 2 * 5 * 15


def test_loops_one_after_the_other_use_one_object_and_leave_nothing_open(checkpointer, path):
    checkpointer.setup()

    async def turn(n):
        await aput(checkpointer, "1", n)
        assert (await checkpointer.aget(config()))["id"] == checkpoint_id(n)

    for n in range(5):
        asyncio.run(turn(n))
    gc.collect()
    if sys.platform == "linux":
        before = len(os.listdir("/proc/self/fd"))
    for n in range(5, 40):
        asyncio.run(turn(n))
    gc.collect()
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == before
    assert len(stored(path)) == 40


def test_sync_calls_within_a_loop_and_beside_it_work(checkpointer, path):
    """Neither waits for the other: what is queued is written by threads that need no loop."""

    async def run():
        pending = [asyncio.ensure_future(aput(checkpointer, "a", n)) for n in range(30)]
        await asyncio.sleep(0)
        for n in range(30):
            checkpointer.put(config("b"), checkpoint(n), METADATA, {})
            assert checkpointer.get(config("b"))["id"] == checkpoint_id(n)
        await asyncio.gather(*pending)
        await asyncio.to_thread(checkpointer.put, config("c"), checkpoint(0), METADATA, {})

    asyncio.run(run())
    assert len(stored(path)) == 61


def test_the_loop_goes_on_while_a_lock_is_waited_for(path):
    with RustSQLiteCheckpointer(path, busy_timeout=60) as saver, connected(path) as other:
        saver.setup()

        async def run():
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.ensure_future(aput(saver, "1", 1))
            for _ in range(50):
                await asyncio.sleep(0)
                assert await saver.aget(config()) is None
            assert not writing.done()
            other.execute("ROLLBACK")
            await writing

        asyncio.run(run())
        assert len(stored(path)) == 1


class Refusing(ThreadPoolExecutor):
    def submit(self, *args, **kwargs):
        raise AssertionError("the default executor was used")


async def answer(state):
    return {"messages": [AIMessage("yes", id="a1")]}


def test_the_loop_s_default_executor_is_not_used(checkpointer, tmp_path):
    async def run():
        asyncio.get_running_loop().set_default_executor(Refusing())
        with pytest.raises(AssertionError):
            await asyncio.to_thread(int)
        saved = await aput(checkpointer, "1", 1)
        await checkpointer.aput_writes(saved, WRITES, "task")
        assert await checkpointer.aget_tuple(saved) is not None
        assert len([each async for each in checkpointer.alist(None)]) == 1
        await checkpointer.aget_delta_channel_history(config=saved, channels=["count"])
        await checkpointer.acopy_thread("1", "2")
        await checkpointer.aprune(["2"])
        await checkpointer.adelete_for_runs(["r"])
        await checkpointer.adelete_thread("2")
        await checkpointer.astats()
        await checkpointer.avacuum()
        await checkpointer.abackup(tmp_path / "copy.db")
        graph = StateGraph(graphs.Messages)
        graph.add_node("answer", answer)  # LangGraph itself runs nodes that are not async in the executor
        graph.add_edge(START, "answer")
        result = await graph.compile(checkpointer=checkpointer).ainvoke(question(1), graphs.CONFIG)
        assert [message.id for message in result["messages"]] == ["q1", "a1"]
        await checkpointer.setup()
        await checkpointer.aclose()

    asyncio.run(run())


@pytest.mark.filterwarnings("error")
def test_it_works_in_debug_mode_without_a_word(checkpointer):
    async def run():
        await asyncio.gather(*(aput(checkpointer, "1", n) for n in range(20)))
        return [each async for each in checkpointer.alist(None, limit=5)]

    assert len(asyncio.run(run(), debug=True)) == 5


# --- cancelled awaits ---


def test_a_cancelled_put_is_there_as_a_whole_or_not_at_all_and_no_acknowledged_one_is_lost(checkpointer, path):
    dice = random.Random(5)
    acknowledged: set[str] = set()
    cancelled = 0

    async def one(n):
        thread = str(n)
        saved = await aput(checkpointer, thread, n, text="x" * 5000)
        acknowledged.add(thread)
        await checkpointer.aput_writes(saved, WRITES, "task")
        acknowledged.add(f"writes of {thread}")

    async def run():
        nonlocal cancelled
        for _ in range(10):
            start = len(acknowledged)
            tasks = [asyncio.ensure_future(one(1000 * start + n)) for n in range(30)]
            for _ in range(dice.randrange(6)):
                await asyncio.sleep(0)
            for task in dice.sample(tasks, 20):
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            cancelled += sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert not [each for each in outcomes if isinstance(each, Exception)]
        # Not stuck: what comes next is done.
        await one(7)
        assert (await checkpointer.aget(config("7"))) is not None

    asyncio.run(run())
    checkpointer.put(config("8"), checkpoint(8), METADATA, {})
    assert cancelled > 50
    there = {thread for thread, _ in stored(path)}
    assert {each for each in acknowledged if " " not in each} <= there
    with connected(path) as conn:
        writes = dict(conn.execute("SELECT thread_id, count(*) FROM writes GROUP BY 1").fetchall())
    assert set(writes.values()) == {len(WRITES)}, "all of a task's writes or none"
    assert {each.removeprefix("writes of ") for each in acknowledged if " " in each} <= set(writes) <= there
    for found in checkpointer.list(None):
        assert found.checkpoint["channel_values"].get("text", "") in ("", "x" * 5000)


def test_a_put_that_is_cancelled_while_a_lock_is_waited_for_leaves_no_mark(path):
    with RustSQLiteCheckpointer(path, busy_timeout=60) as saver, connected(path) as other:
        saver.setup()

        async def run():
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(aput(saver, "cancelled", 1), 0.05)
            waiting = [asyncio.ensure_future(aput(saver, "waiting", n)) for n in range(10)]
            await asyncio.sleep(0)
            waiting[3].cancel()
            other.execute("ROLLBACK")
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(each, asyncio.CancelledError) for each in outcomes] == [n == 3 for n in range(10)]
            await aput(saver, "after", 1)

        asyncio.run(run())
        assert {("waiting", checkpoint_id(n)) for n in range(10) if n != 3} <= stored(path)
        assert ("after", checkpoint_id(1)) in stored(path)


def test_reads_and_listings_that_are_cancelled_leave_it_usable(path):
    with RustSQLiteCheckpointer(path, readers=1, synchronous="off") as saver:
        for n in range(200):
            saver.put(config(), checkpoint(n), METADATA, {})

        async def whole():
            return [each async for each in saver.alist(config())]

        async def run():
            for turn in range(20):
                tasks = [asyncio.ensure_future(whole()), asyncio.ensure_future(saver.aget(config()))]
                for _ in range(turn % 5):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            async for _ in saver.alist(config()):
                break
            return await whole()

        assert len(asyncio.run(run())) == 200


def test_cancelling_the_run_of_a_graph_leaves_a_thread_that_goes_on(checkpointer):
    async def run():
        app = graphs.agent().compile(checkpointer=checkpointer)
        for turn in range(12):
            task = asyncio.ensure_future(app.ainvoke(question(turn), graphs.CONFIG))
            for _ in range(turn * 7):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return await app.ainvoke(question(99), graphs.CONFIG)

    messages = asyncio.run(run())["messages"]
    assert [message.content for message in messages if message.id == "q99"] == ["question 99"]
    saved = checkpointer.get(graphs.CONFIG)["channel_values"]["messages"]
    assert [message.id for message in saved] == [message.id for message in messages]


def test_who_waits_for_room_may_be_cancelled_and_the_rest_goes_on(path):
    """More than 64 MB wait behind a lock, besides what the one that writes has taken; what comes then isn't encoded
    before there is room.
    """
    with RustSQLiteCheckpointer(path, busy_timeout=60, synchronous="off") as saver, connected(path) as other:
        saver.setup()
        text = "x" * (5 << 20)

        async def run():
            other.execute("BEGIN IMMEDIATE")
            first = [asyncio.ensure_future(aput(saver, "first", n, text)) for n in range(24)]
            await asyncio.sleep(0)
            assert saver._engine.is_crowded
            later = [asyncio.ensure_future(aput(saver, "later", n)) for n in range(6)]
            await asyncio.sleep(0)
            later[0].cancel()
            later[5].cancel()
            assert saver._engine.is_crowded
            other.execute("ROLLBACK")
            await asyncio.gather(*first)
            outcomes = await asyncio.gather(*later, return_exceptions=True)
            assert [isinstance(each, asyncio.CancelledError) for each in outcomes] == [True, *[False] * 4, True]
            assert not saver._engine.is_crowded

        asyncio.run(run())
        assert len(stored(path, "first")) == 24
        assert len(stored(path, "later")) == 4


# --- loops that end ---


def test_a_loop_that_is_closed_with_work_in_flight_takes_nothing_with_it(checkpointer, path):
    checkpointer.setup()
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(aput(checkpointer, "left", n)) for n in range(40)]
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    begun = [task for task in tasks if not task.done()]
    loop.close()
    for task in begun:
        # Nobody will ever end them; that is how it was asked for.
        task._log_destroy_pending = False
    del loop, tasks, begun
    gc.collect()

    async def again():
        await aput(checkpointer, "after", 1)
        return await checkpointer.aget(config("after"))

    assert asyncio.run(again()) == checkpoint(1, text="")
    checkpointer.close()
    # Closing waits for what was begun.
    assert len(stored(path, "left")) == 40
    assert len(stored(path, "after")) == 1


def test_closing_waits_for_what_was_begun(path):
    saver = RustSQLiteCheckpointer(path)

    async def run():
        tasks = [asyncio.ensure_future(aput(saver, "1", n)) for n in range(50)]
        await asyncio.sleep(0)
        await saver.aclose()
        await asyncio.gather(*tasks)
        with pytest.raises(sqlite3.ProgrammingError):
            await aput(saver, "1", 99)

    asyncio.run(run())
    assert len(stored(path)) == 50


def test_closing_in_one_loop_tells_those_who_come_later_in_another(path):
    saver = RustSQLiteCheckpointer(path)
    outcomes = []
    closed = threading.Event()

    async def talk():
        n = 0
        while True:
            try:
                await aput(saver, "1", n)
            except sqlite3.ProgrammingError as error:
                outcomes.append((n, str(error)))
                return
            n += 1
            if n == 20:
                closed.set()

    talking = threading.Thread(target=lambda: asyncio.run(talk()))
    talking.start()
    closed.wait()
    asyncio.run(saver.aclose())
    talking.join()
    ((written, text),) = outcomes
    assert "closed" in text
    assert len(stored(path)) == written >= 20


def test_an_error_is_raised_where_it_is_awaited(checkpointer, sql, table):
    sql(f"CREATE TRIGGER picky BEFORE INSERT ON {table} WHEN NEW.thread_id = '3' BEGIN SELECT RAISE(FAIL, 'no'); END")

    async def run():
        return await asyncio.gather(*(aput(checkpointer, str(n), n) for n in range(6)), return_exceptions=True)

    outcomes = asyncio.run(run())
    assert [type(each) for each in outcomes] == [dict, dict, dict, sqlite3.IntegrityError, dict, dict]
    assert len(list(checkpointer.list(None))) == 5
