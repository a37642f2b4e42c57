"""Savers with a serializer of the owner's, or with another one later."""

from __future__ import annotations

import json
import pickle

import pytest
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.stories import everything, same_story
from installed_releases import allowing
from samples import classes as s
from samples.checkpoints import METADATA, checkpoint, config, fill

pytestmark = pytest.mark.unpatched


class JsonSerde:
    """Has only what the protocol asks for."""

    def dumps_typed(self, value):
        return "own", json.dumps(value, default=repr).encode()

    def loads_typed(self, typed):
        return json.loads(typed[1])


class OddSerde(JsonSerde):
    def __init__(self, typed):
        self.typed = typed

    def dumps_typed(self, value):
        if isinstance(self.typed, BaseException):
            raise self.typed
        return self.typed


class UntypedSerde:
    """Of before types: gets wrapped in SerializerCompat."""

    def dumps(self, value):
        return pickle.dumps(value)

    def loads(self, data):
        return pickle.loads(data)


class RaisingSerde(JsonSerde):
    def loads_typed(self, typed):
        raise ValueError("can't load")


class Cipher:
    """No secret, but it shows who was asked."""

    def encrypt(self, plain):
        return "toy", bytes(byte ^ 0x5A for byte in plain)

    def decrypt(self, name, data):
        assert name == "toy"
        return bytes(byte ^ 0x5A for byte in data)


class MyJsonPlus(JsonPlusSerializer):
    def dumps_typed(self, value):
        kind, data = super().dumps_typed(value)
        return f"my-{kind}", data[::-1]

    def loads_typed(self, typed):
        return super().loads_typed((typed[0][3:], typed[1][::-1]))


class PlainJsonPlus(JsonPlusSerializer):
    pass


SERDES = {
    "json": JsonSerde,
    "untyped": UntypedSerde,
    "raising": RaisingSerde,
    "encrypted": lambda: EncryptedSerializer(Cipher()),
    "encrypted strict": lambda: EncryptedSerializer(Cipher(), allowing(None)),
    "my JsonPlus": MyJsonPlus,
    "plain subclass": PlainJsonPlus,
    "pickling": lambda: JsonPlusSerializer(pickle_fallback=True),
    "strict": lambda: allowing(None),
    "hook": lambda: JsonPlusSerializer(__unpack_ext_hook__=lambda code, data: (code, len(data))),
    "type none": lambda: OddSerde((None, b"x")),
    "type int": lambda: OddSerde((5, b"x")),
    "data text": lambda: OddSerde(("t", "text")),
    "data none": lambda: OddSerde(("t", None)),
    "data memoryview": lambda: OddSerde(("t", memoryview(b"abcdef")[1:4])),
    "data memoryview with steps": lambda: OddSerde(("t", memoryview(b"abcdef")[::2])),
    "data bytearray": lambda: OddSerde(("t", bytearray(b"x"))),
    "data int": lambda: OddSerde(("t", 5)),
    "data list": lambda: OddSerde(("t", [1])),
    "data subclass": lambda: OddSerde((s.Str("t"), s.Bytes(b"x"))),
    "three": lambda: OddSerde(("t", b"x", 3)),
    "one": lambda: OddSerde(("t",)),
    "none": lambda: OddSerde(None),
    "raises": lambda: OddSerde(ValueError("can't dump")),
    "interrupts": lambda: OddSerde(KeyboardInterrupt("stop")),
}


@pytest.mark.parametrize("name", SERDES)
def test_a_serializer_of_the_owner_s_is_used_as_by_stock(tmp_path, name):
    def tell(story):
        saver = story.saver(serde=SERDES[name]())
        saver.setup()
        story.do("fill", lambda: fill(saver))
        everything(story, saver, at=7)
        story.do(
            "odd",
            lambda: saver.put(config(), checkpoint(8, plain=s.Plain(1), message=s.HumanMessage("x")), METADATA, {}),
        )
        story.do("get", lambda: saver.get_tuple(config()))
        story.note("lock", saver.lock.locked())
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


def test_a_serializer_put_in_later_is_used(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver.serde = JsonSerde()
        story.do("put", lambda: saver.put(config(), checkpoint(7), METADATA, {}))
        story.do("get", lambda: saver.get_tuple(config()))
        saver.serde = JsonPlusSerializer()
        story.do("get old", lambda: saver.get_tuple(config(at=1)))
        saver.serde.dumps_typed = lambda value: ("instance", b"own")
        story.do("put with an own method", lambda: saver.put(config(), checkpoint(8), METADATA, {}))
        saver.serde.loads_typed = lambda typed: ("instance", typed)
        story.do("get with an own method", lambda: saver.get_tuple(config()))
        saver.serde = None
        story.do("none", lambda: saver.put(config(), checkpoint(9), METADATA, {}))
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("name", ["dumps_typed", "loads_typed"])
def test_a_wrapper_put_over_the_serializer_s_method_is_called(tmp_path, monkeypatch, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        seen = []
        real = getattr(JsonPlusSerializer, name)

        def wrapper(self, given):
            seen.append(repr(given)[:20])
            return real(self, given)

        with monkeypatch.context() as patching:
            patching.setattr(JsonPlusSerializer, name, wrapper)
            everything(story, saver, at=7)
        story.note("seen", seen)
        everything(story, saver, at=8)
        story.note("seen after", len(seen))

    same_story(tell, tmp_path)


def test_a_graph_s_own_pieces_of_the_serializer_are_used(tmp_path, monkeypatch):
    from langgraph.checkpoint.serde import jsonplus

    real = jsonplus._msgpack_default

    def tell(story):
        saver = story.saver()
        fill(saver)
        with monkeypatch.context() as patching:
            patching.setattr(
                jsonplus, "_msgpack_default", lambda value: "ours" if isinstance(value, set) else real(value)
            )
            story.do("put", lambda: saver.put(config(), checkpoint(7, tags={1, 2}), METADATA, {}))
            story.do("get", lambda: saver.get_tuple(config()))
        story.rows()

    same_story(tell, tmp_path)
