"""Whole runs on SqliteSaver and on the checkpointer: the same rows, byte for byte, and the same results."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiosqlite
import graphs
import pytest
from databases import aopened, connected, opened, without_task_path
from graphs import CONFIG
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from releases import needs_history
from stories import all_rows
from strict import difference
from tee import AsyncTee, Tee
from test_runs import DURABILITIES, RUNS, ahistory, history, question, sent

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._opening import LAYOUTS


@pytest.fixture(params=LAYOUTS, autouse=True)
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A file keeps the layout that it has."""
    with RustSQLiteCheckpointer(tmp_path / "ours.db", layout=request.param) as made:
        made.setup()


def same_rows(directory: Path) -> None:
    """What stock wrote, and what ours did: all columns but ``created_at``, each value with its type."""
    with connected(directory / "stock.db") as stock, connected(directory / "ours.db") as ours:
        expected = all_rows(stock)
        assert expected["checkpoints"]
        assert expected == all_rows(ours)


@contextlib.contextmanager
def tee(directory: Path) -> Iterator[Tee]:
    """Each call goes to both; their databases must end up the same."""
    conn = sqlite3.connect(directory / "stock.db", check_same_thread=False)
    try:
        with RustSQLiteCheckpointer(directory / "ours.db") as ours:
            both = Tee(SqliteSaver(conn), ours)
            yield both
            assert both.differences == []
            assert both.calls
            same_rows(directory)
    finally:
        conn.close()
    same_rows(directory)


@contextlib.asynccontextmanager
async def atee(directory: Path) -> AsyncIterator[AsyncTee]:
    async with aiosqlite.connect(directory / "stock.db") as conn, RustSQLiteCheckpointer(directory / "ours.db") as ours:
        both = AsyncTee(AsyncSqliteSaver(conn), ours)
        yield both
        assert both.differences == []
        assert both.calls
        same_rows(directory)


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("name", RUNS)
def test_a_run_leaves_the_rows_of_stock(name, durability, tmp_path):
    build, inputs = RUNS[name]
    with tee(tmp_path) as saver:
        app = build().compile(checkpointer=saver)
        for given in inputs:
            sent(app, given, durability=durability)
            app.get_state(CONFIG, subgraphs=True)
        assert history(app, saver)


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("name", RUNS)
def test_an_async_run_leaves_the_rows_of_stock(name, durability, tmp_path):
    build, inputs = RUNS[name]

    async def run():
        async with atee(tmp_path) as saver:
            app = build().compile(checkpointer=saver)
            for given in inputs:
                with contextlib.suppress(RuntimeError, ValueError):
                    await app.ainvoke(given, CONFIG, durability=durability)
                await app.aget_state(CONFIG, subgraphs=True)
            assert await ahistory(app, saver)

    asyncio.run(run())


def test_a_run_under_patch_leaves_the_rows_of_stock(tmp_path):
    fast_langgraph.patch()
    try:
        with tee(tmp_path) as saver:
            app = graphs.kinds().compile(checkpointer=saver)
            app.invoke({"log": ["start"], "tags": set()}, CONFIG)
            history(app, saver)
    finally:
        fast_langgraph.unpatch()


@needs_history
def test_delta_channels_are_read_by_their_history_as_by_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.delta().compile(checkpointer=saver)
        for n in range(8):
            app.invoke({"items": [n]}, CONFIG)
        assert "get_delta_channel_history" in saver.calls
        for state in app.get_state_history(CONFIG):
            saver.get_delta_channel_history(config=state.config, channels=["items", "count", "none"])
        for channels in (["items"], []):
            for thread in ({"thread_id": "none"}, {"thread_id": "t", "checkpoint_id": "none"}):
                saver.get_delta_channel_history(config={"configurable": thread}, channels=channels)


def test_states_that_are_updated_and_forked_leave_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        app.invoke(question(1), CONFIG)
        app.update_state(CONFIG, {"messages": [HumanMessage("by hand", id="hand")]})
        app.update_state(CONFIG, None, as_node="__copy__")
        for state in list(app.get_state_history(CONFIG))[1::3]:
            app.invoke({"messages": [HumanMessage("fork", id="fork")]}, state.config)
        history(app, saver)


