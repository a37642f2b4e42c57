"""Where PostgreSQL has a channel's value: in the checkpoint's own JSON, or as a blob of a channel and a version."""

from __future__ import annotations

from typing import Any

from fast_langgraph._move import exact_json
from fast_langgraph._move.exact_json import version_text
from fast_langgraph._move.refusals import UnmovableError
from fast_langgraph._move.rows import Checkpoint, Write
from fast_langgraph._move.versions import with_marks

#: a longer text is a blob
LONGEST_INLINE = 1 << 20
#: of SQLite's integers, what PostgreSQL's type ``integer`` holds
INT_MAX = (1 << 31) - 1
#: bytes of a key that an index of PostgreSQL takes, with room for what it adds
LONGEST_KEY = 2_600


class Stored:
    """A checkpoint as PostgresSaver's tables have it. Raises UnmovableError if they would give back something else."""

    def __init__(self, thread: str, row: Checkpoint) -> None:
        self.row = row
        #: by channel and version the value
        self.blobs: dict[tuple[str, str], bytes] = {}
        check_key(thread, row.namespace, row.id)
        check_text("parent", row.parent or "")
        version = row.fields.get("v")
        if isinstance(version, bool) or not isinstance(version, (int, float)):
            raise UnmovableError("has no number of a format, 'v', which PostgresSaver needs")
        versions = {**row.versions, **row.marks}
        blobs = blob_channels(row)
        held = {channel: value for channel, value in row.primitives.items() if channel not in blobs}
        held.update(dict.fromkeys(row.snapshots, True))
        for channel in blobs:
            version = version_text(versions.get(channel))
            if version is None:
                raise UnmovableError(f"has a value of channel {channel!r} and no version of it, to be found by")
            check_key(thread, row.namespace, channel, version)
            self.blobs[channel, version] = row.values[channel]
        try:
            self.json = exact_json.dumps({**with_marks(row.fields, row.marks), "channel_values": held})
        except exact_json.InexactError as what:
            raise UnmovableError(f"has {what} in its fields, which PostgreSQL's JSON can't keep") from None
        try:
            self.metadata = exact_json.dumps(row.metadata)
        except exact_json.InexactError as what:
            raise UnmovableError(f"has {what} in its metadata, which PostgreSQL's JSON can't keep") from None


def blob_channels(row: Checkpoint) -> list[str]:
    """The channels whose values are blobs: what is no primitive, and what JSON would not keep."""
    return [name for name in row.values if name not in row.primitives or not _fits(row.primitives[name])]


def check_write(thread: str, row: Write) -> None:
    """Raises UnmovableError if PostgresSaver's table can't hold the row."""
    check_key(thread, row.namespace, row.checkpoint_id, row.task_id)
    for name, value in (("channel", row.channel), ("task_path", row.task_path), ("type", row.kind)):
        check_text(name, value)
    if not -INT_MAX - 1 <= row.idx <= INT_MAX:
        raise UnmovableError(f"has the idx {row.idx}, which PostgreSQL's integers can't hold")


def check_key(*parts: str) -> None:
    for part in parts:
        check_text("key", part)
    length = sum(len(part.encode()) for part in parts)
    if length > LONGEST_KEY:
        raise UnmovableError(f"has a key of {length:,} bytes, more than an index of PostgreSQL takes")


def check_text(name: str, value: str) -> None:
    if "\0" in value:
        raise UnmovableError(f"has the character NUL in its {name}, which PostgreSQL can't hold")


def _fits(value: Any) -> bool:
    if isinstance(value, str) and len(value) > LONGEST_INLINE:
        return False
    try:
        exact_json.dumps(value)
    except exact_json.InexactError:
        return False
    return True
