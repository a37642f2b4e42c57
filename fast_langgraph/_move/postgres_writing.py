"""Writes rows into PostgresSaver's tables, by COPY, a transaction for each batch."""

from __future__ import annotations

from typing import Any

from fast_langgraph._move.postgres import TABLES, Server
from fast_langgraph._move.postgres_rows import Rows
from fast_langgraph._move.refusals import MoveRefusedError
from fast_langgraph._move.rows import Checkpoint, Key, Row, Write, place
from fast_langgraph._move.stored_values import Stored
from fast_langgraph._move.versions import BlobKey

#: the tables are those of the installed release, which have a path
_COPY = {**TABLES, "checkpoint_writes": {**TABLES["checkpoint_writes"], "task_path": "text"}}


class Writer:
    """Remembers which blobs the thread has that is being written."""

    def __init__(self, server: Server, rows: Rows) -> None:
        self._server = server
        self._rows = rows
        self._thread: str | None = None
        self._blobs: dict[BlobKey, bytes] = {}

    def forget(self) -> None:
        self._thread = None

    def write(self, thread: str, rows: list[Row], replaced: set[Key]) -> None:
        """In one transaction. Rows of the keys in ``replaced`` are there, and are taken away before."""
        if thread != self._thread:
            self._blobs = {key: digest for key, (digest, _) in self._rows.blob_digests(thread).items()}
            self._thread = thread
        blobs: dict[BlobKey, tuple[bytes, bytes]] = {}
        columns: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COPY}
        for row in rows:
            if isinstance(row, Write):
                key = (thread, row.namespace, row.checkpoint_id, row.task_id)
                columns["checkpoint_writes"].append((*key, row.idx, row.channel, row.kind, row.value, row.task_path))
            elif isinstance(row, Checkpoint):
                stored = Stored(thread, row)
                columns["checkpoints"].append(
                    (thread, row.namespace, row.id, row.parent, _Text(stored.json), _Text(stored.metadata))
                )
                self._add_blobs(thread, stored, blobs)
        columns["checkpoint_blobs"] = [(thread, *key, "msgpack", value) for key, (value, _) in blobs.items()]
        with self._server.conn.transaction():
            self._take_away(thread, replaced)
            for table, found in columns.items():
                self._copy(table, found)
        self._blobs.update({key: digest for key, (_, digest) in blobs.items()})

    def _add_blobs(self, thread: str, stored: Stored, blobs: dict[BlobKey, tuple[bytes, bytes]]) -> None:
        for (channel, version), value in stored.blobs.items():
            key = (stored.row.namespace, channel, version)
            digest = stored.row.digests[channel]
            there = blobs[key][1] if key in blobs else self._blobs.get(key)
            if there is None:
                blobs[key] = (value, digest)
            elif there != digest:
                why = f"has another value of channel {channel!r} than its version {version!r} had"
                raise MoveRefusedError([f"{place(thread, stored.row)} {why}"])

    def _take_away(self, thread: str, replaced: set[Key]) -> None:
        for kind, *key in replaced:
            names = ("checkpoint_ns", "checkpoint_id", "task_id", "idx")[: len(key)]
            table = "checkpoints" if kind == "checkpoint" else "checkpoint_writes"
            where = " AND ".join(f"{name} = %s" for name in ("thread_id", *names))
            self._server.conn.execute(f"DELETE FROM {table} WHERE {where}", (thread, *key))

    def _copy(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        from psycopg.types.json import Jsonb

        names = _COPY[table]
        statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
        with self._server.conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(list(names.values()))
            for row in rows:
                copy.write_row([Jsonb(each, _encoded) if isinstance(each, _Text) else each for each in row])


class _Text(str):
    """JSON that is made already."""


def _encoded(text: Any) -> bytes:
    return bytes(text.encode())
