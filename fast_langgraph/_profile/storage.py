"""The files of the databases that are used, and how much they grow."""

from __future__ import annotations

import os
import sys
import weakref
from functools import partial
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Unsupported
from fast_langgraph._profile.calls import Call
from fast_langgraph._shared.host_sqlite import PYTHON, reach

#: files beyond are not watched
MOST = 64

#: by the id of a saver or an aiosqlite connection: a reference to it, and the id of its sqlite3 connection. All sinks
#: know of their files
_watched: dict[int, tuple[weakref.ref[Any], int]] = {}


def watch(call: Call, holder: Any, conn: Any) -> None:
    """Tells of the file that a call uses, if it was not told of yet: that of a sqlite3 connection, or the path."""
    number = id(holder)
    known = _watched.get(number)
    if (known is not None and known[0]() is holder and known[1] == id(conn)) or conn is None:
        return
    try:
        path = _path_of(conn)
        _watched[number] = weakref.ref(holder, partial(_gone, number)), id(conn)
    except Exception:
        return  # another thread's connection, or a closed one: the call itself will say so
    if path is not None:
        for sink in call.sinks:
            sink.uses(path)


def watch_anew() -> None:
    """There is another sink, or none any more."""
    _watched.clear()


def _gone(number: int, reference: Any) -> None:
    known = _watched.get(number)
    if known is not None and known[0] is reference:
        del _watched[number]


def _path_of(conn: Any) -> str | None:
    """None for a database in memory, and where it can't be asked without a statement."""
    if type(conn) is str:
        return None if conn == ":memory:" else conn
    module = sys.modules.get(type(conn).__module__)
    if module is None or getattr(module, "Connection", None) is not type(conn) or reach(module)[0] == PYTHON:
        return None
    try:
        name = _native.file_name(conn)
    except Unsupported:
        return None
    # Of a database in memory it is empty.
    return None if name is None or str(name) in ("", ".") else str(name)


def size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def sizes(path: str) -> tuple[int, int]:
    """The bytes of a database's file, and of its write-ahead log."""
    return size(path), size(f"{path}-wal")


class Files:
    """The files that were used, with their sizes before that."""

    def __init__(self) -> None:
        self.before: dict[str, tuple[int, int]] = {}

    def uses(self, path: str) -> None:
        if path not in self.before and len(self.before) < MOST:
            self.before.setdefault(path, sizes(path))
