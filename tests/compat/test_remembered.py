"""Patched savers and serializers encode and decode what is new: counted, within bounds, and gone with who it was for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sqlite3
import weakref

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from apps.chat import graph
from apps.processes import Fork
from beside_stock.new_process import in_new_process
from beside_stock.remembered import COUNTS, Remembered
from fast_langgraph import _native
from fast_langgraph._shared import verification
from fast_langgraph._shared.memory import PATCHED, StateMemory
from samples.checkpoints import METADATA, checkpoint, config
from threads import all_at_once

TURNS = 12
#: a bare serializer has nothing to tell conversations by but long lists
LONG = 8


def counted(before=None):
    numbers = PATCHED.numbers()
    return {
        name: numbers[name] - (before or {}).get(name, 0)
        for name in COUNTS
        if numbers[name] - (before or {}).get(name, 0)
    }


def say(n):
    return {"messages": [HumanMessage(f"question {n}")]}


def of_turn(n, puts=3):
    """What a turn does that finds ``n`` messages and adds two: it reads once and puts ``puts`` times.

    The two that are decoded for the first time are also encoded once: their bytes may have been written in another way.
    """
    return {
        "encoded_unchanged": n * puts - 1,
        "encoded_new": 4,
        "decoded_unchanged": n - 2,
        "decoded_new": 2,
    }


@contextlib.contextmanager
def sqlite_saver():
    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as conn:
        yield SqliteSaver(conn)


def test_a_turn_encodes_and_decodes_only_what_is_new():
    with sqlite_saver() as saver:
        app = graph.compile(checkpointer=saver)
        for turn in range(TURNS):
            before = PATCHED.numbers()
            app.invoke(say(turn), config())
            if turn > 1:
                assert counted(before) == of_turn(2 * turn)


def test_a_turn_of_an_async_saver_encodes_and_decodes_only_what_is_new():
    async def run():
        async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
            app = graph.compile(checkpointer=saver)
            for turn in range(TURNS):
                before = PATCHED.numbers()
                await app.ainvoke(say(turn), config())
                if turn > 1:
                    assert counted(before) == of_turn(2 * turn)

    asyncio.run(run())


def test_a_turn_of_a_saver_that_has_its_serializer_alone_encodes_and_decodes_only_what_is_new():
    app = graph.compile(checkpointer=InMemorySaver())
    for turn in range(TURNS):
        before = PATCHED.numbers()
        app.invoke(say(turn), config())
        if 2 * turn > LONG + 2:
            # The list is encoded when it changes: with the question, and with the answer.
            assert counted(before) == of_turn(2 * turn, puts=2)


def test_a_serializer_encodes_and_decodes_only_what_is_new():
    serde, messages = JsonPlusSerializer(), [HumanMessage(str(n)) for n in range(10)]
    for value in (messages, {"messages": messages}, {"channel_values": {"messages": messages}}):
        PATCHED.clear()
        for _ in range(2):
            serde.dumps_typed(value)
        messages.append(HumanMessage("new"))
        before = PATCHED.numbers()
        data = serde.dumps_typed(value)
        assert counted(before) == {"encoded_unchanged": len(messages) - 1, "encoded_new": 1}
        serde.loads_typed(data)
        before = PATCHED.numbers()
        serde.loads_typed(data)
        assert counted(before) == {"decoded_unchanged": len(messages)}


def test_long_lists_that_a_serializer_encodes_in_turn_are_remembered_beside_each_other():
    serde = JsonPlusSerializer()
    lists = [[HumanMessage(f"{name} {n}") for n in range(10)] for name in "abc"]
    for _ in range(3):
        before = PATCHED.numbers()
        for messages in lists:
            serde.dumps_typed(messages)
    assert counted(before) == {"encoded_unchanged": 30}


def test_several_conversations_are_remembered_beside_each_other():
    with sqlite_saver() as saver:
        app = graph.compile(checkpointer=saver)
        for turn in range(5):
            for thread in "abc":
                before = PATCHED.numbers()
                app.invoke(say(turn), config(thread))
                if turn > 1:
                    assert counted(before) == of_turn(2 * turn)
        assert PATCHED.numbers()["states"] == 3


def fill(saver, thread, count=50):
    for n in range(3):
        saver.put(
            config(thread), checkpoint(n, messages=[HumanMessage(f"{thread} {i}") for i in range(count)]), METADATA, {}
        )
    for _ in range(2):
        saver.get_tuple(config(thread))


@pytest.fixture
def bound():
    """Patches with a bound."""

    def patch(most_bytes):
        fast_langgraph.patch(remember=most_bytes)

    yield patch
    fast_langgraph.patch()


def test_nothing_is_remembered_if_it_is_asked_so(bound):
    bound(0)
    assert PATCHED.native is None
    assert PATCHED.off
    with sqlite_saver() as saver:
        fill(saver, "a")
        assert PATCHED.numbers() == {}
    bound(1 << 20)
    with sqlite_saver() as saver:
        fill(saver, "a")
        assert PATCHED.numbers()["states"] == 1


def test_what_was_used_least_recently_goes_first(bound):
    with sqlite_saver() as saver:
        bound(64 << 20)
        fill(saver, "a")
        one = PATCHED.numbers()["bytes"]
        bound(one * 3 + one // 2)
        for thread in "abc":
            fill(saver, thread)
        saver.get_tuple(config("a"))
        fill(saver, "d")
        for thread, remembered in (("a", True), ("c", True), ("d", True), ("b", False)):
            before = PATCHED.numbers()
            saver.get_tuple(config(thread))
            assert (counted(before) == {"decoded_unchanged": 50}) is remembered, thread


@pytest.mark.parametrize("most_bytes", [1, 5_000, 100_000, 1_000_000])
def test_a_bound_is_held(bound, most_bytes):
    bound(most_bytes)
    with sqlite_saver() as saver:
        for n in range(60):
            fill(saver, str(n), n)
            assert PATCHED.numbers()["bytes"] <= most_bytes
        assert PATCHED.numbers()["states"] < 60


def test_a_state_that_does_not_fit_is_not_recorded_again_and_again_until_it_is_smaller():
    remembered = Remembered(100_000)
    large = {"channel_values": {"messages": [HumanMessage(str(n)) for n in range(200)]}}
    for _ in range(6):
        data = remembered.dumps(large).value[1]
    # Once it has to be recorded, so that it is known how large it is.
    assert remembered.counted() == {**dict.fromkeys(COUNTS, 0), "encoded_new": 200}
    for _ in range(3):
        remembered.loads(data)
    assert remembered.counted() == dict.fromkeys(COUNTS, 0)
    assert remembered.memory.numbers()["bytes"] < 1_000
    small = {"channel_values": {"messages": large["channel_values"]["messages"][:20]}}
    for _ in range(4):
        data = remembered.dumps(small).value[1]
    assert remembered.counted()["encoded_unchanged"] == 20
    for _ in range(2):
        remembered.get(data)
    assert remembered.counted()["decoded_unchanged"] == 20


@pytest.mark.parametrize(("ending", "width"), [("", 1), ("漢", 2), ("😀", 4)])
def test_the_bound_counts_text_as_wide_as_it_is(ending, width):
    with sqlite_saver() as saver:
        messages = [HumanMessage("x" * 100_000 + ending) for _ in range(10)]
        for n in range(3):
            saver.put(config(), checkpoint(n, messages=messages), METADATA, {})
        # The text, and the bytes that it is encoded to.
        assert 10 * 100_000 * (1 + width) < PATCHED.numbers()["bytes"] < 10 * 100_000 * (3 + width)


def message_of(saver, thread):
    return weakref.ref(saver.get_tuple(config(thread)).checkpoint["channel_values"]["messages"][0])


def test_what_is_remembered_for_a_saver_goes_with_it():
    with sqlite_saver() as saver, sqlite_saver() as other:
        fill(saver, "a")
        fill(other, "a")
        assert PATCHED.numbers()["states"] == 2
        message = message_of(saver, "a")
        gc.collect()
        assert message() is not None
        del saver
        gc.collect()
        assert message() is None
        assert PATCHED.numbers()["states"] == 1


def test_what_is_remembered_for_a_serializer_goes_with_it():
    serde = JsonPlusSerializer()
    value = [HumanMessage(str(n)) for n in range(10)]
    for _ in range(2):
        serde.dumps_typed(value)
    message = weakref.ref(value[0])
    del value
    assert message() is not None
    del serde
    assert message() is None
    assert PATCHED.numbers()["states"] == PATCHED.numbers()["bytes"] == 0


def test_what_has_no_weak_references_may_stand_in_for_a_serializer():
    class Stand:
        __slots__ = ("pickle_fallback",)

    stand = Stand()
    stand.pickle_fallback = False
    messages = [HumanMessage(str(n)) for n in range(10)]
    for _ in range(3):
        assert JsonPlusSerializer.dumps_typed(stand, messages) == JsonPlusSerializer().dumps_typed(messages)


def test_what_is_remembered_goes_with_unpatch():
    with sqlite_saver() as saver:
        fill(saver, "a")
        message = message_of(saver, "a")
        assert message() is not None
        fast_langgraph.unpatch()
        assert message() is None
        assert PATCHED.numbers()["states"] == PATCHED.numbers()["bytes"] == 0


def test_what_is_remembered_of_a_thread_goes_when_the_thread_is_deleted():
    with sqlite_saver() as saver:
        fill(saver, "a")
        fill(saver, "b")
        message, other = message_of(saver, "a"), message_of(saver, "b")
        saver.delete_thread("a")
        assert message() is None
        assert other() is not None
        assert saver.get_tuple(config("a")) is None


def test_what_is_remembered_of_a_thread_of_an_async_saver_goes_when_the_thread_is_deleted():
    async def run():
        async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
            for n in range(3):
                values = {"messages": [HumanMessage(f"{i}") for i in range(10)]}
                await saver.aput(config("a"), checkpoint(n, **values), METADATA, {})
            await saver.aget_tuple(config("a"))
            found = await saver.aget_tuple(config("a"))
            message = weakref.ref(found.checkpoint["channel_values"]["messages"][0])
            del found
            assert message() is not None
            await saver.adelete_thread("a")
            assert message() is None

    asyncio.run(run())


def test_a_cycle_through_a_remembered_message_is_collected():
    held = StateMemory(64 << 20)
    held.open()
    value = {"messages": [HumanMessage(str(n)) for n in range(10)]}
    for message in value["messages"]:
        # This is not encoded, and leads to whoever remembers the message.
        object.__setattr__(message, "__pydantic_private__", {"memory": held})
    for _ in range(3):
        _native.dumps_blob({"channel_values": value}, held.native, (1, "t", ""))
    assert held.numbers()["encoded_unchanged"] == 10
    reference, message = weakref.ref(held), weakref.ref(message)
    del held, value
    gc.collect()
    assert reference() is None
    assert message() is None


FORKED = """
    import os, sys
    from fast_langgraph._shared.memory import PATCHED
    from langchain_core.messages import HumanMessage
    fast_langgraph.patch()
    serde, messages = JsonPlusSerializer(), [HumanMessage(str(n)) for n in range(10)]
    for _ in range(2):
        serde.dumps_typed(messages)
    assert PATCHED.numbers()["states"] == 1
    assert "fast_langgraph.checkpointer" not in sys.modules
    if not os.fork():
        print(PATCHED.numbers()["states"], flush=True)
        os._exit(0)
    os.wait()
