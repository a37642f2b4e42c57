"""Asking an engine from an event loop: one hand-over to a thread, one wake-up of the loop."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from fast_langgraph import _native


class Bridge:
    """What one loop has asked for. It holds no reference to its loop, which holds it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._completions = _native.Completions()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count()
        loop.add_reader(self._completions.fileno(), self._collect)

    def _collect(self) -> None:
        for number, value, failed in self._completions.collect():
            future = self._waiting.pop(number)
            # One that was cancelled has nobody to tell; what was written for it is written.
            if future.done():
                continue
            if failed:
                future.set_exception(value)
            else:
                future.set_result(value)

    def _expect(self) -> tuple[int, asyncio.Future[Any]]:
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        return number, future

    def ask(self, engine: _native.Engine, request: _native.Request) -> asyncio.Future[Any]:
        number, future = self._expect()
        engine.start(request, self._completions, number)
        return future

    async def room(self, engine: _native.Engine) -> None:
        """Waits while more is queued than should be in memory at once."""
        while engine.is_crowded:
            number, future = self._expect()
            engine.tell_of_room(self._completions, number)
            await future

    def close(self, engine: _native.Engine) -> asyncio.Future[Any]:
        number, future = self._expect()
        engine.start_close(self._completions, number)
        return future


_bridges: WeakKeyDictionary[asyncio.AbstractEventLoop, Bridge] = WeakKeyDictionary()


def bridge() -> Bridge:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    found = _bridges.get(loop)
    if found is None:
        _forget_closed()
        found = _bridges[loop] = Bridge(loop)
    return found


def _forget_closed() -> None:
    """A loop that was closed with something under way is referred to by its future, and never goes by itself."""
    for reference in _bridges.keyrefs():
        loop = reference()
        if loop is not None and loop.is_closed():
            _bridges.pop(loop, None)


def forget() -> None:
    """In the child of a fork: the loops, and the sockets they listen to, are the parent's."""
    _bridges.clear()
