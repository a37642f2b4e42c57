"""Remembered states when Python code runs or has changed things: hooks within a call, classes, stock's own functions."""

from __future__ import annotations

import functools
import sys

import ormsgpack
import pydantic
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages import human as human_module
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import fast_langgraph
from beside_stock.codec import stock_dumps_typed, stock_loads_typed
from beside_stock.equality import difference
from beside_stock.new_process import in_new_process
from beside_stock.outcomes import assert_same, observe
from beside_stock.remembered import PLACE, Remembered


class Acting(pydantic.BaseModel):
    """Does something when it is dumped or made, as a hook may."""

    name: str = "x"

    def model_dump(self, **options):
        do(self)
        return {"name": self.name}

    @pydantic.model_validator(mode="after")
    def made(self):
        do(self)
        return self


def nothing(acting):
    pass


action = nothing


def do(acting):
    action(acting)


@pytest.fixture
def act(monkeypatch):
    """Calls with this action, once, and undoes it."""

    def call(work, what):
        with monkeypatch.context() as patch:
            done = []

            def once(acting):
                if not done:
                    done.append(acting)
                    what(patch)

            patch.setattr(sys.modules[__name__], "action", once)
            outcome = observe(work)
            assert done
            return outcome

    return call


def messages():
    return [SystemMessage("s"), *(HumanMessage(f"m{n}", id=str(n)) for n in range(10)), AIMessage("a")]


def shout(self, **options):
    return {"content": self.content.upper()}


class OtherHuman(HumanMessage):
    """Takes the other one's place."""


OtherHuman.__module__, OtherHuman.__name__ = HumanMessage.__module__, HumanMessage.__name__


def first_dumps(self, *arguments, **options):
    raise RuntimeError("replaced")


class Names:
    """The name of a class as an attribute that a monkeypatch puts back: a class does not have it in its ``__dict__``."""

    @property
    def human(self):
        return HumanMessage.__name__

    @human.setter
    def human(self, name):
        HumanMessage.__name__ = name


#: each takes a monkeypatch
CHANGES = {
    "model_dump of a message class": lambda patch: patch.setattr(HumanMessage, "model_dump", shout),
    "model_dump of all messages": lambda patch: patch.setattr(BaseMessage, "model_dump", shout),
    "model_dump of all models": lambda patch: patch.setattr(pydantic.BaseModel, "model_dump", shout),
    "the serializer of a class": lambda patch: patch.setattr(
        HumanMessage, "__pydantic_serializer__", SystemMessage.__pydantic_serializer__
    ),
    "a new name": lambda patch: patch.setattr(Names(), "human", "Human"),
    "a new module": lambda patch: patch.setattr(HumanMessage, "__module__", "elsewhere"),
    "its configuration": lambda patch: patch.setattr(HumanMessage, "model_config", {"extra": "forbid"}),
    "__getattribute__": lambda patch: patch.setattr(HumanMessage, "__getattribute__", object.__getattribute__),
    "__init__": lambda patch: patch.setattr(HumanMessage, "__init__", first_dumps),
    "a validator": lambda patch: patch.setattr(
        HumanMessage, "__pydantic_validator__", AIMessage.__pydantic_validator__
    ),
    "another attribute": lambda patch: patch.setattr(HumanMessage, "something", 1, raising=False),
    "another class in its module": lambda patch: patch.setattr(human_module, "HumanMessage", OtherHuman),
    "no class in its module": lambda patch: patch.delattr(human_module, "HumanMessage"),
    "no module": lambda patch: patch.setitem(sys.modules, human_module.__name__, None),
}
if hasattr(jsonplus, "_lg_msgpack"):
    CHANGES["an empty allowlist"] = lambda patch: patch.setattr(jsonplus._lg_msgpack, "SAFE_MSGPACK_TYPES", frozenset())


