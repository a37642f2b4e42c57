"""Reads the rows of PostgresSaver's tables, page by page. No transaction is open while a page is worked on."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from fast_langgraph._move import cuts, digests
from fast_langgraph._move.exact_json import version_text
from fast_langgraph._move.postgres import Server
from fast_langgraph._move.refusals import UnmovableError
from fast_langgraph._move.rows import Checkpoint, Row, Write, of_value, place, place_of_checkpoint
from fast_langgraph._move.versions import BlobKey, without_marks

#: rows without their blobs
PAGE_ROWS = 500
#: bytes of blobs that are fetched at once, and that are kept for the checkpoints which follow
FETCHED, KEPT = 16 << 20, 64 << 20

#: of a blob: its value, or what stands for it, and whether it is the snapshot of a delta channel
Found = TypeVar("Found")
Lookup = Callable[[BlobKey], "tuple[Found, bool] | None"]

_HEADS = """
SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint::text, metadata::text
FROM checkpoints WHERE thread_id = %s AND (checkpoint_ns, checkpoint_id) > (%s, %s)
ORDER BY checkpoint_ns, checkpoint_id LIMIT %s
"""
_FIRST_HEADS = _HEADS.replace("AND (checkpoint_ns, checkpoint_id) > (%s, %s)", "")

_OF_KEYS = """
FROM checkpoint_blobs WHERE thread_id = %s AND (checkpoint_ns, channel, version) IN
(SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""

_BLOBS = f"SELECT checkpoint_ns, channel, version, type, blob {_OF_KEYS}"

# What the value is as MessagePack, which is what SQLite has of it.
_DIGEST = """
CASE type WHEN 'msgpack' THEN sha256(blob) WHEN 'bytes' THEN sha256(CASE
    WHEN length(blob) < 256 THEN '\\xc4'::bytea || substring(int4send(length(blob)) from 4)
    WHEN length(blob) < 65536 THEN '\\xc5'::bytea || substring(int4send(length(blob)) from 3)
    ELSE '\\xc6'::bytea || int4send(length(blob)) END || blob) END
"""


class _Head(NamedTuple):
    """A checkpoint without its blobs."""

    namespace: str
    id: str
    parent: str | None
    #: or why they can't be read
    fields: Any
    metadata: str


class Rows:
    """Of one thread at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def threads(self) -> dict[Any, tuple[int, str | None]]:
        """By id of a thread, how many checkpoints it has, and the id of the latest."""
        found: dict[Any, tuple[int, str | None]] = dict.fromkeys(
            (thread for (thread,) in self._server.all("SELECT DISTINCT thread_id FROM checkpoint_writes")), (0, None)
        )
        listed = 'SELECT thread_id, count(*), max(checkpoint_id COLLATE "C") FROM checkpoints GROUP BY thread_id'
        found.update((thread, (count, latest)) for thread, count, latest in self._server.all(listed))
        return found

    def rows(self, thread: str, refused: Callable[[str], None]) -> Iterator[Row]:
        """Checkpoints, then pending writes. Those that can't be moved are told of, and left out."""
        kept: OrderedDict[BlobKey, tuple[bytes, bool] | UnmovableError | None] = OrderedDict()

        def value(key: BlobKey) -> tuple[bytes, bool] | None:
            found = kept.get(key)
            if isinstance(found, UnmovableError):
                raise found
            return found

        for heads, sizes in self._pages_of_heads(thread):
            for batch in self._batches(thread, heads, sizes, kept):
                for head in batch:
                    try:
                        yield self._checkpoint(head, value)
                    except UnmovableError as why:
                        refused(f"{place_of_checkpoint(thread, *head[:2])} {why}")
        for columns in self._writes(thread, "blob"):
            write = Write(*columns)
            if write.kind is None:
                refused(f"{place(thread, write)} has no type")
            else:
                yield write

    @staticmethod
    def _checkpoint(head: _Head, lookup: Lookup[bytes]) -> Checkpoint:
        values, primitives, snapshots = _values(head, lookup, cuts.packed)
        fields, described = without_marks(head.fields), _loaded(head.metadata)
        return Checkpoint(head.namespace, head.id, head.parent, fields, values, primitives, snapshots, described)

    def _page(self, thread: str, after: tuple[str, ...]) -> list[_Head]:
        page = self._server.all(_HEADS if after else _FIRST_HEADS, (thread, *after, PAGE_ROWS))
        return [
            _Head(ns, each, parent, _loaded_or_why(state), described) for ns, each, parent, state, described in page
        ]

    def _pages_of_heads(self, thread: str) -> Iterator[tuple[list[_Head], dict[BlobKey, int]]]:
        """Heads of checkpoints, with the sizes of their blobs at that moment."""
        after: tuple[str, ...] = ()
        while True:
            with self._server.reading():
                heads = self._page(thread, after)
                keys = list({key for head in heads for key in _blob_keys(head)})
                sizes = self._server.all(
                    f"SELECT checkpoint_ns, channel, version, coalesce(length(blob), 0) {_OF_KEYS}",
                    (thread, *_transposed(keys)),
                )
            yield heads, {(namespace, channel, version): size for namespace, channel, version, size in sizes}
            if len(heads) < PAGE_ROWS:
                return
            after = heads[-1][:2]

    def _batches(
        self, thread: str, heads: list[_Head], sizes: dict[BlobKey, int], kept: OrderedDict[BlobKey, Any]
    ) -> Iterator[list[_Head]]:
        """As many heads as there is room for their blobs, which are in ``kept`` then."""
        batch: list[_Head] = []
        wanted: dict[BlobKey, int] = {}
        for head in heads:
            keys = [key for key in _blob_keys(head) if key in sizes]
            more = {key: sizes[key] for key in keys if key not in kept and key not in wanted}
            if batch and sum(wanted.values()) + sum(more.values()) > FETCHED:
                self._fetch(thread, wanted, kept)
                yield batch
                batch, wanted = [], {}
                self._forget(kept, sizes)
                more = {key: sizes[key] for key in keys if key not in kept}
            batch.append(head)
            wanted.update(more)
        if batch:
            self._fetch(thread, wanted, kept)
            yield batch
        self._forget(kept, sizes)

    def _fetch(self, thread: str, wanted: dict[BlobKey, int], kept: OrderedDict[BlobKey, Any]) -> None:
        if not wanted:
            return
        for key in wanted:
            kept[key] = UnmovableError("has lost a value meanwhile: move it again")
        found = self._server.all(_BLOBS, (thread, *_transposed(list(wanted))))
        for namespace, channel, version, kind, blob in found:
            try:
                kept[namespace, channel, version] = _as_message_pack(channel, kind, blob)
            except UnmovableError as why:
                kept[namespace, channel, version] = why

    @staticmethod
    def _forget(kept: OrderedDict[BlobKey, Any], sizes: dict[BlobKey, int]) -> None:
        size = sum(len(each[0]) for each in kept.values() if isinstance(each, tuple))
        while kept and size > KEPT:
            _, each = kept.popitem(last=False)
            size -= len(each[0]) if isinstance(each, tuple) else 0

    def _writes(self, thread: str, value: str) -> Iterator[tuple[Any, ...]]:
        """The columns of pending writes."""
        path = "task_path" if "task_path" in self._server.columns["checkpoint_writes"] else "''"
        keys = "checkpoint_ns, checkpoint_id, task_id, idx"
        after: tuple[Any, ...] = ()
        while True:
            further = f"AND ({keys}) > (%s, %s, %s, %s)" if after else ""
            # A page has so many rows that their values, too, are of a size that fits into memory.
            page = self._server.all(
                f"SELECT * FROM (SELECT {keys}, {path}, channel, type, {value}, "
                f"sum(length(blob)) OVER (ORDER BY {keys}) - length(blob) AS before FROM checkpoint_writes "
                f"WHERE thread_id = %s {further} ORDER BY {keys} LIMIT %s) found WHERE before < %s ORDER BY {keys}",
                (thread, *after, PAGE_ROWS * 4, FETCHED),
            )
            if not page:
                return
            for row in page:
                yield row[:8]
            after = page[-1][:4]

    def digests(self, thread: str) -> digests.Digests:
        """Values are digested by the server, where they lie."""
        blobs = self.blob_digests(thread)
        found: digests.Digests = {}

        def digest_of(value: Any) -> bytes:
            return of_value(cuts.packed(value))

        for head in self._heads(thread):
            values, _, _ = _values(head, blobs.get, digest_of)
            fields, described = without_marks(head.fields), _loaded(head.metadata)
            row = Checkpoint(head.namespace, head.id, head.parent, fields, {}, {}, frozenset(), described)
            found[row.key] = digests.of_checkpoint(row, values)
        for columns in self._writes(thread, "sha256(blob)"):
            write = Write(*columns)
            found[write.key] = digests.of_write(write, write.value)
        return found

    def _heads(self, thread: str) -> Iterator[_Head]:
        after: tuple[str, ...] = ()
        while True:
            page = self._page(thread, after)
            yield from page
            if len(page) < PAGE_ROWS:
                return
            after = page[-1][:2]

    def blob_digests(self, thread: str) -> dict[BlobKey, tuple[bytes, bool]]:
        """Of all blobs of a thread that hold a value, and whether each is a snapshot."""
        found: dict[BlobKey, tuple[bytes, bool]] = {}
        after: tuple[Any, ...] = ()
        while True:
            further = "AND (checkpoint_ns, channel, version) > (%s, %s, %s)" if after else ""
            page = self._server.all(
                f"SELECT checkpoint_ns, channel, version, type, {_DIGEST}, substring(blob for 9), length(blob) "
                f"FROM checkpoint_blobs WHERE thread_id = %s {further} "
                "ORDER BY checkpoint_ns, channel, version LIMIT %s",
                (thread, *after, PAGE_ROWS * 4),
            )
            for namespace, channel, version, kind, digest, head, length in page:
                if kind == "empty":
                    continue
                if kind == "null" or (kind == "msgpack" and length <= len(head)):
                    digest = of_value(_as_message_pack(channel, kind, head)[0])
                is_snapshot = kind == "msgpack" and cuts.is_snapshot(head)
                found[namespace, channel, version] = (digest or kind.encode(), is_snapshot)
            if len(page) < PAGE_ROWS * 4:
                return found
            after = page[-1][:3]

    def in_its_order(self, ids: list[str]) -> list[str]:
        """As PostgreSQL orders the column of ids, which depends on the database's collation."""
        return [each for (each,) in self._server.all("SELECT x FROM unnest(%s::text[]) x ORDER BY x", (ids,))]


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnmovableError("has JSON that Python can't read") from None


def _loaded_or_why(text: str) -> Any:
    try:
        return _loaded(text)
    except UnmovableError as why:
        return why


def _blob_keys(head: _Head) -> list[BlobKey]:
    versions = head.fields.get("channel_versions") if isinstance(head.fields, dict) else None
    if not isinstance(versions, dict):
        return []
    named = ((channel, version_text(version)) for channel, version in versions.items())
    return [(head.namespace, channel, version) for channel, version in named if version is not None]


def _values(
    head: _Head, lookup: Lookup[Found], of_plain: Callable[[Any], Found]
) -> tuple[dict[str, Found], dict[str, Any], frozenset[str]]:
    """The values that PostgresSaver returns, and which of them are primitives and snapshots.

    The head's fields lose their channel values. A snapshot counts where ``put`` has left its mark: other checkpoints
    have the version of it, because the channel has not changed since, and are rebuilt from it all the same.
    """
    if isinstance(head.fields, UnmovableError):
        raise head.fields
    if not isinstance(head.fields, dict):
        raise UnmovableError("is no checkpoint: its JSON is no object")
    inline = head.fields.pop("channel_values", None) or {}
    values: dict[str, Found] = {}
    primitives = {}
    snapshots = set()
    for channel, value in inline.items():
        values[channel] = of_plain(value)
        if not isinstance(value, (list, dict)):
            primitives[channel] = value
    for key in _blob_keys(head):
        found = lookup(key)
        channel = key[1]
        if found is None or (found[1] and channel not in inline):
            continue
        values[channel] = found[0]
        primitives.pop(channel, None)
        if found[1]:
            snapshots.add(channel)
    return values, primitives, frozenset(snapshots)


def _as_message_pack(channel: str, kind: str, blob: bytes | None) -> Any:
    """A blob's value as MessagePack, and whether it is a snapshot; None if it stands for no value."""
    if kind == "empty":
        return None
    if kind == "null":
        return cuts.packed(None), False
    if kind == "bytes" and blob is not None:
        return cuts.packed(blob), False
    if kind == "msgpack" and blob is not None:
        return blob, cuts.is_snapshot(blob[:9])
    what = f"{'encrypted' if '+' in kind else 'no MessagePack'} ({kind})"
    raise UnmovableError(f"has a value of channel {channel!r} that is {what}: no state can be put together of it")


def _transposed(keys: list[BlobKey]) -> tuple[list[str], list[str], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]
