"""Times what the savers' methods call: the serializer, locks, SQLite. Each does nothing outside a profiled call.

``fronts.place`` puts them before these functions: of stock's classes, of ours, and of aiosqlite's connection.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from fast_langgraph._profile import storage
from fast_langgraph._profile.calls import Call, current
from fast_langgraph._replacements import group_commit
from fast_langgraph._shared.fronts import Slot, behind


def dumps_typed(slot: Slot) -> Callable[..., Any]:
    """Of a serializer, ``dumps_typed(self, value)``, and of our codec, ``dumps(self, serializer, value)``."""
    at = 1 if slot.attribute == "dumps_typed" else 2

    def dumps_typed(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None or call.coding:
            return slot.inner(*args, **kwargs)
        return call.encoded(slot.inner, args, kwargs, args[at] if len(args) > at else None)

    return dumps_typed


def loads_typed(slot: Slot) -> Callable[..., Any]:
    """``loads_typed(self, (kind, data))`` of a serializer."""

    def loads_typed(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None or call.coding:
            return slot.inner(*args, **kwargs)
        pair = args[1] if len(args) > 1 else None
        return call.decoded(slot.inner, args, kwargs, pair[1] if type(pair) is tuple and len(pair) == 2 else None)

    return loads_typed


def loads(slot: Slot) -> Callable[..., Any]:
    """``loads(self, serializer, kind, data)`` of our codec."""

    def loads(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None or call.coding:
            return slot.inner(*args, **kwargs)
        return call.decoded(slot.inner, args, kwargs, args[3] if len(args) > 3 else None)

    return loads


class TimedCursor:
    """What ``SqliteSaver.cursor()`` returns: it waits for the lock, hands out a cursor, and commits at the end."""

    def __init__(self, call: Call, made: Any, waits: bool, commits: bool) -> None:
        self._call = call
        self._made = made
        self._waits = waits
        self._commits = commits
        self._elsewhere = 0
        self._began = 0

    def __enter__(self) -> Any:
        call = self._call
        began = perf_counter_ns()
        cursor = self._made.__enter__()
        self._began = perf_counter_ns()
        # The first time, it makes the tables.
        part = "waiting" if self._waits else "sqlite"
        setattr(call, part, (getattr(call, part) or 0) + self._began - began)
        self._elsewhere = call.elsewhere
        return cursor

    def __exit__(self, *exception: Any) -> Any:
        call = self._call
        ended = perf_counter_ns()
        call.sqlite = (call.sqlite or 0) + ended - self._began - (call.elsewhere - self._elsewhere)
        try:
            return self._made.__exit__(*exception)
        finally:
            if self._commits:
                call.commit = (call.commit or 0) + perf_counter_ns() - ended


def cursor(slot: Slot) -> Callable[..., Any]:
    """Of SqliteSaver. What happens between its two ends is statements, and the little Python between them."""

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = slot.inner(self, *args, **kwargs)
        call = current()
        if call is None:
            return made
        call.contended = False
        commits = bool(args[0] if args else kwargs.get("transaction", True))
        return TimedCursor(call, made, bool(getattr(self, "is_setup", False)), commits)

    return cursor


def fetch(slot: Slot) -> Callable[..., Any]:
    """Reads rows on a borrowed connection."""

    def fetch(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None:
            return slot.inner(*args, **kwargs)
        began = perf_counter_ns()
        call.first_work(began)
        try:
            return slot.inner(*args, **kwargs)
        finally:
            call.sqlite = (call.sqlite or 0) + perf_counter_ns() - began

    return fetch


def execute(slot: Slot) -> Callable[..., Any]:
    """``group_commit.execute``: the statements of all operations that wait, and their commit."""

    def execute(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None:
            return slot.inner(*args, **kwargs)
        began = perf_counter_ns()
        try:
            return slot.inner(*args, **kwargs)
        finally:
            call.sqlite_and_commit = (call.sqlite_and_commit or 0) + perf_counter_ns() - began

    return execute


class Committing:
    """A group commit as a call meets it: all that is not its own work on the database is waiting, for the lock or for
    somebody who has it and commits this call's rows with others.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._began = perf_counter_ns()
        call.first_work(self._began)
        call.committing = True
        self._before = call.sqlite_and_commit or 0

    def end(self) -> None:
        call = self._call
        own = (call.sqlite_and_commit or 0) - self._before
        call.waiting = (call.waiting or 0) + max(0, perf_counter_ns() - self._began - own)
        call.committing = False


def commit(slot: Slot) -> Callable[..., Any]:
    def commit(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None:
            return slot.inner(*args, **kwargs)
        call.contended = False
        committing = Committing(call)
        try:
            return slot.inner(*args, **kwargs)
        finally:
            committing.end()

    return commit


def async_commit(slot: Slot) -> Callable[..., Any]:
    async def commit(*args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None:
            return await slot.inner(*args, **kwargs)
        committing = Committing(call)
        try:
            return await slot.inner(*args, **kwargs)
        finally:
            committing.end()

    return commit


def hop(slot: Slot) -> Callable[..., Any]:
    """``aiosqlite.Connection._execute``, which calls a function on the connection's thread.

    The function's time is SQLite's. The rest of the hop is waiting, for that thread and for the loop.
    """

    async def _execute(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        call = current()
        if call is None:
            return await slot.inner(self, function, *args, **kwargs)
        took = 0

        def timed(*args: Any, **kwargs: Any) -> Any:
            nonlocal took
            call.uses(storage.file_of(self, getattr(self, "_connection", None)))
            began = perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took = perf_counter_ns() - began

        began = perf_counter_ns()
        call.first_work(began)
        try:
            return await slot.inner(self, timed, *args, **kwargs)
        finally:
            if behind(function) is behind(group_commit.execute):
                part = "sqlite_and_commit"
            else:
                part = "commit" if getattr(function, "__name__", "") == "commit" else "sqlite"
            setattr(call, part, (getattr(call, part) or 0) + took)
            if not call.committing:
                call.waiting = (call.waiting or 0) + max(0, perf_counter_ns() - began - took)

    return _execute
