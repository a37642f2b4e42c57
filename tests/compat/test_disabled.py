"""disabled(): stock's code within, for one thread, task or context."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import aiosqlite
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.patched_methods import SITES, STOCK, counts, functions
from beside_stock.sites import runs_native
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched


def test_within_disabled_stock_s_code_runs_and_nothing_is_counted(saver):
    fast_langgraph.patch()
    before = {name: counts(name) for name in SITES}
    with fast_langgraph.disabled():
        assert fast_langgraph.is_patched()
        saver.put(config(), checkpoint(1, message=HumanMessage("x", id="1")), METADATA, {})
        saver.put_writes(config(at=1), WRITES, "t")
        saver.get_tuple(config())
        list(saver.list(config()))
        saver.delete_thread("none")
    assert {name: counts(name) for name in SITES} == before
    with runs_native("SqliteSaver.get_tuple"):
        saver.get_tuple(config())


def test_disabled_may_be_nested_and_ends_with_an_exception(saver):
    fast_langgraph.patch()
    saver.put(config(), checkpoint(1), METADATA, {})

    def native():
        before = counts("SqliteSaver.get_tuple")
        saver.get_tuple(config())
        return counts("SqliteSaver.get_tuple") != before

    with fast_langgraph.disabled():
        with pytest.raises(ValueError, match="inside"), fast_langgraph.disabled():
            assert not native()
            raise ValueError("inside")
        assert not native()
    assert native()


def test_disabled_holds_for_its_own_thread_only(saver):
    fast_langgraph.patch()
    saver.put(config(), checkpoint(1), METADATA, {})
    with fast_langgraph.disabled(), runs_native("SqliteSaver.get_tuple"):
        thread = threading.Thread(target=saver.get_tuple, args=(config(),))
        thread.start()
        thread.join()


def test_disabled_is_carried_by_a_copied_context(saver):
    fast_langgraph.patch()
    saver.put(config(), checkpoint(1), METADATA, {})
    before = counts("SqliteSaver.get_tuple")
    with fast_langgraph.disabled(), ThreadPoolExecutor() as pool:
        context = contextvars.copy_context()
        assert pool.submit(context.run, saver.get_tuple, config()).result().checkpoint["id"] == checkpoint(1)["id"]
    assert counts("SqliteSaver.get_tuple") == before


def test_disabled_holds_for_its_own_task_only(tmp_path):
    fast_langgraph.patch()

    async def run():
        async with aiosqlite.connect(tmp_path / "test.db") as conn:
            saver = AsyncSqliteSaver(conn)
            await saver.setup()
            order = []

            async def stock():
                with fast_langgraph.disabled():
                    for n in range(5):
                        await saver.aput(config("stock"), checkpoint(n), METADATA, {})
                        order.append("stock")

            async def ours():
                for n in range(5):
                    await saver.aput(config("ours"), checkpoint(n), METADATA, {})
                    order.append("ours")

            calls, _ = counts("AsyncSqliteSaver.aput")
            await asyncio.gather(stock(), ours())
            assert counts("AsyncSqliteSaver.aput")[0] == calls + 5
            assert set(order) == {"stock", "ours"}
            assert [found.checkpoint["channel_values"]["count"] async for found in saver.alist(config("stock"))] == [
                4,
                3,
                2,
                1,
                0,
            ]

    asyncio.run(run())


def test_a_graph_run_within_disabled_runs_on_stock(saver):
    from samples import graphs

    fast_langgraph.patch()
    app = graphs.agent().compile(checkpointer=saver)
    before = {name: counts(name) for name in SITES}
    with fast_langgraph.disabled():
        app.invoke({"messages": [HumanMessage("x", id="1")]}, graphs.CONFIG)
    assert {name: counts(name) for name in SITES} == before


def test_disabled_without_patching_does_nothing(saver):
    with fast_langgraph.disabled():
        saver.put(config(), checkpoint(1), METADATA, {})
    assert not fast_langgraph.is_patched()
    assert functions() == STOCK
