"""The files of the databases that are used, and how much they grow."""

from __future__ import annotations

import os
import sys
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Unsupported, Watch
from fast_langgraph._shared.host_sqlite import PYTHON, reach

#: files beyond are not watched
MOST = 64


class Files:
    """The files that were used while a profile was on, with their sizes before that."""

    def __init__(self) -> None:
        self.before: dict[str, tuple[int, int]] = {}

    def uses(self, path: str) -> None:
        if path not in self.before and len(self.before) < MOST:
            self.before.setdefault(path, sizes(path))


#: of the profiles that are on
OPEN: list[Files] = []


def _tell(conn: Any) -> None:
    try:
        path = _path_of(conn)
    except Exception:
        return  # another thread's connection, or a closed one: the call itself will say so
    if path is not None:
        for files in OPEN:
            files.uses(path)


WATCH = Watch(_tell)


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
