"""A saver that hands each call, with the same objects, to stock and to ours under one lock.

Stock differs from stock from run to run (ids and times by chance, messages changed in place while
another thread encodes them), so two runs can't be compared; the two halves of one run can.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from copy import deepcopy
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

import fast_langgraph
from beside_stock.equality import difference
from beside_stock.outcomes import error_difference


def _without_place(error: Any) -> Any:
    """Without the note that says where in the state the value lies: the error itself is stock's."""
    notes = vars(error).get("__notes__", []) if error is not None else []
    notes[:] = [note for note in notes if not note.startswith("in channel ")]
    if error is not None and not notes:
        vars(error).pop("__notes__", None)
    return error


class _Both(BaseCheckpointSaver):
    """What the sync and the async tee have in common."""

    def __init__(self, stock: Any, ours: Any) -> None:
        super().__init__(serde=stock.serde)
        self.stock, self.ours = stock, ours
        self.calls: list[str] = []
        self.differences: list[str] = []

    def get_next_version(self, current: Any, channel: Any) -> Any:
        return self.stock.get_next_version(current, channel)

    def compare(self, what: str, stock: tuple[Any, Any], ours: tuple[Any, Any]) -> Any:
        """Ours, after it was compared with stock's."""
        self.calls.append(what)
        is_checkpointer = isinstance(self.ours, fast_langgraph.RustSQLiteCheckpointer)
        found = error_difference(stock[1], _without_place(ours[1]) if is_checkpointer else ours[1])
        if found is None and stock[1] is None:
            returned = ours[0]
            if what.endswith("delete_thread") and is_checkpointer:
                # It says what it has removed, where stock says nothing.
                assert isinstance(returned, fast_langgraph.MaintenanceResult)
                returned = None
            found = difference(stock[0], returned)
        if found is not None:
            self.differences.append(f"{what}: {found}")
        if ours[1] is not None:
            raise ours[1]
        return ours[0]


class Tee(_Both):
    """Over two SqliteSavers."""

    def __init__(self, stock: Any, ours: Any) -> None:
        super().__init__(stock, ours)
        self.together = threading.RLock()

    def both(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with self.together:
            with fast_langgraph.disabled():
                stock = _tried(lambda: _whole(getattr(self.stock, name)(*args, **kwargs)))
            ours = _tried(lambda: _whole(getattr(self.ours, name)(*args, **kwargs)))
            return self.compare(name, stock, ours)

    def get_tuple(self, config: Any) -> Any:
        return self.both("get_tuple", config)

    def list(self, config: Any, **kwargs: Any) -> Iterator[Any]:
        yield from self.both("list", config, **kwargs)

    # What is put may go on changing while the first half waits: both get what it was at the call.
    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        return self.both("put", config, *deepcopy((checkpoint, metadata, new_versions)))

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        self.both("put_writes", config, deepcopy(writes), task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        self.both("delete_thread", thread_id)

    def get_delta_channel_history(self, **kwargs: Any) -> Any:
        return self.both("get_delta_channel_history", **kwargs)


class AsyncTee(_Both):
    """Over two AsyncSqliteSavers. A thread's lock would block the loop, so the loop is the lock."""

    def __init__(self, stock: Any, ours: Any) -> None:
        import asyncio

        super().__init__(stock, ours)
        self.together = asyncio.Lock()

    async def both(self, name: str, *args: Any, **kwargs: Any) -> Any:
        async with self.together:
            with fast_langgraph.disabled():
                stock = await _atried(lambda: getattr(self.stock, name)(*args, **kwargs))
            ours = await _atried(lambda: getattr(self.ours, name)(*args, **kwargs))
            return self.compare(name, stock, ours)

    async def aget_tuple(self, config: Any) -> Any:
        return await self.both("aget_tuple", config)

    async def alist(self, config: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async def whole(saver: Any) -> Any:
            return [found async for found in saver.alist(config, **kwargs)]

        async with self.together:
            with fast_langgraph.disabled():
                stock = await _atried(lambda: whole(self.stock))
            ours = await _atried(lambda: whole(self.ours))
            listed = self.compare("alist", stock, ours)
        for found in listed:
            yield found

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        return await self.both("aput", config, *deepcopy((checkpoint, metadata, new_versions)))

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        await self.both("aput_writes", config, deepcopy(writes), task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        await self.both("adelete_thread", thread_id)

    async def aget_delta_channel_history(self, **kwargs: Any) -> Any:
        return await self.both("aget_delta_channel_history", **kwargs)


def _tried(call: Callable[[], Any]) -> tuple[Any, Any]:
    try:
        return call(), None
    except Exception as error:
        return None, error


async def _atried(call: Callable[[], Awaitable[Any]]) -> tuple[Any, Any]:
    try:
        return await call(), None
    except Exception as error:
        return None, error


def _whole(value: Any) -> Any:
    return list(value) if isinstance(value, Iterator) else value
