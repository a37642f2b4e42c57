"""Whole runs of real graphs, told to a pair of savers: afterwards the rows of the two databases are the same."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from langchain_core.messages import HumanMessage
from langgraph.types import Command, StateUpdate

from installed_releases import needs_history
from samples import graphs
from samples.graphs import CONFIG

DURABILITIES = ["sync", "async", "exit"]


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


def update(name):
    return StateUpdate(values={"messages": [HumanMessage(name, id=name)]}, as_node="tools")


class Runs:
    """``tee()`` and ``atee()``, fixtures of who has these as tests, hand each call to both of a pair of savers."""

    @pytest.mark.parametrize("durability", DURABILITIES)
    @pytest.mark.parametrize("name", RUNS)
    def test_a_run_leaves_the_rows_of_stock(self, tee, name, durability):
        build, inputs = RUNS[name]
        with tee() as saver:
            app = build().compile(checkpointer=saver)
            for given in inputs:
                sent(app, given, durability=durability)
                app.get_state(CONFIG, subgraphs=True)
            assert history(app, saver)

    @pytest.mark.parametrize("durability", DURABILITIES)
    @pytest.mark.parametrize("name", RUNS)
    def test_an_async_run_leaves_the_rows_of_stock(self, atee, name, durability):
        build, inputs = RUNS[name]

        async def run():
            async with atee() as saver:
                app = build().compile(checkpointer=saver)
                for given in inputs:
                    with contextlib.suppress(RuntimeError, ValueError):
                        await app.ainvoke(given, CONFIG, durability=durability)
                    await app.aget_state(CONFIG, subgraphs=True)
                assert await ahistory(app, saver)

        asyncio.run(run())

    @needs_history
    def test_a_delta_channel_is_read_by_its_history(self, tee):
        with tee() as saver:
            app = graphs.delta().compile(checkpointer=saver)
            for n in range(8):
                app.invoke({"items": [n]}, CONFIG)
            assert "get_delta_channel_history" in saver.calls
            for state in app.get_state_history(CONFIG):
                saver.get_delta_channel_history(config=state.config, channels=["items", "count", "none"])
            for channels in (["items"], []):
                for thread in ({"thread_id": "none"}, {"thread_id": "t", "checkpoint_id": "none"}):
                    saver.get_delta_channel_history(config={"configurable": thread}, channels=channels)
            saver.get_delta_channel_history(config=CONFIG, channels=[])

    def test_a_state_that_is_updated_by_hand_leaves_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver)
            app.invoke(question(1), CONFIG)
            app.update_state(CONFIG, {"messages": [HumanMessage("by hand", id="hand")]})
            app.update_state(CONFIG, {"messages": [HumanMessage("as tools", id="hand2")]}, as_node="tools")
            app.update_state(CONFIG, None)
            app.update_state(CONFIG, None, as_node="__copy__")
            app.bulk_update_state(CONFIG, [[update("a"), update("b")], [update("c")]])
            history(app, saver)

    def test_a_state_that_is_updated_and_forked_leaves_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver)
            app.invoke(question(1), CONFIG)
            app.update_state(CONFIG, {"messages": [HumanMessage("by hand", id="hand")]})
            app.update_state(CONFIG, None, as_node="__copy__")
            for state in list(app.get_state_history(CONFIG))[1::3]:
                app.invoke({"messages": [HumanMessage("fork", id="fork")]}, state.config)
            history(app, saver)

    def test_time_travel_leaves_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver)
            app.invoke(question(1), CONFIG)
            app.invoke(question(2), CONFIG)
            states = list(app.get_state_history(CONFIG))
            for state in states[1::3]:
                app.invoke(None, state.config)
                app.invoke({"messages": [HumanMessage("fork", id="fork")]}, state.config)
                app.invoke(None, app.update_state(state.config, {"messages": [HumanMessage("edit", id="edit")]}))
            history(app, saver)

    def test_interrupts_before_and_after_nodes_leave_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver, interrupt_before=["tools"], interrupt_after=["tools"])
            app.invoke(question(1), CONFIG)
            for _ in range(4):
                app.invoke(None, CONFIG)
            history(app, saver)

    def test_a_node_that_fails_leaves_the_rows_of_stock_and_goes_on(self, tee):
        with tee() as saver:
            app = graphs.failing().compile(checkpointer=saver)
            with pytest.raises(ValueError, match="failed"):
                app.invoke({"log": []}, CONFIG)
            app.get_state(CONFIG)
            assert set(app.invoke(None, CONFIG)["log"]) == {"good", "went through"}
            with pytest.raises(TypeError, match="not msgpack serializable"):
                app.invoke({"log": [object()]}, CONFIG, durability="sync")
            history(app, saver)

    def test_a_state_that_can_t_be_encoded_fails_as_with_stock(self, tee):
        with tee() as saver:
            app = graphs.kinds().compile(checkpointer=saver)
            app.invoke({"log": ["fine"]}, CONFIG)
            with pytest.raises(TypeError, match="not msgpack serializable"):
                app.invoke({"log": [object()]}, CONFIG, durability="sync")
            app.invoke({"log": ["fine again"]}, CONFIG)
            history(app, saver)

    def test_streaming_leaves_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver)
            modes = ["values", "updates", "checkpoints", "tasks", "debug"]
            assert list(app.stream(question(1), CONFIG, stream_mode=modes))
            events = app.stream(question(2), CONFIG)
            next(events)
            events.close()
            app.invoke(None, CONFIG)
            history(app, saver)

    def test_threads_that_are_deleted_and_come_again_leave_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver)
            for thread in ("a", "b", "c"):
                app.invoke(question(1), {"configurable": {"thread_id": thread}})
            saver.delete_thread("b")
            app.invoke(question(2), {"configurable": {"thread_id": "b"}})
            saver.delete_thread("none")
            list(saver.list(None))

    def test_many_conversations_at_once_leave_the_rows_of_stock(self, atee):
        async def run():
            async with atee() as saver:
                app = graphs.agent().compile(checkpointer=saver)
                threads = [{"configurable": {"thread_id": str(n)}} for n in range(12)]
                for turn in range(2):
                    await asyncio.gather(*(app.ainvoke(question(turn), thread) for thread in threads))

        asyncio.run(run())

    def test_batches_leave_the_rows_of_stock(self, tee):
        with tee() as saver:
            app = graphs.agent().compile(checkpointer=saver)
            threads = [{"configurable": {"thread_id": str(n)}} for n in range(8)]
            app.batch([question(n) for n in range(8)], threads)