@pytest.mark.parametrize("change", CHANGES)
def test_a_class_that_has_changed_between_two_encodings_is_treated_as_stock_treats_it(change, monkeypatch):
    remembered, value = Remembered(), {"channel_values": {"messages": messages()}}
    for _ in range(3):
        remembered.dumps(value)
    for _ in range(2):
        with monkeypatch.context() as patch:
            CHANGES[change](patch)
            remembered.dumps(value)
            remembered.dumps(value)
        remembered.dumps(value)
        remembered.dumps(value)


@pytest.mark.parametrize("change", CHANGES)
def test_a_class_that_has_changed_between_two_decodings_is_treated_as_stock_treats_it(change, monkeypatch):
    remembered = Remembered()
    data = remembered.dumps({"channel_values": {"messages": messages()}}).value[1]
    for _ in range(2):
        for _ in range(3):
            remembered.get(data)
        with monkeypatch.context() as patch:
            CHANGES[change](patch)
            remembered.loads(data)
            remembered.loads(data)
        remembered.loads(data)
    assert remembered.counted()["decoded_unchanged"] > 20


def acting_state(place):
    """With something that acts before the messages, among them, or beside them."""
    made = messages()
    if place == "among":
        made.insert(4, Acting())
    first = {"acting": Acting()} if place == "before" else {}
    return {"channel_values": {**first, "messages": made, "last": [{"a": 1}, *messages()]}}


