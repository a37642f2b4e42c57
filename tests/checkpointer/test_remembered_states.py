"""A checkpointer encodes and decodes what is new, within its bound, in either layout; nobody can tell by what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import weakref
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage

from apps.chat import graph
from apps.databases import opened
from apps.processes import Fork, in_a_process
from apps.soak import scaled
from beside_stock.equality import difference, shared_mutables
from beside_stock.remembered import COUNTS
from beside_stock.remembered_sequences import SEQUENCES, Conversations
from beside_stock.remembered_stories import tell
from fast_langgraph import RustSQLiteCheckpointer, _native
from fast_langgraph._checkpointer import requests
from fast_langgraph._shared import verification
from samples.checkpoints import METADATA, checkpoint, config
from samples.conversation import channels
from threads import all_at_once

TURNS = 12


def numbers(saver):
    return saver._codec.memory.numbers()


def counted(saver, before):
    found = numbers(saver)
    return {name: found[name] - before[name] for name in COUNTS if found[name] != before[name]}


def say(n):
    return {"messages": [HumanMessage(f"question {n}")]}


def of_turn(n):
    """What a turn does that finds ``n`` messages and adds two: it reads once and puts three times."""
    # The two that are decoded for the first time are also encoded once.
    return {"encoded_unchanged": 3 * n - 1, "encoded_new": 4, "decoded_unchanged": n - 2, "decoded_new": 2}


@pytest.fixture
def verified():
    """Compares what is remembered with what is made anew."""
    _native.verify_remembered(verification.compare)
    yield
    _native.verify_remembered(None)
    verification.begin()


def fill(saver, thread="1", count=50):
    for n in range(3):
        saver.put(config(thread), checkpoint(n, messages=[HumanMessage(f"{i}") for i in range(count)]), METADATA, {})
    for _ in range(2):
        saver.get_tuple(config(thread))


def messages_of(saver, **where):
    return saver.get_tuple(config(**where)).checkpoint["channel_values"]["messages"]


def test_a_turn_encodes_and_decodes_only_what_is_new(checkpointer, verified):
    app = graph.compile(checkpointer=checkpointer)
    for turn in range(TURNS):
        before = numbers(checkpointer)
        app.invoke(say(turn), config())
        if turn > 1:
            assert counted(checkpointer, before) == of_turn(2 * turn)


def test_a_turn_in_an_event_loop_encodes_and_decodes_only_what_is_new(checkpointer, verified):
    async def run():
        app = graph.compile(checkpointer=checkpointer)
        for turn in range(TURNS):
            before = numbers(checkpointer)
            await app.ainvoke(say(turn), config())
            if turn > 1:
                assert counted(checkpointer, before) == of_turn(2 * turn)

    asyncio.run(run())


def test_a_state_that_is_updated_forked_and_trimmed_is_as_with_stock(checkpointer, verified, tmp_path):
    with opened("stock", tmp_path / "stock.db") as stock:
        for saver in (stock, checkpointer):
            app = graph.compile(checkpointer=saver)
            for turn in range(4):
                app.invoke({"messages": [HumanMessage(f"question {turn}", id=f"q{turn}")]}, config())
            app.update_state(config(), {"messages": [HumanMessage("by hand", id="hand")]})
            app.update_state(config(), {"messages": [RemoveMessage(id="q0"), HumanMessage("other", id="q1")]})
            forked = [state for state in app.get_state_history(config()) if len(state.values["messages"]) == 5][-1]
            app.invoke({"messages": [HumanMessage("fork", id="fork")]}, forked.config)
            app.invoke({"messages": [HumanMessage("on", id="on")]}, config())
        expected, found = (
            [
                [message.content for message in state.values.get("messages", [])]
                for state in app.get_state_history(config())
            ]
            for app in (graph.compile(checkpointer=saver) for saver in (stock, checkpointer))
        )
        assert found == expected
    assert numbers(checkpointer)["decoded_unchanged"] > 10


def test_what_another_connection_has_put_is_read(checkpointer, path, verified):
    fill(checkpointer)
    with RustSQLiteCheckpointer(path) as other:
        messages = [HumanMessage(f"{i}") for i in range(50)]
        messages[20].content = "by another"
        other.put(config(), checkpoint(5, messages=messages), METADATA, {})
        before = numbers(checkpointer)
        assert [message.content for message in messages_of(checkpointer)] == [message.content for message in messages]
        assert counted(checkpointer, before) == {"decoded_unchanged": 49, "decoded_changed": 1}


def test_a_row_that_was_written_over_is_read_as_it_is_now(path, sql, verified):
    with RustSQLiteCheckpointer(path, layout="standard") as saver:
        fill(saver)
        [(stored,)] = sql("SELECT checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1")
        sql("UPDATE checkpoints SET checkpoint = ?", stored.replace(b"content\xa17", b"content\xa1x"))
        assert [message.content for message in messages_of(saver)][:9] == [*"0123456x8"]


def test_time_travel_gives_each_state_as_it_was(checkpointer, verified):
    messages: list[Any] = []
    for n in range(20):
        messages += [HumanMessage(f"q{n}"), AIMessage(f"a{n}")]
        messages[n // 2].additional_kwargs["seen"] = n
        checkpointer.put(config(at=n - 1 if n else None), checkpoint(n, messages=messages), METADATA, {})
    for n in [19, 3, 4, 19, 0, 10, 9, 8, 19]:
        found = messages_of(checkpointer, at=n)
        assert [message.content for message in found] == [f"{who}{i}" for i in range(n + 1) for who in "qa"]
        assert found[n // 2].additional_kwargs == {"seen": n}
    assert [len(found.checkpoint["channel_values"]["messages"]) for found in checkpointer.list(config())] == [
        2 * n + 2 for n in reversed(range(20))
    ]


def test_nothing_is_remembered_if_it_is_asked_so(path):
    with RustSQLiteCheckpointer(path, remember=0) as saver:
        fill(saver)
        assert numbers(saver) == {}
        assert saver._codec.memory.native is None
        assert len(messages_of(saver)) == 50


@pytest.mark.parametrize("most_bytes", [1, 5_000, 100_000, 1_000_000])
def test_a_bound_is_held(path, most_bytes):
    with RustSQLiteCheckpointer(path, remember=most_bytes) as saver:
        for n in range(40):
            fill(saver, str(n), n)
            assert numbers(saver)["bytes"] <= most_bytes
        assert numbers(saver)["states"] < 40


def test_what_was_used_least_recently_goes_first(tmp_path):
    with RustSQLiteCheckpointer(tmp_path / "one.db") as saver:
        fill(saver)
        one = numbers(saver)["bytes"]
    with RustSQLiteCheckpointer(tmp_path / "three.db", remember=one * 3 + one // 2) as saver:
        for thread in "abc":
            fill(saver, thread)
        messages_of(saver, thread="a")
        fill(saver, "d")
        for thread, remembered in (("a", True), ("c", True), ("d", True), ("b", False)):
            before = numbers(saver)
            messages_of(saver, thread=thread)
            assert (counted(saver, before) == {"decoded_unchanged": 50}) is remembered, thread


def test_what_is_remembered_goes_with_the_checkpointer(path):
    saver = RustSQLiteCheckpointer(path)
    fill(saver)
    message = weakref.ref(messages_of(saver)[0])
    gc.collect()
    assert message() is not None
    saver.close()
    del saver
    gc.collect()
    assert message() is None


def test_what_is_remembered_of_a_thread_goes_when_the_thread_is_deleted(checkpointer):
    for thread in "abc":
        fill(checkpointer, thread)
    a, b, c = (weakref.ref(messages_of(checkpointer, thread=thread)[0]) for thread in "abc")
    checkpointer.delete_thread("a")
    asyncio.run(checkpointer.adelete_thread("b"))
    assert [a(), b()] == [None, None]
    assert c() is not None


def test_a_cycle_through_what_is_remembered_is_collected(path):
    saver = RustSQLiteCheckpointer(path)
    messages = [HumanMessage(str(n)) for n in range(10)]
    for message in messages:
        # This is not encoded, and leads to whoever remembers the message.
        object.__setattr__(message, "__pydantic_private__", {"saver": saver})
    for n in range(3):
        saver.put(config(), checkpoint(n, messages=messages), METADATA, {})
    assert numbers(saver)["encoded_unchanged"] == 10
    saver.close()
    references = weakref.ref(saver), weakref.ref(message)
    del saver, messages, message
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_copies_of_a_checkpointer_share_what_is_remembered(checkpointer, verified):
    fill(checkpointer)
    copy = checkpointer.with_allowlist([("some.module", "Class")])
    before = numbers(checkpointer)
    assert len(messages_of(copy)) == 50
    assert counted(checkpointer, before) == {"decoded_unchanged": 50}


def test_what_is_got_is_nobody_else_s(checkpointer, verified):
    for n in range(3):
        checkpointer.put(config(), checkpoint(n, **channels()), METADATA, {})
    held = [checkpointer.get_tuple(config()).checkpoint for _ in range(4)]
    for one, other in itertools.pairwise(held):
        assert not shared_mutables(one, other)
        assert difference(one, other) is None


def child_of_a_fork(path: str) -> None:
    with RustSQLiteCheckpointer(path) as saver:
        fill(saver, "a")

        def work() -> None:
            assert numbers(saver)["states"] == 0
            for n in range(3):
                fill(saver, f"child {n}")
            assert [message.content for message in messages_of(saver, thread="a")] == [str(i) for i in range(50)]

        Fork(work).join()
        before = numbers(saver)
        assert len(messages_of(saver, thread="a")) == 50
        assert counted(saver, before) == {"decoded_unchanged": 50}


def test_the_child_of_a_fork_remembers_for_itself(path):
    in_a_process(child_of_a_fork, str(path))


def test_threads_of_one_conversation_and_of_others_get_what_was_put(checkpointer, verified):
    fill(checkpointer, "shared", 20)

    def work(n):
        for i in range(40):
            thread = "shared" if i % 2 else f"own {n}"
            found = checkpointer.get_tuple(config(thread))
            messages = found.checkpoint["channel_values"]["messages"] if found else []
            messages = [*messages[-20:], HumanMessage(f"{n} {i}"), AIMessage(f"{n} {i}")]
            if i % 3 == 0:
                messages[0].content = f"edited {n} {i}"
            expected = [message.content for message in messages]
            for _ in range(2):
                checkpointer.put(config(thread), checkpoint(100 * i + n, messages=messages), METADATA, {})
            got = messages_of(checkpointer, thread=thread, at=100 * i + n)
            assert [message.content for message in got] == expected
            got[-1].content = "edited by whoever got it"

    all_at_once(work, 8)
    assert numbers(checkpointer)["encoded_unchanged"] > 100
    assert numbers(checkpointer)["decoded_unchanged"] > 100


@pytest.mark.soak
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("seed", range(scaled(2, 1_000)))
def test_checkpointers_of_one_file_tell_the_story_of_stock_s_savers(
    seed, count, path, checkpointer, verified, tmp_path
):
    with contextlib.ExitStack() as stack:
        stock = [stack.enter_context(opened("stock", tmp_path / "stock.db")) for _ in range(count)]
        ours = [checkpointer, *(stack.enter_context(RustSQLiteCheckpointer(path)) for _ in range(count - 1))]
        assert tell(seed, ours) == tell(seed, stock)
    assert numbers(checkpointer)["encoded_unchanged"] > 10
    assert numbers(checkpointer)["decoded_unchanged"] > 10


class OfACheckpointer:
    def __init__(self, layout: str) -> None:
        self.saver = RustSQLiteCheckpointer(":memory:", layout=layout)
        self.stored: dict[str, str] = {}

    def put(self, thread: str, checkpoint: dict[str, Any]) -> bytes:
        self.saver.put(config(thread), checkpoint, METADATA, {})
        row, _ = self.saver._engine.run(requests.checkpoint(config(thread)))
        return bytes(row[5])

    def get(self, thread: str) -> dict[str, Any]:
        return self.saver.get_tuple(config(thread)).checkpoint

    def delete(self, thread: str) -> None:
        self.saver.delete_thread(thread)

    def forget(self) -> None:
        self.saver._codec.memory.clear()

    def close(self) -> None:
        self.saver.close()


class InTheStandardLayout(Conversations):
    def open(self) -> OfACheckpointer:
        return OfACheckpointer("standard")


class InTheCompactLayout(Conversations):
    def open(self) -> OfACheckpointer:
        return OfACheckpointer("compact")


TestInTheStandardLayout = pytest.mark.soak(InTheStandardLayout.TestCase)
TestInTheCompactLayout = pytest.mark.soak(InTheCompactLayout.TestCase)
TestInTheStandardLayout.settings = TestInTheCompactLayout.settings = SEQUENCES
