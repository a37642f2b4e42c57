"""Runs an engine's requests for an event loop: one hand-over to a thread, one wake-up of the loop."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from fast_langgraph import _native


class Bridge:
    """The open requests of one event loop. The loop refers to it, and not the other way round."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._completions = _native.Completions()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count()
        loop.add_reader(self._completions.fileno(), self._collect)

    def _collect(self) -> None:
        for number, value, failed in self._completions.collect():
            future = self._waiting.pop(number)
            # A cancelled call has nobody to tell; what it has written stays written.
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
        """Waits while too much is queued to be kept in memory."""
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
    """The bridge of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _bridges.get(loop)
    if found is None:
        _forget_closed()
        found = _bridges[loop] = Bridge(loop)
    return found


def _forget_closed() -> None:
    """A loop closed with requests open is kept alive by their futures, so it must be removed here."""
    for reference in _bridges.keyrefs():
        loop = reference()
        if loop is not None and loop.is_closed():
            _bridges.pop(loop, None)


def forget() -> None:
    """In the child of a fork: the loops and the sockets they listen to are the parent's."""
    _bridges.clear()
