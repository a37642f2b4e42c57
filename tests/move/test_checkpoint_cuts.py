"""Where an encoded checkpoint is cut: what lies there is put together again, and broken bytes are told, never believed."""

from __future__ import annotations

import random

import ormsgpack
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from fast_langgraph import _native
from fast_langgraph._move import cuts, postgres_rows
from fast_langgraph._move.refusals import UnmovableError
from fast_langgraph._move.rows import Whole
from samples.checkpoints import checkpoint

SERDE = JsonPlusSerializer()
VALUES = {
    "none": None,
    "bool": True,
    "int": -(2**63),
    "float": 1.5,
    "text": "é" * 300,
    "bytes": b"\xff" * 300,
    "messages": [HumanMessage(f"m{n}", id=str(n)) for n in range(20)],
    "map": {"a": {1: [{}]}},
    "set": {1},
    "snapshot": _DeltaSnapshot([HumanMessage("m", id="m")]),
}
STATE = {**checkpoint(3), "channel_values": VALUES, "more": {"nested": [[{"x": None}]]}}
ENCODED = SERDE.dumps_typed(STATE)[1]


def row(state: bytes) -> Whole:
    return Whole("", "id", None, "msgpack", state, b'{"step": 1}')


def test_each_field_and_value_lies_where_it_is_said_to():
    fields, channels = _native.checkpoint_cuts(ENCODED)
    assert [name for name, *_ in fields] == list(STATE)
    for name, kind, begin, end in fields:
        assert SERDE.loads_typed(("msgpack", ENCODED[begin:end])) == STATE[name]
        assert kind == ("other" if name == "channel_values" else "plain")
    assert {name: kind for name, kind, *_ in channels} == {
        **dict.fromkeys(["none", "bool", "int", "float", "text"], "primitive"),
        **dict.fromkeys(["bytes", "messages", "map", "set"], "other"),
        "snapshot": "snapshot",
    }
    for name, _, begin, end in channels:
        assert SERDE.loads_typed(("msgpack", ENCODED[begin:end])) == VALUES[name]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 65_535, 65_536])
def test_a_checkpoint_is_put_together_again_byte_for_byte(count):
    values = {f"channel {n}": n for n in range(count)}
    state = ormsgpack.packb({**checkpoint(3), "channel_values": values})
    assert cuts.whole(cuts.cut(row(state))).state == state


@pytest.mark.parametrize("size", [0, 255, 256, 65_535, 65_536])
def test_bytes_are_packed_as_stock_packs_them(size):
    found = postgres_rows._as_message_pack("channel", "bytes", b"\xff" * size)
    assert found == (ormsgpack.packb(b"\xff" * size), False)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 255, 256, 65_536])
def test_snapshots_are_known_by_their_code(size):
    for code in (6, 7):
        assert cuts.is_snapshot(ormsgpack.packb(ormsgpack.Ext(code, b"x" * size))[:9]) is (code == 7)
    assert not cuts.is_snapshot(b"")
    assert not cuts.is_snapshot(b"\xc0")


BROKEN = {
    "empty": b"",
    "no map": b"\x90",
    "no channel_values": ormsgpack.packb({"v": 4}),
    "channel_values no map": ormsgpack.packb({"channel_values": []}),
    "a key twice": b"\x82\xa1v\x01\xa1v\x01" + b"\xaechannel_values\x80",
    "a channel twice": b"\x81\xaechannel_values\x82\xa1a\x01\xa1a\x02",
    "a key of bytes": b"\x82\xc4\x01v\x01\xaechannel_values\x80",
    "a channel that is no UTF-8": b"\x81\xaechannel_values\x81\xa1\xff\x01",
    "a map of billions": b"\xdf\xff\xff\xff\xff",
    "a channel of billions": b"\x81\xaechannel_values\x81\xa1a\xdd\xff\xff\xff\xff",
    "marker 0xc1": b"\x81\xaechannel_values\x81\xa1a\xc1",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_checkpoint_is_told(name):
    assert _native.checkpoint_cuts(BROKEN[name]) is None


def test_deep_values_are_cut_and_deep_fields_are_not_plain():
    deep = b"\x91" * 200_000 + b"\xc0"
    fields, channels = _native.checkpoint_cuts(b"\x82\xa1f" + deep + b"\xaechannel_values\x81\xa1a" + deep)
    assert fields[0][1] == "other"
    assert channels[0][1:] == ("other", len(deep) + 3 + 15 + 3, 2 * len(deep) + 3 + 15 + 3)


def test_mutated_bytes_are_cut_into_what_they_are_or_refused():
    chance = random.Random(5)
    whole = 0
    for _ in range(20_000):
        state = bytearray(ENCODED)
        for _ in range(chance.randint(1, 3)):
            state[chance.randrange(len(state))] = chance.randrange(256)
        if chance.random() < 0.2:
            del state[chance.randrange(len(state)) :]
        found = _native.checkpoint_cuts(bytes(state))
        try:
            parts = cuts.cut(row(bytes(state)))
        except UnmovableError:
            continue
        assert found is not None
        whole += 1
        assert set(parts.values) == {name for name, *_ in found[1]}
        for name, kind, begin, end in found[1]:
            if kind != "primitive":
                assert parts.values[name] == state[begin:end]
    assert whole > 1_000
