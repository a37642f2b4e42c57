"""Whole runs of real graphs: the rows of the two databases are the same, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator

import aiosqlite
import graphs
import pytest
from differ import runs_native
from graphs import CONFIG
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from stories import all_rows
from strict import difference
from tee import AsyncTee, Tee

import fast_langgraph

DURABILITIES = ["sync", "async", "exit"]


@contextlib.contextmanager
def tee(directory) -> Iterator[Tee]:
    """Two databases that must end up the same."""
    connections = [sqlite3.connect(directory / name, check_same_thread=False) for name in ("stock.db", "ours.db")]
    both = Tee(*(SqliteSaver(conn) for conn in connections))
    try:
        with runs_native("SqliteSaver.put", "SqliteSaver.get_tuple"):
            yield both
        assert both.differences == []
        assert both.calls
        stock, ours = (all_rows(conn) for conn in connections)
        assert stock["checkpoints"]
        assert stock == ours
    finally:
        for conn in connections:
            conn.close()


@contextlib.asynccontextmanager
async def atee(directory) -> AsyncIterator[AsyncTee]:
    """The same for async runs."""
    async with aiosqlite.connect(directory / "stock.db") as first, aiosqlite.connect(directory / "ours.db") as second:
        both = AsyncTee(AsyncSqliteSaver(first), AsyncSqliteSaver(second))
        with runs_native("AsyncSqliteSaver.aput", "AsyncSqliteSaver.aget_tuple"):
            yield both
        assert both.differences == []
        assert both.calls
    for name in ("stock.db", "ours.db"):
        assert (directory / name).stat().st_size
    rows = []
    for name in ("stock.db", "ours.db"):
        conn = sqlite3.connect(directory / name)
        rows.append(all_rows(conn))
        conn.close()
    assert rows[0]["checkpoints"]
    assert rows[0] == rows[1]


def history(app, saver):
    """Everything that can be asked about the thread afterwards."""
    states = list(app.get_state_history(CONFIG))
    for state in states:
        assert app.get_state(state.config).values == state.values
    list(saver.list(CONFIG, limit=2))
    list(saver.list(CONFIG, filter={"source": "loop"}))
    list(saver.list(None, before=states[0].config if states else None))
    return states


async def ahistory(app, saver):
    states = [state async for state in app.aget_state_history(CONFIG)]
    for state in states:
        assert (await app.aget_state(state.config)).values == state.values
    [found async for found in saver.alist(CONFIG, limit=2)]
    [found async for found in saver.alist(CONFIG, filter={"source": "loop"})]
    return states


def question(n):
    return {"messages": [HumanMessage(f"question {n}", id=f"q{n}")]}


#: a graph and what is sent to it, in order
RUNS = {
    "agent": (graphs.agent, [question(1), question(2), question(3)]),
    "kinds": (graphs.kinds, [{"log": ["start"], "tags": set()}, {"log": ["again"]}]),
    "fan out": (graphs.fan_out, [{"items": [1, 2, 3, 4], "results": []}, {"items": [5]}]),
    "asking": (
        graphs.asking,
        [{"answers": []}, Command(resume="bob"), Command(resume=5), Command(resume="and"), Command(resume={"x": (1,)})],
    ),
    "nested": (graphs.nested, [{"log": ["start"]}, Command(resume="one"), Command(resume="two")]),
    "commands": (graphs.commands, [question(1), question(2)]),
    "dataclass state": (graphs.typed(graphs.DataState), [{"count": 1}, {"count": 5, "items": ["x"]}]),
    "model state": (graphs.typed(graphs.ModelState), [{"count": 1}, {"items": [2]}]),
}
if graphs.delta() is not None:
    RUNS["delta"] = (graphs.delta, [{"items": [1]}, {"items": [2, 3]}, {"items": []}, {"items": [4]}])


def sent(app, given, **settings):
    """A run that may end in a question that can't be answered so."""
    try:
        return app.invoke(given, CONFIG, **settings)
    except (RuntimeError, ValueError) as error:
        return type(error), str(error)


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


