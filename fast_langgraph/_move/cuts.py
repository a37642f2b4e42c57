"""A checkpoint's MessagePack is cut at the values of its channels, and put together again. No value is decoded into
objects, except fields, numbers and texts that are plain data."""

from __future__ import annotations

import json
from typing import Any

import ormsgpack

from fast_langgraph import _native
from fast_langgraph._move.refusals import UnmovableError
from fast_langgraph._move.rows import Checkpoint, Whole

VALUES = "channel_values"

#: as LangGraph writes them; any others follow
FIELDS = ("v", "ts", "id", VALUES, "channel_versions", "versions_seen", "updated_channels")
METADATA = ("source", "step", "parents")


def cut(row: Whole) -> Checkpoint:
    """Raises UnmovableError if the row has no parts that can be told apart."""
    if row.kind != "msgpack":
        raise UnmovableError(_kind(row.kind))
    if not isinstance(row.state, bytes):
        raise UnmovableError("has no state")
    state = row.state
    found = _native.checkpoint_cuts(state)
    if found is None:
        raise UnmovableError("is not a checkpoint in MessagePack, or a broken one")
    fields: dict[str, Any] = {}
    for name, kind, begin, end in found[0]:
        if name == VALUES:
            continue
        if kind != "plain":
            raise UnmovableError(f"has a field {name!r} that is not plain data")
        fields[name] = ormsgpack.unpackb(state[begin:end])
    values: dict[str, bytes] = {}
    primitives: dict[str, Any] = {}
    snapshots = set()
    for name, kind, begin, end in found[1]:
        values[name] = state[begin:end]
        if kind == "primitive":
            primitives[name] = ormsgpack.unpackb(values[name])
            values[name] = packed(primitives[name])
        elif kind == "snapshot":
            snapshots.add(name)
    metadata = read_metadata(row.metadata)
    return Checkpoint(row.namespace, row.id, row.parent, fields, values, primitives, frozenset(snapshots), metadata)


def _kind(kind: Any) -> str:
    if isinstance(kind, str) and "+" in kind:
        return f"is encrypted ({kind}): it can't be cut at its channels"
    return f"is stored as {kind!r}, which can't be cut at its channels as MessagePack can"


def whole(row: Checkpoint) -> Whole:
    """As SqliteSaver stores it. Raises UnmovableError if MessagePack can't hold a number."""
    parts = []
    names = in_order({**row.fields, VALUES: None}, FIELDS)
    parts.append(_map_header(len(names)))
    for name in names:
        parts.append(packed(name))
        if name == VALUES:
            parts.append(_map_header(len(row.values)))
            for channel, value in row.values.items():
                parts += (packed(channel), value)
        else:
            parts.append(packed(row.fields[name]))
    metadata = row.metadata
    if isinstance(metadata, dict):
        metadata = {name: metadata[name] for name in in_order(metadata, METADATA)}
    text = json.dumps(metadata, ensure_ascii=False).encode("utf-8", "ignore")
    return Whole(row.namespace, row.id, row.parent, "msgpack", b"".join(parts), text)


def in_order(names: Any, first: tuple[str, ...]) -> list[str]:
    return [name for name in first if name in names] + [name for name in names if name not in first]


def read_metadata(stored: Any) -> Any:
    """As SqliteSaver reads it."""
    try:
        return json.loads(stored) if stored is not None else {}
    except (ValueError, TypeError, RecursionError):
        raise UnmovableError("has metadata that is not JSON") from None


def packed(value: Any) -> bytes:
    try:
        return ormsgpack.packb(value)
    except (TypeError, ValueError) as error:
        raise UnmovableError(f"has a value that MessagePack can't hold: {error}") from None


def is_snapshot(head: bytes) -> bool:
    """Whether MessagePack that begins so is the snapshot of a delta channel: an extension of code 7."""
    lengths = {0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD4: 0, 0xD5: 0, 0xD6: 0, 0xD7: 0, 0xD8: 0}
    width = lengths.get(head[0]) if head else None
    return width is not None and head[1 + width : 2 + width] == b"\x07"


def _map_header(count: int) -> bytes:
    if count < 16:
        return bytes((0x80 | count,))
    if count < 1 << 16:
        return b"\xde" + count.to_bytes(2, "big")
    return b"\xdf" + count.to_bytes(4, "big")