@pytest.mark.parametrize("place", ["before", "among"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_class_that_changes_while_a_state_is_encoded_is_treated_as_stock_treats_it(change, place, act):
    remembered, value = Remembered(), acting_state(place)
    for _ in range(3):
        remembered.dumps(value)
    # Ours first: what changes a class and puts it back is noticed by the next call.
    ours = act(lambda: remembered.put(value), CHANGES[change])
    stock = act(lambda: stock_dumps_typed(remembered.serde, value), CHANGES[change])
    assert_same(stock, ours)
    remembered.dumps(value)
    remembered.dumps(value)


@pytest.mark.parametrize("place", ["before", "among"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_class_that_changes_while_a_state_is_decoded_is_treated_as_stock_treats_it(change, place, act):
    remembered = Remembered()
    data = remembered.dumps(acting_state(place)).value[1]
    for _ in range(3):
        remembered.get(data)
    ours = act(lambda: remembered.get(data), CHANGES[change])
    stock = act(lambda: stock_loads_typed(remembered.serde, ("msgpack", data)), CHANGES[change])
    assert_same(stock, ours)
    remembered.loads(data)


#: each takes the values of the channels
EDITS_WITHIN = {
    "a message after it": lambda values: setattr(values["messages"][9], "content", "x"),
    "a message before it": lambda values: setattr(values["messages"][1], "content", "x"),
    "a list after it": lambda values: values["last"].append({"b": 1}),
    "a message in a list after it": lambda values: setattr(values["last"][3], "content", "x"),
    "another message after it": lambda values: values["messages"].__setitem__(9, HumanMessage("another")),
    "another list after it": lambda values: values.__setitem__("last", [HumanMessage("another")]),
    "a message moved": lambda values: values["messages"].__setitem__(9, values["messages"][1]),
    "all replaced": lambda values: values["messages"].__setitem__(
        slice(None), messages()[: len(values["messages"])] * 2
    ),
}


@pytest.mark.parametrize("place", ["before", "among"])
@pytest.mark.parametrize("edit", EDITS_WITHIN)
def test_a_state_that_changes_while_it_is_encoded_is_encoded_as_by_stock(edit, place, act):
    def outcome(encode, count):
        value = acting_state(place)
        for _ in range(count):
            encode(value)
        edited = act(lambda: encode(value), lambda patch: EDITS_WITHIN[edit](value["channel_values"]))
        return edited, observe(lambda: encode(value)), observe(lambda: encode(value))

    remembered = Remembered()
    of_stock = outcome(functools.partial(stock_dumps_typed, remembered.serde), 1)
    for stock, ours in zip(of_stock, outcome(remembered.put, 3), strict=True):
        assert_same(stock, ours)


def raising(error):
    def act(patch):
        raise error

    return act


@pytest.mark.parametrize("place", ["before", "among"])
@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_a_hook_that_fails_fails_as_with_stock_and_nothing_is_remembered_wrongly(error, place, act):
    remembered, value = Remembered(), acting_state(place)
    data = [remembered.dumps(value).value[1] for _ in range(3)][-1]
    ours = act(lambda: remembered.put(value), raising(error))
    stock = act(lambda: stock_dumps_typed(remembered.serde, value), raising(error))
    assert_same(stock, ours)
    for _ in range(3):
        remembered.dumps(value)
        remembered.get(data)
    ours = act(lambda: remembered.get(data), raising(error))
    stock = act(lambda: stock_loads_typed(remembered.serde, ("msgpack", data)), raising(error))
    assert_same(stock, ours)
    for _ in range(3):
        remembered.loads(data)


WITHIN = {
    "the same state encoded": lambda remembered, value, data: remembered.put(value),
    "the same state decoded": lambda remembered, value, data: remembered.get(data),
    "the same state decoded and kept": lambda remembered, value, data: kept.append(remembered.get(data)),
    "another state encoded": lambda remembered, value, data: remembered.put({"channel_values": {"m": messages()}}),
    "all forgotten": lambda remembered, value, data: remembered.memory.clear(),
    "the owner forgotten": lambda remembered, value, data: remembered.memory.native.forget(PLACE[0]),
    "unpatched": lambda remembered, value, data: fast_langgraph.unpatch(),
    "no verification": lambda remembered, value, data: remembered.memory.resize(1 << 20),
}
kept: list[object] = []


@pytest.mark.parametrize("within", WITHIN)
def test_what_a_hook_does_with_the_same_memory_shows_nowhere(within, act):
    remembered, value = Remembered(), acting_state("among")
    data = [remembered.dumps(value).value[1] for _ in range(3)][-1]
    for _ in range(2):
        ours = act(lambda: remembered.put(value), lambda patch: WITHIN[within](remembered, value, data))
        assert ours.value == ("msgpack", data)
        remembered.dumps(value)
        remembered.get(data)
        ours = act(lambda: remembered.get(data), lambda patch: WITHIN[within](remembered, value, data))
        assert difference(stock_loads_typed(remembered.serde, ("msgpack", data)), ours.value) is None
        remembered.loads(data)
    kept.clear()


def test_what_is_forgotten_in_the_middle_of_a_call_is_not_remembered_at_its_end(act):
    remembered, value = Remembered(), acting_state("among")
    data = [remembered.dumps(value).value[1] for _ in range(3)][-1]
    assert remembered.memory.numbers()["states"] == 1
    act(lambda: remembered.put(value), lambda patch: remembered.memory.clear())
    assert remembered.memory.numbers()["states"] == remembered.memory.numbers()["bytes"] == 0
    act(lambda: remembered.get(data), lambda patch: remembered.memory.clear())
    assert remembered.memory.numbers()["states"] == remembered.memory.numbers()["bytes"] == 0


def replaced(name):
    def change(patch):
        patch.setattr(jsonplus, name, lambda *arguments, real=getattr(jsonplus, name): real(*arguments))

    return change


REPLACED = {
    "packb": lambda patch: patch.setattr(ormsgpack, "packb", lambda *a, real=ormsgpack.packb, **o: real(*a, **o)),
    "unpackb": lambda patch: patch.setattr(ormsgpack, "unpackb", lambda *a, real=ormsgpack.unpackb, **o: real(*a, **o)),
    "the encoder": replaced("_msgpack_enc"),
    "the default hook": replaced("_msgpack_default"),
    "the options": lambda patch: patch.setattr(jsonplus, "_option", 0),
}


@pytest.mark.parametrize("name", REPLACED)
def test_stock_s_functions_that_were_replaced_between_two_calls_are_called(name, monkeypatch):
    remembered, value = Remembered(), {"channel_values": {"messages": messages()}}
    for _ in range(3):
        data = remembered.dumps(value).value[1]
        remembered.loads(data)
    with monkeypatch.context() as patch:
        REPLACED[name](patch)
        remembered.dumps(value)
        value["channel_values"]["messages"][3].content = "while it was replaced"
        remembered.loads(data)
    remembered.dumps(value)
    remembered.dumps(value)
    remembered.loads(data)


def test_a_hook_of_a_serializer_s_own_is_called_for_what_is_remembered():
    remembered = Remembered()
    data = remembered.dumps({"channel_values": {"messages": messages()}}).value[1]
    for _ in range(3):
        remembered.get(data)
    called = []

    def hook(code, payload):
        called.append(code)
        return ormsgpack.unpackb(payload, ext_hook=hook)

    remembered.serde._unpack_ext_hook = hook
    assert type(remembered.get(data)["channel_values"]["messages"][3]) is list
    assert len(called) >= 12
    del remembered.serde._unpack_ext_hook
    remembered.serde = JsonPlusSerializer()
    remembered.loads(data)


def test_a_class_that_is_defined_anew_in_its_module_is_the_one_that_is_made(monkeypatch):
    remembered = Remembered()
    data = remembered.dumps({"channel_values": {"messages": messages()}}).value[1]
    for _ in range(3):
        remembered.get(data)
    monkeypatch.setattr(human_module, "HumanMessage", OtherHuman)
    found = remembered.loads(data).value["channel_values"]["messages"]
    assert type(found[3]) is OtherHuman
    assert type(found[0]) is SystemMessage


RELOADED = """
    import importlib
    from beside_stock.remembered import Remembered
    from langchain_core.messages import human, HumanMessage
    fast_langgraph.patch()
    remembered, value = Remembered(), {"channel_values": {"messages": [HumanMessage(str(n)) for n in range(10)]}}
    for _ in range(3):
        data = remembered.dumps(value).value[1]
        remembered.loads(data)
        remembered.get(data)
    importlib.reload(human)
    for _ in range(3):
        assert remembered.dumps(value).value[1] == data
        found = remembered.loads(data).value["channel_values"]["messages"]
        assert {type(message) for message in found} == {human.HumanMessage}
        remembered.get(data)
    assert human.HumanMessage is not HumanMessage
    value["channel_values"]["messages"] += [human.HumanMessage(str(n)) for n in range(10)]
    for _ in range(3):
        data = remembered.dumps(value).value[1]
        remembered.loads(data)
    print("done")
"""


def test_a_module_of_messages_that_is_reloaded_gives_the_classes_that_it_has_then():
    finished = in_new_process(RELOADED)
    assert finished.stdout == "done\n", finished.stderr


def test_what_is_edited_while_fast_langgraph_is_disabled_is_seen():
    serde, value = JsonPlusSerializer(), {"channel_values": {"messages": messages()}}
    for _ in range(3):
        serde.dumps_typed(value)
    with fast_langgraph.disabled():
        value["channel_values"]["messages"][3].content = "x"
        data = serde.dumps_typed(value)
        assert serde.loads_typed(data) == value
    assert serde.dumps_typed(value) == data
    assert serde.loads_typed(data) == value


def test_what_is_edited_while_it_is_not_patched_is_seen():
    serde, value = JsonPlusSerializer(), {"channel_values": {"messages": messages()}}
    for _ in range(3):
        serde.dumps_typed(value)
    fast_langgraph.unpatch()
    value["channel_values"]["messages"][3].content = "x"
    data = serde.dumps_typed(value)
    fast_langgraph.patch()
    assert serde.dumps_typed(value) == data
    assert serde.loads_typed(data) == value
