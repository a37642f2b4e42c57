"""Times what the savers' methods call: the serializer, locks, SQLite. Each does nothing outside a profiled call.

``fronts.place`` puts them before these functions: of stock's classes, of ours, and of aiosqlite's connection. What only
our own code calls is called without keywords. A front of Python's does no more than it must: its calls are what costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fast_langgraph._native import TimedCursor, Timers, clock
from fast_langgraph._profile.calls import COMMIT, CURRENT, SQLITE, SQLITE_AND_COMMIT
from fast_langgraph._profile.channels import encode_channels
from fast_langgraph._profile.storage import WATCH
from fast_langgraph._replacements.group_commit import execute
from fast_langgraph._shared.fronts import Slot

_get = CURRENT.get
_timers = Timers(CURRENT, encode_channels)


def dumps_typed(slot: Slot) -> Callable[..., Any]:
    """Of a serializer, ``dumps_typed(self, value)``, and of our codec, ``dumps(self, serializer, value)``."""
    at = 1 if slot.attribute == "dumps_typed" else 2
    encode = _timers.encode

    def dumps_typed(*args: Any, **kwargs: Any) -> Any:
        return encode(at, slot.inner, args, kwargs)

    return dumps_typed


def loads_typed(slot: Slot) -> Callable[..., Any]:
    """Of a serializer, ``loads_typed(self, (kind, data))``; of our codec, ``loads(self, serializer, kind, data)``."""
    at = 3 if slot.attribute == "loads" else 1
    decode = _timers.decode

    def loads_typed(*args: Any, **kwargs: Any) -> Any:
        return decode(at, slot.inner, args, kwargs)

    return loads_typed


def cursor(slot: Slot) -> Callable[..., Any]:
    """Of SqliteSaver. What happens between its two ends is statements, and the little Python between them."""

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = slot.inner(self, *args, **kwargs)
        call = _get()
        if call is None or call.is_over:
            return made
        commits = bool(args[0] if args else kwargs.get("transaction", True))
        return TimedCursor(call, made, bool(getattr(self, "is_setup", False)), commits)

    return cursor


def work(part: int) -> Callable[[Slot], Callable[..., Any]]:
    """Of a function that works on a borrowed connection, with the lock held."""

    def make(slot: Slot) -> Callable[..., Any]:
        time = _timers.work

        def timed(*args: Any) -> Any:
            return time(part, slot.inner, args)

        return timed

    return make


def commit(slot: Slot) -> Callable[..., Any]:
    """A group commit."""
    time = _timers.commit

    def commit(*args: Any) -> Any:
        return time(slot.inner, args)

    return commit


def async_commit(slot: Slot) -> Callable[..., Any]:
    """A group commit; before it, ``setup()`` may have waited for the lock."""

    async def commit(*args: Any) -> Any:
        call = _get()
        if call is None or (began := call.begin_commit(True)) is None:
            return await slot.inner(*args)
        try:
            return await slot.inner(*args)
        finally:
            call.end_commit(began)

    return commit


def hop(slot: Slot) -> Callable[..., Any]:
    """``aiosqlite.Connection._execute``, which calls a function on the connection's thread.

    The function's time is SQLite's. The rest of the hop is waiting, for that thread and for the loop.
    """

    uses = WATCH.uses

    async def _execute(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        call = _get()
        if call is None or (began := call.begin_work()) is None:
            return await slot.inner(self, function, *args, **kwargs)
        worked = 0.0

        def timed(*args: Any, **kwargs: Any) -> Any:
            nonlocal worked
            uses(call.told, self, getattr(self, "_connection", None))
            since = clock()
            try:
                return function(*args, **kwargs)
            finally:
                worked = clock() - since

        try:
            return await slot.inner(self, timed, *args, **kwargs)
        finally:
            if function is execute:
                part = SQLITE_AND_COMMIT
            else:
                part = COMMIT if getattr(function, "__name__", "") == "commit" else SQLITE
            call.end_hop(part, began, worked)

    return _execute
