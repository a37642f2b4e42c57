"""What can't be kept as it is is refused by name, before anything is written; the rest of odd data is carried exactly."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import ormsgpack
import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.moved import answers, differing, refused, rows_of, saver_of, tables
from fast_langgraph import move


class Cipher:
    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "xor", bytes(each ^ 1 for each in plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return bytes(each ^ 1 for each in ciphertext)


def put(saver: Any, values: dict[str, Any], metadata: Any = None, thread: str = "t", **fields: Any) -> Any:
    versions = dict.fromkeys(values, "1.5")
    checkpoint = {**empty_checkpoint(), "id": "id", "channel_values": values, "channel_versions": versions, **fields}
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    return saver.put(config, checkpoint, {"step": 1} if metadata is None else metadata, versions)


def execute(path: Any, statement: str, *parameters: Any) -> None:
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute(statement, parameters)


ODD_VALUES = {
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "minus zero": -0.0,
    "whole float": 1e16,
    "large float": 1.7976931348623157e308,
    "small float": 5e-324,
    "large int": 2**64 - 1,
    "small int": -(2**63),
    "NUL": "a\0b",
    "backslash u0000": "a\\u0000b",
    "astral": "𝒳\U0010ffff",
    "long text": "é" * 1_100_000,
    "empty text": "",
    "bytes": b"\0\1",
    "no bytes": b"",
    "many bytes": b"\xff" * 70_000,
    "tuple": (1, (2.0, "x")),
    "keys of ints": {1: "a", "1": "b"},
    "True": True,
    "list of NUL": ["\0"],
}


def carried_exactly(sqlite, postgres, back, *what):
    """There, and back again."""
    with saver_of(sqlite) as saver:
        put(saver, *what)
        expected = answers(saver)
    for source, target in ((sqlite, postgres), (postgres, back)):
        assert move(source, target).is_equal
        with saver_of(target) as saver:
            assert differing(expected, answers(saver)) == []


@pytest.mark.parametrize("name", ODD_VALUES)
def test_odd_values_of_channels_are_carried_exactly(name, sqlite, postgres, tmp_path):
    carried_exactly(sqlite, postgres, tmp_path / "back.db", {"odd": ODD_VALUES[name], "é": [1]})


ODD_METADATA = {
    "floats": {"a": 1.0, "b": 1e16, "c": 1e-7, "d": 1.7976931348623157e308, "e": [5e-324, 0.1]},
    "ints": {"a": 10**300, "b": -(10**40), "c": 0},
    "texts": {"a": 'é\n\t"\\', "": "", "backslash u0000": "\\u0000", "e+": "1e+16", "-0.0": "-0.0"},
    "nested": {"a": {"b": [{"c": None}, [], {}, True]}},
    "order": {"zz": 1, "a": 2, "step": 3, "source": "loop"},
}


@pytest.mark.parametrize("name", ODD_METADATA)
def test_odd_metadata_are_carried_exactly(name, sqlite, postgres, tmp_path):
    carried_exactly(sqlite, postgres, tmp_path / "back.db", {}, ODD_METADATA[name])


BAD_METADATA = {
    "NaN": ('{"a": NaN}', "the number nan in its metadata"),
    "infinity": ('{"a": [-Infinity]}', "the number -inf in its metadata"),
    "beyond floats": ('{"a": 1e999}', "the number inf in its metadata"),
    "minus zero": ('{"a": -0.0}', "the number -0.0 in its metadata"),
    "NUL": ('{"a": "\\u0000"}', "the character NUL in its metadata"),
    "NUL in a key": ('{"\\u0000": 1}', "the character NUL in its metadata"),
    "half a pair": ('{"a": "\\ud83d"}', "half of a surrogate pair in its metadata"),
    "deep": ('{"a": ' + "[" * 600 + "]" * 600 + "}", "more than 200 levels in its metadata"),
    "no JSON": ("{'a': 1}", "has metadata that is not JSON"),
}


@pytest.mark.parametrize("name", BAD_METADATA)
def test_metadata_that_jsonb_would_change_are_refused_by_name(name, sqlite, postgres, tmp_path):
    with saver_of(sqlite) as saver:
        put(saver, {})
        put(saver, {}, thread="other")
    stored, said = BAD_METADATA[name]
    execute(sqlite, "UPDATE checkpoints SET metadata = ? WHERE thread_id = 't'", stored.encode())
    refused(sqlite, postgres, f"thread 't': checkpoint 'id' has {said.removeprefix('has ')}")
    assert tables(postgres) == []
    assert move(sqlite, postgres, threads=["other"]).is_equal
    # From file to file it is carried as it is.
    assert move(sqlite, tmp_path / "other.db").is_equal
    assert rows_of(sqlite) == rows_of(tmp_path / "other.db")


def whole(**fields: Any) -> bytes:
    return ormsgpack.packb({**empty_checkpoint(), "id": "id", **fields})


BAD_STATES = {
    "cut off": ("msgpack", whole()[:-1], "is not a checkpoint in MessagePack, or a broken one"),
    "and more": ("msgpack", whole() + b"\xc0", "is not a checkpoint in MessagePack, or a broken one"),
    "a list": ("msgpack", b"\x90", "is not a checkpoint in MessagePack, or a broken one"),
    "an array of billions": ("msgpack", b"\x81\xa1v\xdd\xff\xff\xff\xff", "is not a checkpoint in MessagePack"),
    "nothing": ("msgpack", None, "has no state"),
    "a text": ("msgpack", "text", "has no state"),
    "json": ("json", json.dumps(empty_checkpoint()).encode(), "is stored as 'json', which can't be cut"),
    "pickle": ("pickle", b"cos\nsystem\n(S'false'\ntR.", "is stored as 'pickle', which can't be cut"),
    "encrypted": ("msgpack+aes", b"1234", "is encrypted (msgpack+aes): it can't be cut"),
    "no type": (None, whole(), "is stored as None"),
    "a class in a field": (
        "msgpack",
        JsonPlusSerializer().dumps_typed({**empty_checkpoint(), "pending_sends": [{1}]})[1],
        "has a field 'pending_sends' that is not plain data",
    ),
    "bytes in a field": ("msgpack", whole(more=b"x"), "has fields or metadata that JSON can't hold"),
    "NaN in a field": ("msgpack", whole(more=float("nan")), "the number nan in its fields"),
    "no number of a format": ("msgpack", whole(v="4"), "has no number of a format, 'v'"),
    "a value without a version": ("msgpack", whole(channel_values={"a": [1]}), "'a' and no version of it"),
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_states_that_have_no_parts_are_refused_by_name(name, sqlite, postgres, tmp_path):
    with saver_of(sqlite) as saver:
        put(saver, {})
    kind, state, said = BAD_STATES[name]
    execute(sqlite, "UPDATE checkpoints SET type = ?, checkpoint = ?", kind, state)
    refused(sqlite, postgres, f"thread 't': checkpoint 'id' {said}" if said[0] in "hi" else said)
    assert tables(postgres) == []
    assert move(sqlite, tmp_path / "other.db").is_equal
    assert rows_of(sqlite) == rows_of(tmp_path / "other.db")


BAD_KEYS = {
    "NUL": ("checkpoint_ns", "a\0b", "the character NUL"),
    "long": ("checkpoint_ns", "n" * 3_000, "more than an index of PostgreSQL takes"),
    "bytes": ("checkpoint_ns", b"a", "has a checkpoint_ns that is no text but b'a'"),
    "bytes as thread": ("thread_id", b"t", "thread b't' has an id that is no text"),
    "NUL in the thread": ("thread_id", "a\0b", "the character NUL"),
}


@pytest.mark.parametrize("name", BAD_KEYS)
@pytest.mark.parametrize("table", ["checkpoints", "writes"])
def test_keys_that_postgresql_can_t_hold_are_refused_by_name(table, name, sqlite, postgres):
    with saver_of(sqlite) as saver:
        saver.put_writes(put(saver, {}), [("a", 1)], "task")
    column, value, said = BAD_KEYS[name]
    execute(sqlite, f"UPDATE {table} SET {column} = ?", value)
    refused(sqlite, postgres, said)
    assert tables(postgres) == []


BAD_WRITES = {
    "idx": ("idx", 2**40, "has the idx 1099511627776"),
    "no value": ("value", None, "has no value"),
    "no type": ("type", None, "has no type"),
    "NUL in the path": ("task_path", "a\0b", "the character NUL in its task_path"),
}


@pytest.mark.parametrize("name", BAD_WRITES)
def test_writes_that_postgresql_can_t_hold_are_refused_by_name(name, sqlite, postgres):
    with saver_of(sqlite) as saver:
        saver.put_writes(put(saver, {}), [("a", [1])], "task")
    column, value, said = BAD_WRITES[name]
    execute(sqlite, f"UPDATE writes SET {column} = ?", value)
    refused(sqlite, postgres, "the write of task 'task' to channel 'a' of checkpoint 'id' ", said)
    assert tables(postgres) == []


@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle", "msgpack+xor", "bytes", "null"])
def test_writes_of_every_kind_are_carried_as_they_are(kind, sqlite, postgres, tmp_path):
    with saver_of(sqlite) as saver:
        saver.put_writes(put(saver, {}), [("a", [1]), ("__error__", "e"), ("__interrupt__", "i")], "task", "~path")
    execute(sqlite, "UPDATE writes SET type = ?, value = ?", kind, b"cos\nsystem\n(S'false'\ntR.")
    assert move(sqlite, postgres).is_equal
    assert move(postgres, tmp_path / "back.db").is_equal
    assert rows_of(sqlite)["writes"] == rows_of(tmp_path / "back.db")["writes"]


def test_encrypted_conversations_go_from_file_to_file_and_are_refused_elsewhere(sqlite, postgres, tmp_path):
    serde = EncryptedSerializer(Cipher(), JsonPlusSerializer())
    with closing(sqlite3.connect(sqlite, check_same_thread=False)) as conn:
        put(SqliteSaver(conn, serde=serde), {"a": [1]})
    refused(sqlite, postgres, "checkpoint 'id' is encrypted (msgpack+xor)")
    assert move(sqlite, tmp_path / "other.db").is_equal
    with psycopg.connect(postgres, autocommit=True, row_factory=psycopg.rows.dict_row) as conn:
        from langgraph.checkpoint.postgres import PostgresSaver

        saver = PostgresSaver(conn, serde=serde)
        saver.setup()
        put(saver, {"a": [1]})
    refused(
        postgres, tmp_path / "none.db", "checkpoint 'id' has a value of channel 'a' that is encrypted (msgpack+xor)"
    )
    assert not (tmp_path / "none.db").exists()


def test_all_that_is_wrong_is_named_up_to_a_bound(sqlite, postgres):
    with saver_of(sqlite) as saver:
        for n in range(30):
            put(saver, {}, thread=f"t{n:02}")
    execute(sqlite, "UPDATE checkpoints SET type = 'pickle'")
    reasons = refused(sqlite, postgres, "; and 10 more")
    assert len(reasons) == 20
    assert reasons[0].startswith("thread 't00': checkpoint 'id' is stored as 'pickle'")


def test_nothing_stored_is_executed_or_imported(sqlite, postgres, tmp_path):
    payload = ormsgpack.packb(["os", "system", ["touch made"]])
    ext = ormsgpack.packb(ormsgpack.Ext(0, payload))
    state = b"".join([b"\x83\xa1v\x04", b"\xaechannel_values\x81\xa1a", ext, b"\xb0channel_versions\x81\xa1a\xa31.5"])
    with saver_of(sqlite) as saver:
        put(saver, {})
    execute(sqlite, "UPDATE checkpoints SET checkpoint = ?", state)
    assert move(sqlite, postgres).is_equal
    assert move(postgres, tmp_path / "back.db").is_equal
    assert rows_of(tmp_path / "back.db")["checkpoints"][0][5] == state


def test_sends_of_an_old_format_are_refused_by_name(sqlite, postgres):
    with saver_of(sqlite) as saver:
        parent = put(saver, {})
        saver.put_writes(parent, [("__pregel_tasks", [1])], "task")
        child = {**empty_checkpoint(), "id": "id2", "v": 3}
        saver.put(parent, child, {}, {})
    refused(sqlite, postgres, "checkpoint 'id2' is of an old format, and its parent has sends")
