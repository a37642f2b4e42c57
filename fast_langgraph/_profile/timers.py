"""Times what the savers' methods call: the serializer, locks, SQLite. Each does nothing outside a profiled call.

``fronts.place`` puts them before these functions: of stock's classes, of ours, and of aiosqlite's connection. What only
our own code calls is called without keywords.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from fast_langgraph._native import Blob
from fast_langgraph._profile import storage
from fast_langgraph._profile.calls import CURRENT, Call
from fast_langgraph._replacements.group_commit import execute
from fast_langgraph._shared.fronts import Slot

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
            size = _coded(call, "encode", took, encoded)
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
            _coded(call, "decode", perf_counter() - began, args[at] if len(args) > at else None)
            call.coding = False

    return loads_typed


def _coded(call: Call, part: str, took: float, data: Any) -> int:
    """Adds up what was encoded or decoded: bytes, or a pair of a kind and bytes. Returns how many there are."""
    if type(data) is tuple and len(data) == 2:
        data = data[1]
    size = len(data) if type(data) in _BYTES else 0
    call.parts[part] = call.parts.get(part, 0.0) + took
    call.elsewhere += took
    call.bytes = size if call.bytes is None else call.bytes + size
    return size


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
        self._began = now = perf_counter()
        # The first time, it makes the tables.
        call.add("waiting" if self._waits else "sqlite", now - began)
        self._elsewhere = call.elsewhere
        return cursor

    def __exit__(self, *exception: Any) -> Any:
        call = self._call
        ended = perf_counter()
        call.add("sqlite", ended - self._began - (call.elsewhere - self._elsewhere))
        try:
            return self._made.__exit__(*exception)
        finally:
            if self._commits:
                call.add("commit", perf_counter() - ended)


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


def work(part: str) -> Callable[[Slot], Callable[..., Any]]:
    """Of a function that works on a borrowed connection, with the lock held."""

    def make(slot: Slot) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            call = _get()
            if call is None or not call.is_open:
                return slot.inner(*args)
            began = perf_counter()
            if call.contended:
                call.first_work(began)
            try:
                return slot.inner(*args)
            finally:
                call.parts[part] = call.parts.get(part, 0.0) + perf_counter() - began

        return timed

    return make


def commit(slot: Slot) -> Callable[..., Any]:
    """A group commit. All that is not this call's own work on the database is waiting: for the lock, or for somebody
    who has it and commits this call's rows with others.
    """

    def commit(*args: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return slot.inner(*args)
        call.contended = False
        before = call.parts.get("sqlite_and_commit", 0.0)
        began = perf_counter()
        try:
            return slot.inner(*args)
        finally:
            call.waited(began, before)

    return commit


def async_commit(slot: Slot) -> Callable[..., Any]:
    """The same. Before it, ``setup()`` may have waited for the lock too."""

    async def commit(*args: Any) -> Any:
        call = _get()
        if call is None or not call.is_open:
            return await slot.inner(*args)
        call.committing = True
        before = call.parts.get("sqlite_and_commit", 0.0)
        began = perf_counter()
        call.first_work(began)
        try:
            return await slot.inner(*args)
        finally:
            call.waited(began, before)
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
            storage.watch(call, self, getattr(self, "_connection", None))
            began = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = perf_counter() - began

        began = perf_counter()
        if call.contended:
            call.first_work(began)
        try:
            return await slot.inner(self, timed, *args, **kwargs)
        finally:
            if function is execute:
                part = "sqlite_and_commit"
            else:
                part = "commit" if getattr(function, "__name__", "") == "commit" else "sqlite"
            call.add(part, took)
            if not call.committing:
                call.add("waiting", max(0.0, perf_counter() - began - took))

    return _execute
