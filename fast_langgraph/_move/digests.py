"""What two databases have alike: a digest of each row, and of all rows of a thread.

Of a checkpoint it covers what a saver returns: the order of keys and the layout of JSON don't count, all else does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fast_langgraph._move.refusals import UnmovableError
from fast_langgraph._move.rows import Checkpoint, Key, Row, Write, of_value

#: by key of a row
Digests = dict[Key, bytes]


def of(row: Row) -> bytes:
    if isinstance(row, Write):
        return of_write(row, of_value(_data(row.value)))
    if isinstance(row, Checkpoint):
        return of_checkpoint(row, row.digests)
    found = hashlib.sha256(repr((row.namespace, row.id, row.parent, row.kind, type(row.state))).encode())
    for column in (row.state, row.metadata):
        data = _data(column)
        found.update(f"{type(column).__name__} {len(data)} ".encode())
        found.update(data)
    return found.digest()


def _data(column: Any) -> bytes:
    """Of a column of SQLite's, which is of any type."""
    return column if isinstance(column, bytes) else b"" if column is None else str(column).encode()


def of_checkpoint(row: Checkpoint, values: Mapping[str, bytes]) -> bytes:
    """``values`` has the digest of each channel's value."""
    named = {name: digest.hex() for name, digest in values.items()}
    return _of_json([row.namespace, row.id, row.parent, row.fields, named, row.metadata])


def of_write(row: Write, value: bytes) -> bytes:
    key = [row.namespace, row.checkpoint_id, row.task_id, row.idx]
    return _of_json([*key, row.task_path, row.channel, row.kind, value.hex()])


def of_thread(rows: Digests) -> str:
    found = hashlib.sha256()
    for key in sorted(rows):
        found.update(rows[key])
    return found.hexdigest()


def _of_json(value: Any) -> bytes:
    try:
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    except (TypeError, RecursionError):
        raise UnmovableError("has fields or metadata that JSON can't hold") from None