def test_delta_channels_are_part_of_the_runs_where_the_release_has_them():
    try:
        from langgraph.channels import DeltaChannel  # noqa: F401
    except ImportError:
        assert "delta" not in RUNS
    else:
        assert "delta" in RUNS


def test_a_delta_channel_is_read_by_its_history(tmp_path):
    if "delta" not in RUNS:
        pytest.skip("this release has no delta channels")
    with tee(tmp_path) as saver:
        app = graphs.delta().compile(checkpointer=saver)
        for n in range(8):
            app.invoke({"items": [n]}, CONFIG)
        assert "get_delta_channel_history" in saver.calls
        for state in app.get_state_history(CONFIG):
            saver.get_delta_channel_history(config=state.config, channels=["items", "count", "none"])
        saver.get_delta_channel_history(config=CONFIG | {"configurable": {"thread_id": "none"}}, channels=["items"])
        saver.get_delta_channel_history(config=CONFIG, channels=[])


def test_a_state_that_is_updated_by_hand_leaves_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        app.invoke(question(1), CONFIG)
        app.update_state(CONFIG, {"messages": [HumanMessage("by hand", id="hand")]})
        app.update_state(CONFIG, {"messages": [HumanMessage("as tools", id="hand2")]}, as_node="tools")
        app.update_state(CONFIG, None)
        app.update_state(CONFIG, None, as_node="__copy__")
        app.bulk_update_state(CONFIG, [[_update("a"), _update("b")], [_update("c")]])
        history(app, saver)


def _update(name):
    from langgraph.types import StateUpdate

    return StateUpdate(values={"messages": [HumanMessage(name, id=name)]}, as_node="tools")


def test_time_travel_leaves_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        app.invoke(question(1), CONFIG)
        app.invoke(question(2), CONFIG)
        states = list(app.get_state_history(CONFIG))
        for state in states[1::3]:
            app.invoke(None, state.config)
            app.invoke({"messages": [HumanMessage("fork", id="fork")]}, state.config)
            app.invoke(None, app.update_state(state.config, {"messages": [HumanMessage("edit", id="edit")]}))
        history(app, saver)


def test_interrupts_before_and_after_nodes_leave_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver, interrupt_before=["tools"], interrupt_after=["tools"])
        app.invoke(question(1), CONFIG)
        for _ in range(4):
            app.invoke(None, CONFIG)
        history(app, saver)


def test_a_node_that_fails_leaves_the_rows_of_stock_and_goes_on(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.failing().compile(checkpointer=saver)
        with pytest.raises(ValueError, match="failed"):
            app.invoke({"log": []}, CONFIG)
        app.get_state(CONFIG)
        assert set(app.invoke(None, CONFIG)["log"]) == {"good", "went through"}
        history(app, saver)


def test_a_state_that_can_t_be_encoded_fails_as_with_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.kinds().compile(checkpointer=saver)
        app.invoke({"log": ["fine"]}, CONFIG)
        with pytest.raises(TypeError, match="not msgpack serializable"):
            app.invoke({"log": [object()]}, CONFIG, durability="sync")
        app.invoke({"log": ["fine again"]}, CONFIG)
        history(app, saver)


def test_streaming_leaves_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        modes = ["values", "updates", "checkpoints", "tasks", "debug"]
        assert list(app.stream(question(1), CONFIG, stream_mode=modes))
        events = app.stream(question(2), CONFIG)
        next(events)
        events.close()
        app.invoke(None, CONFIG)
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


def test_batches_leave_the_rows_of_stock(tmp_path):
    with tee(tmp_path) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        threads = [{"configurable": {"thread_id": str(n)}} for n in range(8)]
        app.batch([question(n) for n in range(8)], threads)


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
