"""Whole runs on SqliteSaver and on the checkpointer: the same rows, byte for byte, and the same results."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path

import aiosqlite
import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command

import fast_langgraph
from apps.databases import aopened, connected, opened, without_task_path
from beside_stock.equality import difference
from beside_stock.graph_runs import RUNS, Runs, history, question, sent
from beside_stock.stories import all_rows
from beside_stock.tee import AsyncTee, Tee
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._shared.settings import LAYOUTS
from samples import graphs
from samples.graphs import CONFIG


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
def both(directory: Path) -> Iterator[Tee]:
    """Each call goes to both; their databases must end up the same."""
    conn = sqlite3.connect(directory / "stock.db", check_same_thread=False)
    try:
        with RustSQLiteCheckpointer(directory / "ours.db") as ours:
            pair = Tee(SqliteSaver(conn), ours)
            yield pair
            assert pair.differences == []
            assert pair.calls
            same_rows(directory)
    finally:
        conn.close()
    same_rows(directory)


@contextlib.asynccontextmanager
async def aboth(directory: Path) -> AsyncIterator[AsyncTee]:
    async with aiosqlite.connect(directory / "stock.db") as conn, RustSQLiteCheckpointer(directory / "ours.db") as ours:
        pair = AsyncTee(AsyncSqliteSaver(conn), ours)
        yield pair
        assert pair.differences == []
        assert pair.calls
        same_rows(directory)


@pytest.fixture
def tee(tmp_path: Path) -> Callable[[], AbstractContextManager[Tee]]:
    return lambda: both(tmp_path)


@pytest.fixture
def atee(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[AsyncTee]]:
    return lambda: aboth(tmp_path)


class TestRuns(Runs):
    """On ``SqliteSaver`` and ``AsyncSqliteSaver``, beside ours."""


def test_a_run_under_patch_leaves_the_rows_of_stock(tee):
    fast_langgraph.patch()
    try:
        with tee() as saver:
            app = graphs.kinds().compile(checkpointer=saver)
            app.invoke({"log": ["start"], "tags": set()}, CONFIG)
            history(app, saver)
    finally:
        fast_langgraph.unpatch()


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