"""


def test_the_child_of_a_fork_remembers_for_itself():
    with sqlite_saver() as saver:
        fill(saver, "a")

        def work():
            for n in range(3):
                fill(saver, f"child {n}")
            found = saver.get_tuple(config("a")).checkpoint["channel_values"]["messages"]
            assert [message.content for message in found] == [f"a {i}" for i in range(50)]

        # Whether the checkpointer was imported or not.
        assert in_new_process(FORKED).stdout == "0\n"
        Fork(work).join()
        before = PATCHED.numbers()
        saver.get_tuple(config("a"))
        assert counted(before) == {"decoded_unchanged": 50}


def test_a_child_that_is_forked_while_threads_encode_goes_on(recwarn):
    with sqlite_saver() as saver:
        fill(saver, "a")
        end = []

        def work(n):
            if n:
                while not end:
                    fill(saver, f"thread {n}", 20)
                return
            try:
                for _ in range(10):
                    Fork(lambda: JsonPlusSerializer().dumps_typed([HumanMessage(str(i)) for i in range(20)])).join()
            finally:
                end.append(True)

        all_at_once(work, 3)


def test_threads_of_one_conversation_and_of_others_get_what_was_put():
    _native.verify_remembered(verification.compare)
    try:
        with sqlite_saver() as saver:
            fill(saver, "shared", 20)

            def work(n):
                for i in range(40):
                    thread = "shared" if i % 2 else f"own {n}"
                    found = saver.get_tuple(config(thread))
                    messages = found.checkpoint["channel_values"]["messages"] if found else []
                    messages = [*messages[-20:], HumanMessage(f"{n} {i}"), AIMessage(f"{n} {i}")]
                    if i % 3 == 0:
                        messages[0].content = f"edited {n} {i}"
                    expected = [message.content for message in messages]
                    for _ in range(2):
                        saver.put(config(thread), checkpoint(100 * i + n, messages=messages), METADATA, {})
                    at = saver.get_tuple(config(thread, at=100 * i + n))
                    got = at.checkpoint["channel_values"]["messages"]
                    assert [message.content for message in got] == expected
                    got[-1].content = "edited by whoever got it"

            all_at_once(work, 8)
        assert PATCHED.numbers()["encoded_unchanged"] > 100
        assert PATCHED.numbers()["decoded_unchanged"] > 100
    finally:
        _native.verify_remembered(None)
        verification.begin()


def test_an_interpreter_ends_with_states_remembered():
    finished = in_new_process("""
        import sqlite3
        from langchain_core.messages import HumanMessage
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, checkpoint, config
        fast_langgraph.patch()
        saver, serde = SqliteSaver(sqlite3.connect(":memory:")), JsonPlusSerializer()
        value = {"messages": [HumanMessage(str(n)) for n in range(10)]}
        for n in range(3):
            saver.put(config(), checkpoint(n, **value), METADATA, {})
            serde.dumps_typed(value)
            kept = saver.get_tuple(config()), serde.loads_typed(serde.dumps_typed(value))

        class AtTheEnd:
            def __del__(self, saver=saver, kept=kept):
                saver.get_tuple(config())

        at_the_end = AtTheEnd()
        print("done")
    """)
    assert (finished.stdout, finished.returncode) == ("done\n", 0), finished.stderr
