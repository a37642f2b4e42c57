"""Conversations that are put, got, edited, shared and held in any order, each step beside stock's serializer.

What stock makes of a state is the model: after each put the stored bytes have to be stock's, after each get the objects.
What a get has given and somebody still has may not change, except by whoever has it.
"""

from __future__ import annotations

import gc
import threading
import warnings
from typing import Any, Protocol

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from apps.soak import scaled
from beside_stock.codec import stock_dumps_typed, stock_loads_typed
from beside_stock.equality import difference, shared_mutables
from fast_langgraph import _native
from fast_langgraph._shared import verification
from samples import classes as s
from samples.conversation import channels
from samples.edits import EDITS, TWICE

THREADS = ["one", "two"]
SERDE = JsonPlusSerializer()
SEQUENCES = settings(
    max_examples=scaled(40, 5_000),
    stateful_step_count=50,
    deadline=None,
    derandomize=scaled(1, 0) == 1,
    suppress_health_check=list(HealthCheck),
)

threads = st.sampled_from(THREADS)
edits = st.sampled_from(sorted(TWICE)) | st.sampled_from(sorted(EDITS))
PUT_OR_GET = st.sampled_from(["put", "put", "go on", ""])
#: beside messages: what runs Python code, and what is never remembered
BESIDE = {
    "a set": lambda: {1, "two"},
    "a dataclass": lambda: s.Plain(1, [s.Plain(2)]),
    "a model": lambda: s.Outer(inner={"value": 1}),
    "an enum": lambda: s.Color.RED,
    "lists of many kinds": lambda: [{"a": 1}, s.Plain(1), HumanMessage("x"), s.MyHuman("y"), (1, {"b": 2}), {3}],
    "many small lists": lambda: {f"k{n}": [{"n": n}] for n in range(12)},
    "a dict of messages": lambda: {f"k{n}": AIMessage(str(n)) for n in range(9)},
}


class Store(Protocol):
    """What is tested: where states are put and got."""

    def put(self, thread: str, checkpoint: dict[str, Any]) -> bytes:
        """Puts it, and returns the bytes that are stored."""

    def get(self, thread: str) -> dict[str, Any]: ...
    def delete(self, thread: str) -> None: ...
    def forget(self) -> None:
        """Everything that is remembered."""

    def close(self) -> None: ...


def stock_bytes(value: Any) -> bytes | type[BaseException]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return stock_dumps_typed(SERDE, value)[1]
        except Exception as error:
            return type(error)


