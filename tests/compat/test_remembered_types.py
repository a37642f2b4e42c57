"""Which values are remembered: those that the codec encodes by itself and in one way, and no others."""

from __future__ import annotations

import functools
import types

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, RemoveMessage, ToolMessage

from beside_stock.remembered import COUNTS, Remembered
from fast_langgraph import _native
from samples import classes as s

REMEMBERED = {
    "dicts": lambda n: {"a": n},
    "empty dicts": lambda n: {},
    "dicts of dicts": lambda n: {"a": {"b": {"c": n}}},
    "dicts with ints as keys": lambda n: {n: 1},
    "dicts of lists": lambda n: {"a": [n, "x", 1.5, None, True, b"y"]},
    "dicts of tuples": lambda n: {"a": (n, {"b": [n]})},
    "dicts of messages": lambda n: {"a": HumanMessage(str(n))},
    "human messages": lambda n: HumanMessage(str(n), id=str(n)),
    "messages of blocks": lambda n: HumanMessage([{"type": "text", "text": str(n)}, "x"]),
    "messages with extra fields": lambda n: HumanMessage("x", n=n, more=[n]),
    "messages that call tools": lambda n: AIMessage("", tool_calls=[{"name": "f", "args": {"n": [n]}, "id": str(n)}]),
    "messages with artifacts": lambda n: ToolMessage("x", tool_call_id="c", artifact={"n": [n, (n, {})]}),
    "chunks": lambda n: AIMessageChunk(str(n)),
    "removals": lambda n: RemoveMessage(id=str(n)),
    "documents": lambda n: Document(page_content=str(n), metadata={"n": n}),
}


@pytest.mark.parametrize("name", REMEMBERED)
def test_what_is_encoded_by_the_codec_alone_is_remembered(name):
    remembered = Remembered()
    values = {f"k{n}": REMEMBERED[name](n) for n in range(10)}
    value = {"channel_values": {"list": list(values.values()), "dict": values}}
    for _ in range(3):
        remembered.dumps(value)
    remembered.counted()
    data = remembered.dumps(value).value[1]
    assert remembered.counted() == {**dict.fromkeys(COUNTS, 0), "encoded_unchanged": 20}
    if name in MADE_BY_OTHERS:
        return
    for _ in range(2):
        remembered.get(data)
    remembered.counted()
    remembered.get(data)
    assert remembered.counted() == {**dict.fromkeys(COUNTS, 0), "decoded_unchanged": 20}


#: validated by their classes, or with other objects in them that may be in other hands
MADE_BY_OTHERS = {"dicts of messages", "messages with extra fields"}


#: of none of these is anything remembered
NEVER = {
    "sets": lambda n: {n},
    "frozen sets": lambda n: frozenset([n]),
    "deques": lambda n: s.deque([n]),
    "dataclasses": lambda n: s.Plain(n),
    "models": lambda n: s.Model(a=n),
    "named tuples": lambda n: s.Point(n),
    "enums": lambda n: s.Color.RED,
    "dict subclasses": lambda n: s.Dict(a=n),
    "list subclasses": lambda n: s.List([n]),
    "dicts of str subclasses": lambda n: {"a": s.Str("x")},
    "dicts with keys of str subclasses": lambda n: {s.Str("a"): n},
    "dicts with keys of other types": lambda n: {1.5: n},
    "int subclasses": lambda n: {"a": s.Int(n)},
    "datetimes": lambda n: s.datetime(2020, 1, 1),
    "UUIDs": lambda n: s.UUID(int=n),
    "bytearrays": lambda n: bytearray(b"x"),
    "messages of one's own class": lambda n: s.MyHuman(str(n)),
    "messages that hold a set": lambda n: AIMessage("x", response_metadata={"a": {n}}),
    "messages that hold a message": lambda n: AIMessage("x", response_metadata={"a": HumanMessage("y")}),
    "messages that hold a str subclass": lambda n: AIMessage("x", response_metadata={"a": [s.Str("y")]}),
    "lists of sets": lambda n: [{n}],
    "dicts in dicts of sets": lambda n: {"a": {"b": {n}}},
    "what is nested deep": lambda n: functools.reduce(lambda inner, _: {"a": inner}, range(60), n),
}


@pytest.mark.parametrize("name", NEVER)
def test_what_is_not_encoded_by_the_codec_alone_is_never_remembered(name):
    remembered = Remembered()
    values = {f"k{n}": NEVER[name](n) for n in range(10)}
    value = {"channel_values": {"list": list(values.values()), "dict": values}}
    for _ in range(4):
        data = remembered.dumps(value).value[1]
    for _ in range(4):
        remembered.loads(data)
    counted = remembered.counted()
    assert counted["encoded_unchanged"] == 0
    if name not in PLAIN_WHEN_DECODED:
        assert counted["decoded_unchanged"] == 0


#: of these come back what is plain
PLAIN_WHEN_DECODED = {
    "dict subclasses",
    "list subclasses",
    "dicts of str subclasses",
    "dicts with keys of str subclasses",
    "int subclasses",
    "messages that hold a str subclass",
    "messages that hold a message",
}


def test_a_list_that_begins_with_what_runs_python_is_remembered_from_there_on():
    remembered = Remembered()
    messages = [s.MyHuman("a"), s.MyHuman("b"), *(HumanMessage(str(n)) for n in range(10))]
    data = remembered.dumps({"channel_values": {"messages": messages}}).value[1]
    for _ in range(3):
        value = remembered.get(data)
        remembered.dumps(value)
        remembered.counted()
        remembered.dumps(value)
        assert remembered.counted()["encoded_unchanged"] == 10
        del value
        remembered.get(data)
        assert remembered.counted()["decoded_unchanged"] == 10


def test_what_is_decoded_by_the_codec_alone_and_encoded_by_its_class_is_not_remembered_as_encoded():
    remembered = Remembered()
    messages = [HumanMessage("x", additional_kwargs={"scores": {n: 1}}) for n in range(10)]
    data = remembered.dumps({"channel_values": {"messages": messages}}).value[1]
    remembered.get(data)
    value = remembered.get(data)
    assert remembered.counted()["decoded_unchanged"] == 10
    for _ in range(4):
        remembered.dumps(value)
    assert remembered.counted()["encoded_unchanged"] == 0


def test_a_tuple_that_somebody_has_is_seen():
    outlined = _native.Outlined({"pair": ({"a": 1}, [2])})
    assert outlined.is_ours_alone()
    pair = outlined.object["pair"]
    assert outlined.is_unchanged()
    assert not outlined.is_ours_alone()
    del pair
    assert outlined.is_ours_alone()


def test_a_type_that_has_died_is_not_taken_for_another_one_at_its_address():
    remembered = Remembered()
    for n in range(50):
        made = types.new_class(f"Own{n}", (dict,))
        value = {"channel_values": {"list": [made(a=n) for _ in range(10)]}}
        for _ in range(3):
            remembered.dumps(value)
        value["channel_values"]["list"][:] = [{"a": n} for _ in range(10)]
        for _ in range(3):
            remembered.dumps(value)
        del made, value
