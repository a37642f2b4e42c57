"""Times what the savers' methods call: the serializer, locks, SQLite. Each does nothing outside a profiled call.

``fronts.place`` puts them before these functions: of stock's classes, of ours, and of aiosqlite's connection.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from fast_langgraph._native import Blob
from fast_langgraph._profile import storage
from fast_langgraph._profile.calls import CURRENT, Call
from fast_langgraph._replacements import group_commit
from fast_langgraph._shared.fronts import Slot, behind

_get = CURRENT.get
_BYTES = (bytes, Blob, bytearray)


def dumps_typed(slot: Slot) -> Callable[..., Any]:
    """Of a serializer, ``dumps_typed(self, value)``, and of our codec, ``dumps(self, serializer, value)``."""
    at = 1 if slot.attribute == "dumps_typed" else 2

    def dumps_typed(*args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open or call.coding:
            return slot.inner(*args, **kwargs)
        call.coding = True
        began = perf_counter()
        try:
            encoded = slot.inner(*args, **kwargs)
            took = perf_counter() - began
            call.encode = took if call.encode is None else call.encode + took
            data: Any = encoded[1] if type(encoded) is tuple and len(encoded) == 2 else None
            size = len(data) if type(data) in _BYTES else 0
            call.bytes = size if call.bytes is None else call.bytes + size
            if call.written is not None:
                call.written.append((size, took))
            elif call.sampler is not None and call.sampler.is_due(began) and args[at:] and args[at] is call.checkpoint:
                call.sample(call.sampler, lambda value: slot.inner(*args[:at], value), encoded)
        finally:
            call.coding = False
        return encoded

    return dumps_typed


def loads_typed(slot: Slot) -> Callable[..., Any]:
    """Of a serializer, ``loads_typed(self, (kind, data))``; of our codec, ``loads(self, serializer, kind, data)``."""
    at = 3 if slot.attribute == "loads" else 1

    def loads_typed(*args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open or call.coding:
            return slot.inner(*args, **kwargs)
        call.coding = True
        began = perf_counter()
        try:
            return slot.inner(*args, **kwargs)
        finally:
            took = perf_counter() - began
            call.decode = took if call.decode is None else call.decode + took
            call.coding = False
            size = _size(args[at]) if len(args) > at else 0
            call.bytes = size if call.bytes is None else call.bytes + size

    return loads_typed


def _size(data: Any) -> int:
    data = data[1] if type(data) is tuple and len(data) == 2 else data
    return len(data) if type(data) in _BYTES else 0


class TimedCursor:
    """What ``SqliteSaver.cursor()`` returns: it waits for the lock, hands out a cursor, and commits at the end."""

    __slots__ = ("_began", "_call", "_commits", "_elsewhere", "_made", "_waits")

    def __init__(self, call: Call, made: Any, waits: bool, commits: bool) -> None:
        self._call = call
        self._made = made
        self._waits = waits
        self._commits = commits

    def __enter__(self) -> Any:
        call = self._call
        began = perf_counter()
        cursor = self._made.__enter__()
        self._began = perf_counter()
        # The first time, it makes the tables.
        if self._waits:
            call.waiting = (call.waiting or 0.0) + self._began - began
        else:
            call.sqlite = (call.sqlite or 0.0) + self._began - began
        self._elsewhere = call.elsewhere
        return cursor

    def __exit__(self, *exception: Any) -> Any:
        call = self._call
        ended = perf_counter()
        call.sqlite = (call.sqlite or 0.0) + ended - self._began - (call.elsewhere - self._elsewhere)
        try:
            return self._made.__exit__(*exception)
        finally:
            if self._commits:
                call.commit = (call.commit or 0.0) + perf_counter() - ended


def cursor(slot: Slot) -> Callable[..., Any]:
    """Of SqliteSaver. What happens between its two ends is statements, and the little Python between them."""

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = slot.inner(self, *args, **kwargs)
        call = _get()
        if call is None or not call.is_open:
            return made
        call.contended = False
        commits = bool(args[0] if args else kwargs.get("transaction", True))
        return TimedCursor(call, made, bool(getattr(self, "is_setup", False)), commits)

    return cursor


def fetch(slot: Slot) -> Callable[..., Any]:
    """Reads rows on a borrowed connection."""

    def fetch(*args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return slot.inner(*args, **kwargs)
        began = perf_counter()
        if call.contended:
            call.first_work(began)
        try:
            return slot.inner(*args, **kwargs)
        finally:
            call.sqlite = (call.sqlite or 0.0) + perf_counter() - began

    return fetch


def execute(slot: Slot) -> Callable[..., Any]:
    """``group_commit.execute``: the statements of all operations that wait, and their commit."""

    def execute(*args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return slot.inner(*args, **kwargs)
        began = perf_counter()
        try:
            return slot.inner(*args, **kwargs)
        finally:
            call.sqlite_and_commit = (call.sqlite_and_commit or 0.0) + perf_counter() - began

    return execute


def commit(slot: Slot) -> Callable[..., Any]:
    """A group commit. All that is not this call's own work on the database is waiting: for the lock, or for somebody
    who has it and commits this call's rows with others.
    """

    def commit(*args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return slot.inner(*args, **kwargs)
        before = call.sqlite_and_commit or 0.0
        began = perf_counter()
        try:
            return slot.inner(*args, **kwargs)
        finally:
            own = (call.sqlite_and_commit or 0.0) - before
            call.waiting = (call.waiting or 0.0) + perf_counter() - began - own

    return commit


def async_commit(slot: Slot) -> Callable[..., Any]:
    async def commit(*args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return await slot.inner(*args, **kwargs)
        call.committing = True
        before = call.sqlite_and_commit or 0.0
        began = perf_counter()
        call.first_work(began)
        try:
            return await slot.inner(*args, **kwargs)
        finally:
            own = (call.sqlite_and_commit or 0.0) - before
            call.waiting = (call.waiting or 0.0) + perf_counter() - began - own
            call.committing = False

    return commit


def hop(slot: Slot) -> Callable[..., Any]:
    """``aiosqlite.Connection._execute``, which calls a function on the connection's thread.

    The function's time is SQLite's. The rest of the hop is waiting, for that thread and for the loop.
    """

    async def _execute(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return await slot.inner(self, function, *args, **kwargs)
        took = 0.0

        def timed(*args: Any, **kwargs: Any) -> Any:
            nonlocal took
            call.uses(storage.file_of(self, getattr(self, "_connection", None)))
            began = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = perf_counter() - began

        began = perf_counter()
        call.first_work(began)
        try:
            return await slot.inner(self, timed, *args, **kwargs)
        finally:
            if behind(function) is behind(group_commit.execute):
                part = "sqlite_and_commit"
            else:
                part = "commit" if getattr(function, "__name__", "") == "commit" else "sqlite"
            setattr(call, part, (getattr(call, part) or 0.0) + took)
            if not call.committing:
                call.waiting = (call.waiting or 0.0) + max(0.0, perf_counter() - began - took)

    return _execute