class Conversations(RuleBasedStateMachine):
    """A subclass says how its store is opened."""

    def open(self) -> Store:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        _native.verify_remembered(verification.compare)
        self.store = self.open()
        #: by thread: the bytes that stock makes of the state that was put last
        self.stored: dict[str, bytes] = {}
        #: by thread: the values that its app works with
        self.values: dict[str, dict[str, Any]] = {}
        #: what was got and is held, and stock's bytes of it since its holder changed it last
        self.held: list[tuple[Any, Any]] = []
        self.step = 0

    def teardown(self) -> None:
        _native.verify_remembered(None)
        verification.begin()
        self.store.close()

    def checkpoint(self, thread: str) -> dict[str, Any]:
        self.step += 1
        return {
            "v": 4,
            "ts": "2024-05-04T06:32:42.235444+00:00",
            "id": f"1ef4f797-8335-6428-8001-{self.step:012x}",
            "channel_values": self.values[thread],
            "channel_versions": {"messages": f"{self.step:032}.0.5"},
            "versions_seen": {},
        }

    @initialize()
    def begin(self) -> None:
        for thread in THREADS:
            self.begin_anew(thread)
            # A list is remembered when it comes for the second time.
            self.put(thread, 2)

    @rule(thread=threads)
    def begin_anew(self, thread: str) -> None:
        self.values[thread] = channels()

    @rule(thread=threads, times=st.integers(1, 3))
    def put(self, thread: str, times: int) -> None:
        for _ in range(times):
            self.put_once(thread)

    def put_once(self, thread: str) -> None:
        checkpoint = self.checkpoint(thread)
        expected = stock_bytes(checkpoint)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                stored = self.store.put(thread, checkpoint)
            except Exception as error:
                assert type(error) is expected, (error, expected)
                return
        assert stored == expected
        self.stored[thread] = stored

    def got(self, thread: str) -> dict[str, Any] | None:
        if thread not in self.stored:
            return None
        found = self.store.get(thread)
        assert difference(stock_loads_typed(SERDE, ("msgpack", self.stored[thread])), found) is None
        for held in [held for held, _ in self.held] + list(self.values.values()):
            assert not shared_mutables(held, found)
        return found

    @rule(thread=threads)
    def get_and_go_on(self, thread: str) -> None:
        # What the app had of it is given up first, as it is when a turn ends.
        if thread in self.stored:
            del self.values[thread]
        if (found := self.got(thread)) is not None:
            self.values[thread] = found["channel_values"]

    @rule(thread=threads)
    def get_and_drop(self, thread: str) -> None:
        self.got(thread)

    @rule(
        thread=threads,
        part=st.sampled_from(["all", "a message", "__dict__", "a dict", "set fields"]),
        at=st.integers(0, 9),
    )
    def get_and_hold(self, thread: str, part: str, at: int) -> None:
        found = self.got(thread)
        if found is None:
            return
        messages = found["channel_values"].get("messages")
        held = found
        if (
            part != "all"
            and isinstance(messages, list)
            and len(messages) > at
            and isinstance(messages[at], HumanMessage)
        ):
            message = messages[at]
            held = {
                "a message": message,
                "__dict__": message.__dict__,
                "a dict": message.additional_kwargs if hasattr(message, "additional_kwargs") else message,
                "set fields": message.__pydantic_fields_set__,
            }[part]
        self.held = [*self.held[-3:], (held, stock_bytes(held))]

    @precondition(lambda self: self.held)
    @rule(edit=edits, at=st.integers(0, 3))
    def change_what_is_held(self, edit: str, at: int) -> None:
        held, _ = self.held[at % len(self.held)]
        if isinstance(held, dict) and "channel_values" in held:
            self.apply(edit, held["channel_values"])
        self.held[at % len(self.held)] = held, stock_bytes(held)

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self) -> None:
        self.held.clear()

    @precondition(lambda self: self.held)
    @rule(thread=threads, at=st.integers(0, 3))
    def go_on_with_what_is_held(self, thread: str, at: int) -> None:
        held, _ = self.held.pop(at % len(self.held))
        if isinstance(held, dict) and "channel_values" in held:
            self.values[thread] = held["channel_values"]

    def apply(self, edit: str, values: dict[str, Any]) -> None:
        try:
            EDITS[edit](values)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            pass  # not here, or not any more

    @rule(thread=threads, names=st.lists(edits, min_size=1, max_size=3), elsewhere=st.booleans(), then=PUT_OR_GET)
    def edit(self, thread: str, names: list[str], elsewhere: bool, then: str) -> None:
        def work() -> None:
            for name in names:
                self.apply(name, self.values[thread])

        if elsewhere:
            worker = threading.Thread(target=work)
            worker.start()
            worker.join()
        else:
            work()
        if then == "put":
            self.put_once(thread)
        elif then == "go on":
            self.get_and_go_on(thread)

    @rule(thread=threads, turns=st.integers(1, 3))
    def say(self, thread: str, turns: int) -> None:
        messages = self.values[thread].get("messages")
        if isinstance(messages, list):
            # As LangGraph's reducer does: a new list of the same messages.
            more = [HumanMessage("q", id=f"q{self.step}"), AIMessage("a", id=f"a{self.step}")]
            self.values[thread] = {**self.values[thread], "messages": [*messages, *(more * turns)[: turns * 2]]}

    @rule(giver=threads, taker=threads, at=st.integers(0, 30), front=st.booleans())
    def give_a_message_to_another_thread(self, giver: str, taker: str, at: int, front: bool) -> None:
        theirs, ours = (self.values[thread].get("messages") for thread in (giver, taker))
        if isinstance(theirs, list) and isinstance(ours, list) and theirs:
            ours.insert(0 if front else len(ours), theirs[at % len(theirs)])

    @rule(giver=threads, taker=threads, how=st.sampled_from(["same list", "same messages", "same values"]))
    def branch(self, giver: str, taker: str, how: str) -> None:
        values = self.values[giver]
        if how == "same values":
            self.values[taker] = values
        elif isinstance(values.get("messages"), list):
            shared = values["messages"] if how == "same list" else list(values["messages"])
            self.values[taker] = {**values, "messages": shared}

    @rule(thread=threads, name=st.sampled_from(sorted(BESIDE)), front=st.booleans())
    def put_beside(self, thread: str, name: str, front: bool) -> None:
        added = {name: BESIDE[name]()}
        self.values[thread] = {**added, **self.values[thread]} if front else {**self.values[thread], **added}

    @rule(thread=threads)
    def use_the_list_again(self, thread: str) -> None:
        messages = self.values[thread].get("messages")
        if isinstance(messages, list):
            kept = [message for message in messages if not isinstance(message, AIMessage)]
            messages.clear()
            messages.extend(kept)

    @rule(thread=threads, what=st.sampled_from(["stored", "remembered", "cycles"]))
    def forget(self, thread: str, what: str) -> None:
        if what == "stored":
            self.store.delete(thread)
            self.stored.pop(thread, None)
        elif what == "remembered":
            self.store.forget()
        else:
            gc.collect()

    @invariant()
    def what_is_held_is_as_its_holder_left_it(self) -> None:
        for held, expected in self.held:
            assert stock_bytes(held) == expected
