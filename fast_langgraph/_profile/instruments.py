"""What is put before the methods of a saver's class: each call of the app's becomes a ``Call``."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from fast_langgraph._profile import storage
from fast_langgraph._profile.calls import CURRENT, Call, Sink, current
from fast_langgraph._profile.channels import Sampler
from fast_langgraph._shared.fronts import Slot

SYNC = ("put", "put_writes", "get_tuple", "list", "delete_thread", "get_delta_channel_history")
ASYNC = tuple(f"a{name}" for name in SYNC)
#: by class; SqliteSaver's async methods only say that it has none
METHODS = {
    "SqliteSaver": SYNC,
    "AsyncSqliteSaver": (*SYNC, *ASYNC),
    "RustSQLiteCheckpointer": (*SYNC, *ASYNC),
}


class Active:
    """Who is told of calls that begin now."""

    def __init__(self) -> None:
        self.sinks: tuple[Sink, ...] = ()
        self.sampler = Sampler()


ACTIVE = Active()


def front(slot: Slot) -> Callable[..., Any]:
    """Of a method in ``METHODS``."""
    if slot.attribute == "list":
        return _listing(slot)
    if slot.attribute == "alist":
        return _async_listing(slot)
    return _async_method(slot) if slot.attribute in ASYNC else _method(slot)


def _begun(slot: Slot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """None if nobody wants to know, or if it is part of another call."""
    sinks = ACTIVE.sinks
    if not sinks or not args or current() is not None:
        return None
    saver, name = args[0], slot.owner.__name__
    lock = getattr(saver, "lock", None) if name != "RustSQLiteCheckpointer" else None
    locked = getattr(lock, "locked", None)
    call = Call(name, slot.attribute, sinks, ACTIVE.sampler, locked is not None and bool(locked()))
    if slot.attribute in ("put", "aput"):
        call.checkpoint = args[2] if len(args) > 2 else kwargs.get("checkpoint")
    elif slot.attribute in ("put_writes", "aput_writes"):
        call.writes = args[2] if len(args) > 2 else kwargs.get("writes")
    if name == "SqliteSaver":
        call.uses(storage.file_of(saver, getattr(saver, "conn", None)))
    elif name == "RustSQLiteCheckpointer" and saver.path != ":memory:":
        call.uses(saver.path)
    # Looking for the file is not part of the call.
    call.began = perf_counter_ns()
    return call


class _Running:
    """``with``: the code in it is part of the call."""

    __slots__ = ("_call", "_token")

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        self._token = CURRENT.set(self._call)
        now = perf_counter_ns()
        if self._call.ended > self._call.began:
            self._call.away += now - self._call.ended
        for sink in self._call.sinks:
            sink.began(now)

    def __exit__(self, *exception: object) -> None:
        now = self._call.ended = perf_counter_ns()
        CURRENT.reset(self._token)
        for sink in self._call.sinks:
            sink.paused(now)


def _method(slot: Slot) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        call = _begun(slot, args, kwargs)
        if call is None:
            return slot.inner(*args, **kwargs)
        try:
            with _Running(call):
                result = slot.inner(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return method


def _async_method(slot: Slot) -> Callable[..., Any]:
    async def method(*args: Any, **kwargs: Any) -> Any:
        call = _begun(slot, args, kwargs)
        if call is None:
            return await slot.inner(*args, **kwargs)
        try:
            with _Running(call):
                result = await slot.inner(*args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return method


def _listing(slot: Slot) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        call = _begun(slot, args, kwargs)
        listed = slot.inner(*args, **kwargs)
        if call is None:
            return (yield from listed)
        error: BaseException | None = None
        try:
            step, sent = listed.__next__, ()
            while True:
                try:
                    with _Running(call):
                        found = step(*sent)
                except StopIteration as end:
                    return end.value
                try:
                    yield found
                except GeneratorExit:
                    with _Running(call):
                        listed.close()
                    raise
                except BaseException as thrown:
                    step, sent = listed.throw, (thrown,)
                else:
                    step, sent = listed.__next__, ()
        except GeneratorExit:
            raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            call.end(error)
            del error

    return method


def _async_listing(slot: Slot) -> Callable[..., Any]:
    async def method(*args: Any, **kwargs: Any) -> Any:
        call = _begun(slot, args, kwargs)
        listed = slot.inner(*args, **kwargs)
        error: BaseException | None = None
        try:
            step, sent = listed.__anext__, ()
            while True:
                try:
                    if call is None:
                        found = await step(*sent)
                    else:
                        with _Running(call):
                            found = await step(*sent)
                except StopAsyncIteration:
                    return
                try:
                    yield found
                except GeneratorExit:
                    raise
                except BaseException as thrown:
                    step, sent = listed.athrow, (thrown,)
                else:
                    step, sent = listed.__anext__, ()
        except GeneratorExit:
            await listed.aclose()
            raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            if call is not None:
                call.end(error)
            del error

    return method
