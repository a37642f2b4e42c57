"""What a profile reads from the bytes of a checkpoint, whatever these are, and of files in the compact layout."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from beside_stock.sites import runs_native
from fast_langgraph import _native
from fast_langgraph._native import Unsupported
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

STATE = checkpoint(3, text="x" * 300, deep=[[[{"a": (1, 2.5, None)}]]], ids={1: "int keys", "b": b"\xff"}, é="ü")
ENCODED = JsonPlusSerializer().dumps_typed(STATE)[1]


def test_the_bytes_of_channels_are_those_that_they_take():
    expected = [
        (name, len(JsonPlusSerializer().dumps_typed({name: value})[1]) - 1)
        for name, value in STATE["channel_values"].items()
    ]
    assert _native.channel_sizes(ENCODED) == expected
    fast_langgraph.patch()
    assert _native.channel_sizes(_native.dumps_blob(STATE)) == expected


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        bytearray(ENCODED),
        b"",
        b"\xc1",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xaechannel_values\xdf\xff\xff\xff\xff\xa1a\xdd\xff\xff\xff\xff",
        JsonPlusSerializer().dumps_typed([1])[1],
        JsonPlusSerializer().dumps_typed({"a": 1})[1],
        JsonPlusSerializer().dumps_typed({"channel_values": [1]})[1],
        JsonPlusSerializer().dumps_typed({"channel_values": {1: 2}})[1],
        b"\x81\xaechannel_values\x81\xa1a" + b"\x91" * 1_000_000,
    ],
    ids=lambda data: repr(data)[:24],
)
def test_what_is_no_checkpoint_has_no_channels(data):
    assert _native.channel_sizes(data) is None


def test_mutated_bytes_have_channels_or_none():
    chance = random.Random(7)
    seen = set()
    for _ in range(20_000):
        data = bytearray(ENCODED)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        found = _native.channel_sizes(bytes(data[: chance.randint(0, len(data))]))
        seen.add(found is None)
        assert found is None or sum(size for _, size in found) <= len(data)
    assert seen == {True, False}


def test_a_connection_that_only_sqlite3_can_use_is_refused():
    with pytest.raises(Unsupported):
        _native.file_name(object())


def test_checkpoints_in_a_compact_file_are_put_in_pieces_while_a_profile_is_on(tmp_path):
    fast_langgraph.patch(layout="compact")
    path = str(tmp_path / "test.db")
    before = {name: puts for name, puts, _, _ in _native.compact_files()}
    with SqliteSaver.from_conn_string(path) as saver:
        sites = [f"SqliteSaver.{name}" for name in ("put", "put_writes", "get_tuple")]
        with runs_native(*sites), fast_langgraph.profile() as profile:
            for n in range(5):
                written = saver.put(config(at=n - 1 if n else None), checkpoint(n, text="x" * 5_000), METADATA, {})
                saver.put_writes(written, WRITES, "task")
            found: Any = saver.get_tuple(config())
        assert found.checkpoint["id"] == checkpoint(4)["id"]
        with closing(saver.conn.execute("SELECT sum(length(checkpoint)) FROM checkpoints")) as rows:
            assert profile.report().checkpoint_bytes == rows.fetchone()[0]
    pieces = {name: puts for name, puts, _, _ in _native.compact_files()}
    assert pieces[path] - before.get(path, 0) == 5
    assert [file.path for file in profile.report().files] == [path]
