"""PostgreSQL keeps one value for each version of a channel; SQLite keeps one in each checkpoint, and they may differ.

They do where a value was changed in place, and where LangGraph's own thread encodes the state of a join while the next
step goes on with it. The first checkpoint has the version. Others of another value, or of none, get a mark at the end
of theirs, ``…0042.0.5~0123456789ab``, so that PostgresSaver finds what belongs to them. Nothing reads more of a version
than its number before the point, and which of two is greater. The mark is taken off again on the way back.

With a delta channel it is otherwise: who has the version of a snapshot is rebuilt from it, so none needs a mark.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from fast_langgraph._move.exact_json import version_text
from fast_langgraph._move.refusals import UnmovableError
from fast_langgraph._move.rows import Checkpoint

_MARK = re.compile(r"~[0-9a-f]{12}$")

#: namespace, channel, version
BlobKey = tuple[str, str, str]


@dataclass(frozen=True)
class _First:
    #: of the blob; None if there is none, because there is no value or one that lies in the JSON
    digest: bytes | None
    is_snapshot: bool
    has_value: bool


class Versions:
    """Of one thread, whose checkpoints come in an order that is always the same."""

    def __init__(self, stored: dict[BlobKey, tuple[bytes, bool]]) -> None:
        """``stored`` are the blobs that are there."""
        self._first = {key: _First(digest, is_snapshot, True) for key, (digest, is_snapshot) in stored.items()}

    def marks(self, row: Checkpoint, blobs: list[str]) -> dict[str, str]:
        """By channel the marked version, for those that need one. ``blobs`` are the channels that are blobs."""
        found = {}
        for channel, version in row.versions.items():
            text = version_text(version)
            if text is None:
                continue
            if _MARK.search(text):
                raise UnmovableError(f"has a version of channel {channel!r} that ends like a mark of ours, {text!r}")
            digest = row.digests[channel] if channel in blobs else None
            own = _First(digest, channel in row.snapshots, channel in row.values)
            key = (row.namespace, channel, text)
            first = self._first.setdefault(key, own)
            if first.digest == own.digest:
                if own.has_value and not first.has_value:
                    self._first[key] = own
            elif own.is_snapshot and not first.has_value:
                self._first[key] = own
            elif own.has_value or not first.is_snapshot:
                found[channel] = self._marked(channel, version, own)
        return found

    @staticmethod
    def _marked(channel: str, version: Any, own: _First) -> str:
        if not isinstance(version, str):
            raise UnmovableError(
                f"has of channel {channel!r} another value than an earlier checkpoint, under the same version "
                f"{version!r}; PostgreSQL keeps one"
            )
        return f"{version}~{hashlib.sha256(own.digest or b'').hexdigest()[:12]}"


def with_marks(fields: dict[str, Any], marks: dict[str, str]) -> dict[str, Any]:
    """What a node has seen is marked as the version is, so that the same nodes run next."""
    if not marks:
        return fields
    versions = fields["channel_versions"]
    seen = fields.get("versions_seen")
    fields = {**fields, "channel_versions": {**versions, **marks}}
    if isinstance(seen, dict):
        fields["versions_seen"] = {node: _marked_as(each, versions, marks) for node, each in seen.items()}
    return fields


def _marked_as(seen: Any, versions: dict[str, Any], marks: dict[str, str]) -> Any:
    if not isinstance(seen, dict):
        return seen
    return {
        channel: marks[channel] if channel in marks and version == versions[channel] else version
        for channel, version in seen.items()
    }


def without_marks(fields: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's fields as they were in SQLite."""
    found = dict(fields)
    if isinstance(found.get("channel_versions"), dict):
        found["channel_versions"] = _bare(found["channel_versions"])
    if isinstance(found.get("versions_seen"), dict):
        found["versions_seen"] = {node: _bare(seen) for node, seen in found["versions_seen"].items()}
    return found


def _bare(versions: Any) -> Any:
    if not isinstance(versions, dict):
        return versions
    return {
        channel: _MARK.sub("", version) if isinstance(version, str) else version
        for channel, version in versions.items()
    }
