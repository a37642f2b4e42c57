"""A database of SqliteSaver's, in either layout, as source or target of a move."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fast_langgraph._move import cuts, digests
from fast_langgraph._move.refusals import MoveRefusedError, UnmovableError
from fast_langgraph._move.rows import Checkpoint, Key, Row, Whole, Write, place

HEADER = b"SQLite format 3\0"
CHECKPOINTS = ("thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id", "type", "checkpoint", "metadata")
WRITES = ("thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx", "channel", "type", "value")

#: rows are read in pages, so that nobody waits long for a reader who is slow
PAGE_BYTES, PAGE_ROWS = 8 << 20, 2_000

#: seconds to wait for others that have the file locked
PATIENCE = 30

Refused = Callable[[str], None]


class SqliteDatabase:
    """``whole`` carries checkpoints as they are; else they are cut."""

    def __init__(self, path: str, whole: bool) -> None:
        self.path = Path(path)
        self._whole = whole
        self._conn: sqlite3.Connection | None = None
        self._task_path = "task_path"

    @property
    def described(self) -> str:
        return str(self.path)

    @property
    def identity(self) -> str:
        return os.path.realpath(self.path)

    def open(self, *, write: bool) -> None:
        """Connects, and refuses what is no database of checkpoints. Nothing is made yet."""
        if not self.path.exists() or not self.path.stat().st_size:
            if not write:
                raise MoveRefusedError([f"there is no database {self.path}"])
            if not self.path.absolute().parent.is_dir():
                raise MoveRefusedError([f"there is no folder {self.path.absolute().parent}"])
            return
        if self.path.is_dir():
            raise MoveRefusedError([f"{self.path} is a folder"])
        with self.path.open("rb") as file:
            if file.read(len(HEADER)) != HEADER:
                raise MoveRefusedError([f"{self.path} is no SQLite database, or an encrypted one"])
        self._connect("rw" if write else "ro")
        for table, wanted in (("checkpoints", CHECKPOINTS), ("writes", WRITES)):
            there = self._columns(table)
            if not there and write:
                continue
            missing = [name for name in wanted if name not in there]
            if missing:
                what = f"lacks {', '.join(missing)}" if there else "is not there"
                raise MoveRefusedError([f"{self.path} is no database of SqliteSaver's: its table {table} {what}"])
        if "task_path" not in self._columns("writes"):
            self._task_path = "''"

    def _connect(self, mode: str) -> None:
        uri = f"file:{quote(os.path.abspath(self.path))}?mode={mode}"
        self._conn = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
        self._conn.text_factory = _text

    def _columns(self, table: str) -> list[str]:
        return [row[1] for row in self._execute(f"PRAGMA table_info({table})")]

    def _execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """All rows; none where there is no file, or no such table in it yet."""
        if self._conn is None:
            return []
        with closing(self._conn.execute(statement, parameters)) as cursor:
            return cursor.fetchall()

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()

    def setup(self) -> None:
        """Makes the tables as stock does."""
        from langgraph.checkpoint.sqlite import SqliteSaver

        self.close()
        with SqliteSaver.from_conn_string(str(self.path)) as saver:
            saver.setup()
        self._connect("rw")
        self._task_path = "task_path"

    def threads(self) -> dict[Any, tuple[int, str | None]]:
        """By id of a thread, how many checkpoints it has, and the id of the latest."""
        found: dict[Any, tuple[int, str | None]] = {}
        if self._columns("writes"):
            found.update((thread, (0, None)) for (thread,) in self._execute("SELECT DISTINCT thread_id FROM writes"))
        if self._columns("checkpoints"):
            listed = "SELECT thread_id, count(*), max(checkpoint_id) FROM checkpoints GROUP BY thread_id"
            found.update((thread, (count, latest)) for thread, count, latest in self._execute(listed))
        return found

    def rows(self, thread: str, refused: Refused) -> Iterator[Row]:
        """Checkpoints, then pending writes. Those that can't be moved are told of, and left out."""
        for columns in self._pages("checkpoints", (*CHECKPOINTS[1:],), 2, thread):
            row = Whole(*columns)
            try:
                _check(row)
                yield row if self._whole else cuts.cut(row)
            except UnmovableError as why:
                refused(f"{place(thread, row)} {why}")
        names = ("checkpoint_ns", "checkpoint_id", "task_id", "idx", self._task_path, "channel", "type", "value")
        for columns in self._pages("writes", names, 4, thread):
            write = Write(*columns)
            try:
                yield _checked(write, self._whole)
            except UnmovableError as why:
                refused(f"{place(thread, write)} {why}")

    def _pages(self, table: str, names: tuple[str, ...], keys: int, thread: str) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of their keys. No statement is open while a page is worked on."""
        if self._conn is None or not self._columns(table):
            return
        order = ", ".join(names[:keys])
        select = f"SELECT {', '.join(names)} FROM {table} WHERE thread_id = ?"
        after: tuple[Any, ...] = ()
        while True:
            further = f" AND ({order}) > ({', '.join('?' * keys)})" if after else ""
            page: list[tuple[Any, ...]] = []
            size = 0
            with closing(self._conn.execute(f"{select}{further} ORDER BY {order}", (thread, *after))) as cursor:
                for row in cursor:
                    page.append(row)
                    size += sum(len(each) for each in row if isinstance(each, (bytes, str)))
                    if size > PAGE_BYTES or len(page) >= PAGE_ROWS:
                        break
                else:
                    yield from page
                    return
            after = page[-1][:keys]
            yield from page

    def digests(self, thread: str) -> digests.Digests:
        def refused(why: str) -> None:
            raise MoveRefusedError([f"of the target, {why}"])

        found: digests.Digests = {}
        for row in self.rows(thread, refused):
            try:
                found[row.key] = digests.of(row)
            except UnmovableError as why:
                refused(f"{place(thread, row)} {why}")
        return found

    def marking(self, thread: str, is_there: bool) -> Callable[[Row], None]:
        """A checkpoint has its values in itself, so no version needs a mark."""
        return lambda row: None

    def in_its_order(self, ids: list[str]) -> list[str]:
        return sorted(ids)

    def write(self, thread: str, rows: list[Row], replaced: set[Key]) -> None:
        """In one transaction. Rows of the keys in ``replaced`` are there already."""
        assert self._conn is not None
        checkpoints: list[tuple[Any, ...]] = []
        writes: list[tuple[Any, ...]] = []
        for row in rows:
            if isinstance(row, Write):
                of_task = (row.checkpoint_id, row.task_id, row.idx, row.task_path)
                writes.append((thread, row.namespace, *of_task, row.channel, row.kind, row.value))
                continue
            stored = cuts.whole(row) if isinstance(row, Checkpoint) else row
            key = (thread, stored.namespace, stored.id)
            checkpoints.append((*key, stored.parent, stored.kind, stored.state, stored.metadata))
        self._conn.execute("BEGIN IMMEDIATE")
        try:
            # Stock's statements, which the views of the compact layout take, too.
            self._conn.executemany(
                "INSERT OR REPLACE INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, "
                "type, checkpoint, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)",
                checkpoints,
            )
            self._conn.executemany(
                "INSERT OR REPLACE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, "
                "channel, type, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                writes,
            )
            self._conn.execute("COMMIT")
        except BaseException:
            self._conn.execute("ROLLBACK")
            raise


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def _check(row: Whole) -> None:
    for name, value in (("checkpoint_ns", row.namespace), ("checkpoint_id", row.id)):
        _check_text(name, value)
    if row.parent is not None:
        _check_text("parent_checkpoint_id", row.parent)
    if isinstance(row.metadata, str):
        _check_text("metadata", row.metadata)


def _checked(row: Write, whole: bool) -> Write:
    _check_text("checkpoint_ns", row.namespace)
    for name in ("checkpoint_id", "task_id", "task_path", "channel"):
        _check_text(name, getattr(row, name))
    if not isinstance(row.idx, int):
        raise UnmovableError(f"has an idx that is no number but {row.idx!r}")
    if whole:
        return row
    if not isinstance(row.kind, str):
        raise UnmovableError("has no type")
    if row.kind == "null" and row.value is None:
        return Write(**{**row.__dict__, "value": b""})
    if not isinstance(row.value, bytes):
        raise UnmovableError("has no value")
    return row


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise UnmovableError(f"has a {name} that is no text but {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnmovableError(f"has a {name} that is not UTF-8") from None