def test_runs_that_fail_leave_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.failing().compile(checkpointer=saver)
        with pytest.raises(ValueError, match="failed"):
            app.invoke({"log": []}, CONFIG)
        assert set(app.invoke(None, CONFIG)["log"]) == {"good", "went through"}
        with pytest.raises(TypeError, match="not msgpack serializable"):
            app.invoke({"log": [object()]}, CONFIG, durability="sync")
        history(app, saver)


def test_threads_that_are_deleted_and_come_again_leave_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        for thread in ("a", "b", "c"):
            app.invoke(question(1), {"configurable": {"thread_id": thread}})
        saver.delete_thread("b")
        app.invoke(question(2), {"configurable": {"thread_id": "b"}})
        saver.delete_thread("none")
        list(saver.list(None))


def test_many_conversations_at_once_leave_the_rows_of_stock(tmp_path):
    async def run():
        async with atee(tmp_path) as saver:
            app = graphs.agent().compile(checkpointer=saver)
            threads = [{"configurable": {"thread_id": str(n)}} for n in range(12)]
            for turn in range(2):
                await asyncio.gather(*(app.ainvoke(question(turn), thread) for thread in threads))

    asyncio.run(run())


# --- one database, both sides ---


@pytest.mark.parametrize("layout", ["with task_path", "without"])
@pytest.mark.parametrize("first", ["stock", "ours"])
def test_a_database_written_by_one_goes_on_under_the_other(first, layout, path):
    for n in range(4):
        with opened("stock" if (n % 2 == 0) == (first == "stock") else "ours", path) as saver:
            app = graphs.agent().compile(checkpointer=saver)
            assert len(app.invoke(question(n), CONFIG)["messages"]) == 4 * (n + 1)
            assert len(list(app.get_state_history(CONFIG))) == 5 * (n + 1)
        if layout == "without":
            without_task_path(path)


@pytest.mark.parametrize("first", ["stock", "ours"])
def test_a_database_written_by_one_goes_on_under_the_other_async(first, path):
    async def turn(n):
        async with aopened("stock" if (n % 2 == 0) == (first == "stock") else "ours", path) as saver:
            app = graphs.agent().compile(checkpointer=saver)
            assert len((await app.ainvoke(question(n), CONFIG))["messages"]) == 4 * (n + 1)
            assert len([state async for state in app.aget_state_history(CONFIG)]) == 5 * (n + 1)

    for n in range(4):
        asyncio.run(turn(n))


@pytest.mark.parametrize("layout", ["with task_path", "without"])
@pytest.mark.parametrize("first", ["stock", "ours"])
def test_a_question_asked_under_one_is_answered_under_the_other(first, layout, path):
    sides = ["stock", "ours"] if first == "stock" else ["ours", "stock"]
    with opened(sides[0], path) as saver:
        asked = graphs.asking().compile(checkpointer=saver).invoke({"answers": []}, CONFIG)["__interrupt__"]
    if layout == "without":
        without_task_path(path)
    answers = {question.id: f"answer {n}" for n, question in enumerate(asked)}
    with opened(sides[1], path) as saver:
        app = graphs.asking().compile(checkpointer=saver)
        asked = app.invoke(Command(resume=answers), CONFIG)["__interrupt__"]
    with opened(sides[0], path) as saver:
        app = graphs.asking().compile(checkpointer=saver)
        done = app.invoke(Command(resume={question.id: "last" for question in asked}), CONFIG)
    assert done["answers"][-1] == "done"
    assert "last" in done["answers"]


@pytest.mark.parametrize("name", RUNS)
def test_what_stock_wrote_both_read_alike_and_sync_and_async(name, path):
    build, inputs = RUNS[name]
    with opened("stock", path) as saver:
        app = build().compile(checkpointer=saver)
        for given in inputs:
            sent(app, given)
        stock = list(app.get_state_history(CONFIG)), list(saver.list(None))

    async def read(saver):
        app = build().compile(checkpointer=saver)
        states = [state async for state in app.aget_state_history(CONFIG)]
        return states, [found async for found in saver.alist(None)]

    with opened("ours", path) as saver:
        ours = list(build().compile(checkpointer=saver).get_state_history(CONFIG)), list(saver.list(None))
        awaited = asyncio.run(read(saver))
    assert stock[0]
    assert difference(stock, ours) is None
    assert difference(stock, awaited) is None
