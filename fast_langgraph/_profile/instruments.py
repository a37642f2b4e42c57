"""What is put before the methods of a saver's class: each call of the app's becomes a ``Call``."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from time import perf_counter
from typing import Any

from fast_langgraph._profile.calls import CURRENT, Call, Sink
from fast_langgraph._profile.channels import Sampler
from fast_langgraph._profile.storage import watch
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
_get = CURRENT.get
_set = CURRENT.set


def front(slot: Slot) -> Callable[..., Any]:
    """Of a method in ``METHODS``."""
    if slot.attribute == "list":
        return _listing(slot)
    if slot.attribute == "alist":
        return _async_listing(slot)
    return _async_method(slot) if slot.attribute in ASYNC else _method(slot)


def _begun(slot: Slot) -> Callable[[tuple[Any, ...], dict[str, Any]], Call | None]:
    """Makes the call of a method; None if nobody wants to know of it, or if it is part of another call."""
    method = slot.owner.__name__, slot.attribute
    is_put, is_put_writes = slot.attribute in ("put", "aput"), slot.attribute in ("put_writes", "aput_writes")
    is_engine, is_async = method[0] == "RustSQLiteCheckpointer", method[0] == "AsyncSqliteSaver"

    def begun(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        sinks = ACTIVE.sinks
        around = _get()
        if not sinks or not args or (around is not None and around.is_open):
            return None
        saver = args[0]
        call = Call(method, sinks)
        if is_put:
            call.checkpoint = args[2] if len(args) > 2 else kwargs.get("checkpoint")
            call.sampler = ACTIVE.sampler
        elif is_put_writes:
            call.writes = args[2] if len(args) > 2 else kwargs.get("writes")
            call.written = []
        # The file is looked for before the call begins.
        if is_engine:
            watch(call, saver, getattr(saver, "path", None))
            return call
        locked = getattr(getattr(saver, "lock", None), "locked", None)
        call.contended = locked is not None and locked()
        if not is_async:
            watch(call, saver, getattr(saver, "conn", None))
        return call

    return begun


def _enter(call: Call) -> Token[Call | None]:
    """What follows, up to ``_pause`` or ``_end``, is part of the call."""
    token = _set(call)
    now = perf_counter()
    if call.ended:
        call.away += now - call.ended
        call.elsewhere += now - call.ended
    else:
        call.began = now
    for sink in call.sinks:
        sink.began(now)
    return token


def _pause(call: Call, token: Token[Call | None]) -> None:
    now = call.ended = perf_counter()
    CURRENT.reset(token)
    for sink in call.sinks:
        sink.paused(now)


def _end(call: Call, token: Token[Call | None]) -> None:
    call.ended = perf_counter()
    CURRENT.reset(token)
    call.finish()


def _method(slot: Slot) -> Callable[..., Any]:
    begun = _begun(slot)

    def method(*args: Any, **kwargs: Any) -> Any:
        call = begun(args, kwargs)
        if call is None:
            return slot.inner(*args, **kwargs)
        token = _enter(call)
        try:
            return slot.inner(*args, **kwargs)
        except BaseException as error:
            call.error = type(error).__name__
            raise
        finally:
            _end(call, token)

    return method


def _async_method(slot: Slot) -> Callable[..., Any]:
    begun = _begun(slot)

    async def method(*args: Any, **kwargs: Any) -> Any:
        call = begun(args, kwargs)
        if call is None:
            return await slot.inner(*args, **kwargs)
        token = _enter(call)
        try:
            return await slot.inner(*args, **kwargs)
        except BaseException as error:
            call.error = type(error).__name__
            raise
        finally:
            _end(call, token)

    return method


class _Step:
    """``with``: one step of a listing. Between two steps the caller looks at what was listed."""

    def __init__(self, call: Call | None) -> None:
        self._call = call
        self._token: Token[Call | None] | None = None

    def __enter__(self) -> None:
        if self._call is not None:
            self._token = _enter(self._call)

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if self._call is not None and self._token is not None:
            if kind is not None and not issubclass(kind, (StopIteration, StopAsyncIteration)):
                self._call.error = kind.__name__
            _pause(self._call, self._token)


def _listed(call: Call | None) -> None:
    """The listing is over: it has ended, failed, or is not looked at any more."""
    if call is not None and call.is_open:
        for sink in call.sinks:
            sink.began(call.ended)
        call.finish()


def _listing(slot: Slot) -> Callable[..., Any]:
    begun = _begun(slot)

    def method(*args: Any, **kwargs: Any) -> Any:
        call = begun(args, kwargs)
        listed = slot.inner(*args, **kwargs)
        try:
            step: Callable[..., Any] = listed.__next__
            thrown: tuple[BaseException, ...] = ()
            while True:
                try:
                    with _Step(call):
                        found = step(*thrown)
                except StopIteration as end:
                    return end.value
                try:
                    yield found
                except GeneratorExit:
                    with _Step(call):
                        listed.close()
                    raise
                except BaseException as error:
                    step, thrown = listed.throw, (error,)
                else:
                    step, thrown = listed.__next__, ()
        finally:
            _listed(call)

    return method


def _async_listing(slot: Slot) -> Callable[..., Any]:
    begun = _begun(slot)

    async def method(*args: Any, **kwargs: Any) -> Any:
        call = begun(args, kwargs)
        listed = slot.inner(*args, **kwargs)
        try:
            step: Callable[..., Any] = listed.__anext__
            thrown: tuple[BaseException, ...] = ()
            while True:
                try:
                    with _Step(call):
                        found = await step(*thrown)
                except StopAsyncIteration:
                    return
                try:
                    yield found
                except GeneratorExit:
                    with _Step(call):
                        await listed.aclose()
                    raise
                except BaseException as error:
                    step, thrown = listed.athrow, (error,)
                else:
                    step, thrown = listed.__anext__, ()
        finally:
            _listed(call)

    return method
