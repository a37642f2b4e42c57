"""A database that a command works on: what is one, and which thread and checkpoint of it are meant."""

from __future__ import annotations

import difflib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fast_langgraph import _native
from fast_langgraph._checkpointer.checkpoint_ids import time_of
from fast_langgraph._cli.output import CommandError, ago, printable
from fast_langgraph._cli.stored import AsData
from fast_langgraph._shared.wording import number
from fast_langgraph.checkpointer import RustSQLiteCheckpointer

TABLES = ("checkpoints", "writes")
HEADER = b"SQLite format 3\0"


@contextmanager
def opened(path: Path, write: bool = False) -> Iterator[RustSQLiteCheckpointer]:
    """The database, if it is one of checkpoints. What it holds is read as data. Nothing is made in it."""
    check(path)
    # A column created_at would be the app's own affair.
    with RustSQLiteCheckpointer(path, serde=AsData(), read_only=not write, created_at=False, remember=0) as found:
        yield found


def check(path: Path) -> None:
    """Refuses, with the reason, what is no database of checkpoints."""
    if str(path).startswith(("postgresql:/", "postgres:/")):
        # Without the address, which may have a password in it.
        raise CommandError("only `fast-langgraph move` takes a PostgreSQL database: move it to a file to look into it")
    if not path.exists():
        near = difflib.get_close_matches(path.name, _databases(path.parent), 1)
        raise CommandError(f"there is no file {path}" + (f"; did you mean {path.with_name(near[0])}?" if near else ""))
    if path.is_dir():
        found = _databases(path)
        raise CommandError(f"{path} is a folder" + (f"; in it: {', '.join(found[:8])}" if found else ""))
    try:
        with path.open("rb") as file:
            start = file.read(len(HEADER))
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    if not start:
        raise CommandError(f"{path} is empty: nothing has been saved in it yet")
    if start != HEADER:
        raise CommandError(f"{path} is no SQLite database, or an encrypted one")
    with reading(path) as conn:
        tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    if not set(TABLES) <= set(tables):
        shown = ", ".join(printable(name) for name in tables[:8]) or "none"
        raise CommandError(
            f"{path} holds no checkpoints of LangGraph's: it has no tables {' and '.join(TABLES)} (but {shown})"
        )


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of Python's own that only reads."""
    with closing(sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True)) as conn:
        yield conn


def _databases(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.suffix in (".db", ".sqlite", ".sqlite3"))
    except OSError:
        return []


@dataclass(frozen=True)
class Entry:
    """A checkpoint in a thread's history."""

    id: str
    parent: str | None
    metadata: dict[str, Any]

    @property
    def time(self) -> datetime | None:
        return time_of(self.id)

    @property
    def step(self) -> Any:
        return self.metadata.get("step")

    @property
    def source(self) -> str:
        return str(self.metadata.get("source") or "")


class Thread:
    """A thread in one namespace: its checkpoints, newest first, without their states."""

    def __init__(self, database: RustSQLiteCheckpointer, thread_id: str, namespace: str | None) -> None:
        self._database = database
        self.id = thread_id
        keys = list(database._engine.run(_native.Request.keys(thread=thread_id)))
        if not keys:
            raise CommandError(_no_thread(database, thread_id), 1)
        #: in all namespaces
        self.checkpoints = len(keys)
        #: of which there are checkpoints; "" is the graph itself, others are subgraphs
        self.namespaces = sorted({str(ns) for _, ns, _ in keys})
        if namespace is None:
            namespace = "" if "" in self.namespaces else self.namespaces[0]
        if namespace not in self.namespaces:
            there = ", ".join(map(repr, self.namespaces))
            raise CommandError(f"thread {thread_id!r} has no namespace {namespace!r}, but {there}", 1)
        self.namespace = namespace
        wanted = [(ns, checkpoint_id) for _, ns, checkpoint_id in keys if ns == namespace]
        self.entries = [
            Entry(str(checkpoint_id), described[0], _object(described[1]))
            for (_, checkpoint_id), described in zip(wanted, self._descriptions(wanted), strict=True)
            if described is not None
        ]

    def _descriptions(self, keys: list[Any]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(keys), 500):
            found += self._database._engine.run(_native.Request.descriptions(self.id, keys[start : start + 500]))
        return found

    def chosen(self, wanted: str | None, at: datetime | timedelta | None = None) -> Entry:
        """The checkpoint of an id, of the beginning of one, or of a step; the latest, or the latest at a moment."""
        if at is not None:
            moment = datetime.now(timezone.utc) - at if isinstance(at, timedelta) else at.astimezone(timezone.utc)
            for entry in self.entries:
                if entry.time is not None and entry.time <= moment:
                    return entry
            raise CommandError(f"thread {self.id!r} had no checkpoint at that time; the first is of {self._first()}", 1)
        if wanted is None:
            return self.entries[0]
        exact = [entry for entry in self.entries if entry.id == wanted]
        begun = exact or [entry for entry in self.entries if entry.id.startswith(wanted)]
        if not exact and wanted.lstrip("-").isdigit():
            begun = [entry for entry in self.entries if entry.step == int(wanted)] or begun
        if len(begun) == 1:
            return begun[0]
        if begun:
            raise CommandError(
                f"{wanted!r} may be any of {', '.join(entry.id for entry in begun[:6])}: say more of the id", 1
            )
        raise CommandError(
            f"thread {self.id!r} has no checkpoint {wanted!r}: pass an id, its beginning, or a step; "
            "`fast-langgraph history` lists them",
            1,
        )

    def _first(self) -> str:
        return f"{self.entries[-1].id}, {ago(self.entries[-1].time)}"

    def read(self, entry: Entry) -> Any:
        """The checkpoint with its state and its pending writes."""
        config = {"configurable": {"thread_id": self.id, "checkpoint_ns": self.namespace, "checkpoint_id": entry.id}}
        return self._database.get_tuple(config)


def _object(metadata: Any) -> dict[str, Any]:
    try:
        found = json.loads(metadata) if metadata else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _no_thread(database: RustSQLiteCheckpointer, wanted: str) -> str:
    threads = [str(each) for each in database._engine.run(_native.Request.threads("thread_id"))]
    near = difflib.get_close_matches(wanted, threads, 3) or [each for each in threads if each.startswith(wanted)][:3]
    there = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {number(len(threads), 'thread')}"
    return f"there is no thread {wanted!r}; {there}"
