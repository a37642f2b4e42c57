"""A database of PostgresSaver's as source or target of a move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fast_langgraph._move.digests import Digests
from fast_langgraph._move.postgres import Server
from fast_langgraph._move.postgres_rows import Rows
from fast_langgraph._move.postgres_writing import Writer
from fast_langgraph._move.refusals import MoveRefusedError, TakenError, UnmovableError
from fast_langgraph._move.rows import Checkpoint, Key, Row
from fast_langgraph._move.sqlite import Refused
from fast_langgraph._move.stored_values import blob_channels
from fast_langgraph._move.versions import Versions


class PostgresDatabase:
    def __init__(self, address: str) -> None:
        self._server = Server(address)
        self._rows = Rows(self._server)
        self._writer = Writer(self._server, self._rows)
        self.described = self._server.described

    @property
    def identity(self) -> str:
        return self._server.identity

    def open(self, *, write: bool) -> None:
        self._server.open()
        if not write and not self._server.is_set_up:
            missing = [table for table, columns in self._server.columns.items() if not columns]
            raise MoveRefusedError(
                [f"{self.described} holds no checkpoints of LangGraph's: it has no table {', '.join(missing)}"]
            )

    def close(self) -> None:
        self._server.close()

    def setup(self) -> None:
        self._server.setup()

    def threads(self) -> dict[Any, tuple[int, str | None]]:
        return self._rows.threads() if self._server.is_set_up else {}

    def rows(self, thread: str, refused: Refused) -> Iterator[Row]:
        return self._rows.rows(thread, refused)

    def digests(self, thread: str) -> Digests:
        if not self._server.is_set_up:
            return {}
        try:
            return self._rows.digests(thread)
        except UnmovableError as why:
            raise MoveRefusedError([f"of the target, thread {thread!r} {why}"]) from None

    def marking(self, thread: str, is_there: bool) -> Callable[[Row], None]:
        """Of rows that come in order, marks the versions that need it."""
        versions = Versions(self._rows.blob_digests(thread) if is_there else {})

        def mark(row: Row) -> None:
            if isinstance(row, Checkpoint):
                row.marks = versions.marks(row, blob_channels(row))

        return mark

    def write(self, thread: str, rows: list[Row], replaced: set[Key]) -> None:
        from psycopg.errors import UniqueViolation

        try:
            self._writer.write(thread, rows, replaced)
        except UniqueViolation:
            self._writer.forget()
            raise TakenError from None
        except BaseException:
            self._writer.forget()
            raise

    def in_its_order(self, ids: list[str]) -> list[str]:
        return self._rows.in_its_order(ids)
