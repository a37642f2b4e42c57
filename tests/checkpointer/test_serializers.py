"""Any serializer that upstream takes."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys

import pytest
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from apps.databases import connected
from beside_stock.stories import all_rows
from fast_langgraph import RustSQLiteCheckpointer, _native
from samples.checkpoints import METADATA, WRITES, checkpoint, config


class Upside:
    """A serializer of the user's own, by the protocol alone."""

    def dumps_typed(self, value):
        return "repr", repr(value).encode()[::-1]

    def loads_typed(self, data):
        assert data[0] == "repr"
        assert type(data[1]) is bytes
        return eval(data[1][::-1].decode())


class Untyped:
    """One from before types, which LangGraph wraps."""

    def dumps(self, value):
        return repr(value).encode()

    def loads(self, data):
        return eval(data.decode())


class Doubled(JsonPlusSerializer):
    """A subclass that calls on what it overrides."""

    def dumps_typed(self, value):
        kind, data = super().dumps_typed(value)
        return kind, data + data

    def loads_typed(self, data):
        return super().loads_typed((data[0], data[1][: len(data[1]) // 2]))


class Backwards:
    """A cipher that keeps nothing secret, for ``EncryptedSerializer``."""

    def encrypt(self, plaintext):
        return "backwards", plaintext[::-1]

    def decrypt(self, ciphername, ciphertext):
        assert ciphername == "backwards"
        return ciphertext[::-1]


SERIALIZERS = {
    "protocol": Upside,
    "untyped": Untyped,
    "subclass": Doubled,
    "encrypted": lambda: EncryptedSerializer(Backwards()),
    "pickle fallback": lambda: JsonPlusSerializer(pickle_fallback=True),
}


@pytest.mark.parametrize("name", SERIALIZERS)
def test_any_serializer_is_used_as_stock_uses_it(name, path):
    rows = []
    for make in (lambda serde: SqliteSaver(conn, serde=serde), lambda serde: RustSQLiteCheckpointer(path, serde=serde)):
        conn = sqlite3.connect(path.with_name("stock.db"), check_same_thread=False)
        saver = make(SERIALIZERS[name]())
        saved = saver.put(config(), checkpoint(1, text="é", pair=[1, 2]), METADATA, {})
        saver.put_writes(saved, WRITES, "task")
        found = saver.get_tuple(saved)
        assert found.checkpoint == checkpoint(1, text="é", pair=[1, 2])
        assert [write[2] for write in found.pending_writes] == [value for _, value in WRITES]
        conn.close()
        if isinstance(saver, RustSQLiteCheckpointer):
            saver.close()
    for file in ("stock.db", path.name):
        with connected(path.with_name(file)) as conn:
            columns = "thread_id, checkpoint_id, type, checkpoint, metadata"
            rows.append(conn.execute(f"SELECT {columns} FROM checkpoints").fetchall())
            rows[-1] += conn.execute("SELECT idx, channel, type, value FROM writes ORDER BY idx").fetchall()
    assert rows[0] == rows[1]


class Odd:
    """Only pickle takes it."""

    def __reduce__(self):
        return (Odd, ())

    def __eq__(self, other):
        return type(other) is Odd


def test_pickle_is_used_where_it_was_asked_for_and_nowhere_else(path):
    with RustSQLiteCheckpointer(path, serde=JsonPlusSerializer(pickle_fallback=True)) as saver:
        saved = saver.put(config(), checkpoint(1, odd=Odd()), METADATA, {})
        assert saver.get(saved)["channel_values"]["odd"] == Odd()
    with RustSQLiteCheckpointer(path) as saver:
        with pytest.raises(TypeError, match="not msgpack serializable"):
            saver.put(config(), checkpoint(2, odd=Odd()), METADATA, {})
        with pytest.raises(NotImplementedError, match="Unknown serialization type: pickle"):
            saver.get(saved)
    with connected(path) as conn:
        assert conn.execute("SELECT type FROM checkpoints").fetchall() == [("pickle",)]


def test_a_wrapper_on_the_serializer_is_called(path):
    serde = JsonPlusSerializer()
    calls = []
    inner = serde.dumps_typed
    serde.dumps_typed = lambda value: calls.append(value) or inner(value)
    with RustSQLiteCheckpointer(path, serde=serde) as saver:
        saver.put(config(), checkpoint(1), METADATA, {})
        assert calls == [checkpoint(1)]


@pytest.mark.parametrize("off", ["variable", "disabled"])
def test_without_the_codec_in_rust_the_bytes_are_the_same(off, path, monkeypatch):
    """For who wants to rule it out: nothing else changes."""
    rows = []
    for name in ("with.db", "without.db"):
        with contextlib.ExitStack() as stack:
            if name == "without.db" and off == "variable":
                monkeypatch.setenv("FAST_LANGGRAPH_DISABLE", "1")
            elif name == "without.db":
                stack.enter_context(fast_langgraph.disabled())
            saver = stack.enter_context(RustSQLiteCheckpointer(path.with_name(name)))
            calls = []
            monkeypatch.setattr(
                _native, "dumps_blob", lambda *args, inner=_native.dumps_blob: calls.append(1) or inner(*args)
            )
            saved = saver.put(config(), checkpoint(1, text="é"), METADATA, {})
            saver.put_writes(saved, WRITES, "task")
            assert saver.get(saved) == checkpoint(1, text="é")
            assert bool(calls) == (name == "with.db")
        with connected(path.with_name(name)) as conn:
            rows.append(all_rows(conn))
    assert rows[0] == rows[1]


# Who does the serializer's work, and where it is counted


def test_values_that_a_checkpointer_hands_to_stock_are_in_the_status_without_patch():
    script = """
import dataclasses
import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

@dataclasses.dataclass
class Note:
    text: str

config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
state = {"v": 4, "ts": "", "id": "1", "channel_values": {"note": Note("x")}, "channel_versions": {}, "versions_seen": {}}
with RustSQLiteCheckpointer(":memory:") as saver:
    saver.put(config, state, {}, {})
    assert saver.get_tuple(config).checkpoint == state
for site in ("JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed"):
    found = fast_langgraph.status().sites[site]
    assert found.state != "active" and found.calls == 1 and found.bytes > 50, found
found = fast_langgraph.status().sites["JsonPlusSerializer.dumps_typed"]
assert any("Note" in name for name in found.values_by_class), found
assert "Note" in repr(fast_langgraph.status())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.unpatched
def test_bytes_stay_in_rust_patched_or_not_and_not_where_stock_s_code_is_asked_for():
    def made(saver: RustSQLiteCheckpointer) -> type:
        kind, data = saver._codec.dumps(saver.serde, {"a": 1})
        assert (kind, bytes(data)) == ("msgpack", b"\x81\xa1a\x01")
        assert saver._codec.loads(saver.serde, kind, data) == {"a": 1}
        return type(data)

    with RustSQLiteCheckpointer(":memory:") as saver:
        assert made(saver) is _native.Blob
        try:
            fast_langgraph.patch()
            assert made(saver) is _native.Blob
            with fast_langgraph.disabled():
                assert made(saver) is bytes
            fast_langgraph.patch(exclude="JsonPlusSerializer")
            assert made(saver) is bytes
            fast_langgraph.patch(only="SqliteSaver")
            assert made(saver) is bytes
        finally:
            fast_langgraph.unpatch()
        assert made(saver) is _native.Blob
