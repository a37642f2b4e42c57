"""Rows as they are between two databases.

A ``Checkpoint`` is cut into its fields and the values of its channels, as PostgreSQL stores it. A ``Whole`` is as
SQLite stores it, for a move between two files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: ("checkpoint", namespace, id) or ("write", namespace, checkpoint id, task id, idx)
Key = tuple[Any, ...]


def of_value(value: bytes) -> bytes:
    """The digest of a value."""
    return hashlib.sha256(value).digest()


@dataclass
class Checkpoint:
    namespace: str
    id: str
    parent: str | None
    #: all but ``channel_values``, as plain data
    fields: dict[str, Any]
    #: by channel, as MessagePack; its classes are never touched
    values: dict[str, bytes]
    #: those of ``values`` that are None, a bool, a number or a text
    primitives: dict[str, Any]
    #: those of ``values`` that are snapshots of delta channels
    snapshots: frozenset[str]
    metadata: Any
    #: by channel a version that only PostgreSQL has, ``versions`` says why
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return ("checkpoint", self.namespace, self.id)

    @property
    def size(self) -> int:
        return sum(map(len, self.values.values())) + 1000

    @cached_property
    def digests(self) -> dict[str, bytes]:
        """Of the values."""
        return {channel: of_value(value) for channel, value in self.values.items()}

    @property
    def versions(self) -> dict[str, Any]:
        found = self.fields.get("channel_versions")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Whole:
    namespace: str
    id: str
    parent: str | None
    kind: Any
    state: Any
    metadata: Any

    @property
    def key(self) -> Key:
        return ("checkpoint", self.namespace, self.id)

    @property
    def size(self) -> int:
        return len(self.state or b"") + len(self.metadata or b"")


@dataclass(frozen=True)
class Write:
    """A pending write. Its value is carried as it is, of whatever kind it is."""

    namespace: str
    checkpoint_id: str
    task_id: str
    idx: int
    task_path: str
    channel: str
    kind: Any
    value: Any

    @property
    def key(self) -> Key:
        return ("write", self.namespace, self.checkpoint_id, self.task_id, self.idx)

    @property
    def size(self) -> int:
        return len(self.value or b"") + 200


Row = Checkpoint | Whole | Write


def place(thread: str, row: Row) -> str:
    """How messages name a row."""
    if isinstance(row, Write):
        return (
            f"{_within(thread, row.namespace)}: the write of task {row.task_id!r} to channel {row.channel!r} "
            f"of checkpoint {row.checkpoint_id!r}"
        )
    return place_of_checkpoint(thread, row.namespace, row.id)


def place_of_checkpoint(thread: str, namespace: str, checkpoint_id: str) -> str:
    return f"{_within(thread, namespace)}: checkpoint {checkpoint_id!r}"


def _within(thread: str, namespace: str) -> str:
    return f"thread {thread!r}" + (f" in namespace {namespace!r}" if namespace else "")
