"""Whole runs of real graphs, on stock and patched: the rows of the two databases are the same, byte for byte."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator

import aiosqlite
import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command

import fast_langgraph
from beside_stock.equality import difference
from beside_stock.graph_runs import RUNS, Runs, question, sent
from beside_stock.sites import runs_native
from beside_stock.stories import all_rows
from beside_stock.tee import AsyncTee, Tee
from fast_langgraph import _native
from samples import graphs
from samples.graphs import CONFIG


def put_without_the_view():
    """Checkpoints that were put in pieces, or whole because they are too small for pieces; and all others."""
    files = fast_langgraph.status().compact.values()
    small = sum(file.whole.get("nothing in it is worth being a piece", 0) for file in files)
    others = sum(sum(file.whole.values()) for file in files) - small
    return sum(file.in_pieces for file in files) + small, others


@contextlib.contextmanager
def without_the_view(layout) -> Iterator[None]:
    """Fails if a checkpoint is put through the view of the compact layout."""
    before, through_it = put_without_the_view()
    yield
    after, others = put_without_the_view()
    assert (after > before) == (layout == "compact")
    assert others == through_it


@contextlib.contextmanager
def both(directory, layout) -> Iterator[Tee]:
    """Two databases that must end up the same; ours is in this layout."""
    connections = [sqlite3.connect(directory / name, check_same_thread=False) for name in ("stock.db", "ours.db")]
    if layout == "compact":
        assert _native.make_compact(connections[1]) is None
    pair = Tee(*(SqliteSaver(conn) for conn in connections))
    try:
        with runs_native("SqliteSaver.put", "SqliteSaver.get_tuple"), without_the_view(layout):
            yield pair
        assert pair.differences == []
        assert pair.calls
        stock, ours = (all_rows(conn) for conn in connections)
        assert stock["checkpoints"]
        assert stock == ours
    finally:
        for conn in connections:
            conn.close()


@contextlib.asynccontextmanager
async def aboth(directory, layout) -> AsyncIterator[AsyncTee]:
    """The same for async runs."""
    if layout == "compact":
        with contextlib.closing(sqlite3.connect(directory / "ours.db")) as conn:
            assert _native.make_compact(conn) is None
    async with aiosqlite.connect(directory / "stock.db") as first, aiosqlite.connect(directory / "ours.db") as second:
        pair = AsyncTee(AsyncSqliteSaver(first), AsyncSqliteSaver(second))
        with runs_native("AsyncSqliteSaver.aput", "AsyncSqliteSaver.aget_tuple"), without_the_view(layout):
            yield pair
        assert pair.differences == []
        assert pair.calls
    for name in ("stock.db", "ours.db"):
        assert (directory / name).stat().st_size
    rows = []
    for name in ("stock.db", "ours.db"):
        conn = sqlite3.connect(directory / name)
        rows.append(all_rows(conn))
        conn.close()
    assert rows[0]["checkpoints"]
    assert rows[0] == rows[1]


@pytest.fixture(params=["standard", "compact"])
def layout(request):
    return request.param


@pytest.fixture
def tee(tmp_path, layout):
    return lambda: both(tmp_path, layout)


@pytest.fixture
def atee(tmp_path, layout):
    return lambda: aboth(tmp_path, layout)


class TestRuns(Runs):
    """On ``SqliteSaver`` and ``AsyncSqliteSaver``, beside the same patched."""


def test_delta_channels_are_part_of_the_runs_where_the_release_has_them():
    try:
        from langgraph.channels import DeltaChannel  # noqa: F401
    except ImportError:
        assert "delta" not in RUNS
    else:
        assert "delta" in RUNS


# --- one database, both sides ---


def turn(path, n, stock):
    """One turn on a connection of its own, by stock or by ours."""
    conn = sqlite3.connect(path, check_same_thread=False)
    try:
        saver = SqliteSaver(conn)
        app = graphs.agent().compile(checkpointer=saver)
        with fast_langgraph.disabled() if stock else runs_native("SqliteSaver.put", "SqliteSaver.get_tuple"):
            result = app.invoke(question(n), CONFIG)
            return result, list(app.get_state_history(CONFIG))
    finally:
        conn.close()


@pytest.mark.parametrize("first", ["stock", "ours"])
def test_a_database_written_by_one_goes_on_under_the_other(first, tmp_path):
    path = tmp_path / "test.db"
    for n in range(4):
        result, states = turn(path, n, stock=(n % 2 == 0) == (first == "stock"))
        assert len(result["messages"]) == 4 * (n + 1)
        assert len(states) == 5 * (n + 1)


@pytest.mark.parametrize("name", RUNS)
def test_what_one_wrote_the_other_reads(name, tmp_path):
    build, inputs = RUNS[name]
    for side, writing in (("stock", fast_langgraph.disabled), ("ours", contextlib.nullcontext)):
        conn = sqlite3.connect(tmp_path / f"{side}.db", check_same_thread=False)
        try:
            app = build().compile(checkpointer=SqliteSaver(conn))
            with writing():
                for given in inputs:
                    sent(app, given)
            with fast_langgraph.disabled():
                stock = list(app.get_state_history(CONFIG)), list(app.checkpointer.list(None))
            ours = list(app.get_state_history(CONFIG)), list(app.checkpointer.list(None))
            assert difference(stock, ours) is None
            assert stock[0]
        finally:
            conn.close()


@pytest.mark.parametrize("first", ["stock", "ours"])
def test_a_question_asked_under_one_is_answered_under_the_other(first, tmp_path):
    conn = sqlite3.connect(tmp_path / "test.db", check_same_thread=False)
    try:
        app = graphs.asking().compile(checkpointer=SqliteSaver(conn))
        sides = [fast_langgraph.disabled, contextlib.nullcontext]
        sides = sides if first == "stock" else sides[::-1]
        with sides[0]():
            asked = app.invoke({"answers": []}, CONFIG)["__interrupt__"]
        with sides[1]():
            answers = {question.id: f"answer {n}" for n, question in enumerate(asked)}
            asked = app.invoke(Command(resume=answers), CONFIG)["__interrupt__"]
        with sides[0]():
            done = app.invoke(Command(resume={question.id: "last" for question in asked}), CONFIG)
        assert done["answers"][-1] == "done"
        assert "last" in done["answers"]
    finally:
        conn.close()


def test_both_sides_may_share_one_connection_in_turn(tmp_path):
    conn = sqlite3.connect(tmp_path / "test.db", check_same_thread=False)
    try:
        app = graphs.agent().compile(checkpointer=SqliteSaver(conn))
        for n in range(4):
            with fast_langgraph.disabled() if n % 2 else contextlib.nullcontext():
                assert len(app.invoke(question(n), CONFIG)["messages"]) == 4 * (n + 1)
    finally:
        conn.close()


def test_other_savers_encode_and_decode_the_same_states(tmp_path):
    from langgraph.checkpoint.memory import InMemorySaver

    states = []
    for side in (
        fast_langgraph.disabled,
        lambda: runs_native("JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed"),
    ):
        with side():
            app = graphs.agent().compile(checkpointer=InMemorySaver())
            for n in range(2):
                app.invoke(question(n), CONFIG)
            states.append([(state.values, state.next) for state in app.get_state_history(CONFIG)])
    assert difference(*states) is None
