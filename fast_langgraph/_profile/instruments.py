"""What is put before the methods of a saver's class: each call of the app's becomes a ``Call``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from fast_langgraph._native import Call, Method, Sampler, Tally
from fast_langgraph._profile.calls import CURRENT
from fast_langgraph._profile.channels import BUDGET
from fast_langgraph._profile.storage import WATCH
from fast_langgraph._shared.fronts import Slot

SYNC = ("put", "put_writes", "get_tuple", "list", "delete_thread", "get_delta_channel_history")
ASYNC = tuple(f"a{name}" for name in SYNC)
#: by class; SqliteSaver's async methods only say that it has none
METHODS = {
    "SqliteSaver": SYNC,
    "AsyncSqliteSaver": (*SYNC, *ASYNC),
    "RustSQLiteCheckpointer": (*SYNC, *ASYNC),
}


class Teller(Protocol):
    """Who is told of calls that are over, as a tally is told of all of them."""

    def ended(self, call: Call) -> None: ...


class Active:
    """Who is told of calls that begin now."""

    def __init__(self) -> None:
        self.told: tuple[Tally | Teller, ...] = ()
        self.sampler = Sampler(BUDGET)


ACTIVE = Active()


def front(slot: Slot) -> Callable[..., Any]:
    """Of a method in ``METHODS``."""
    if slot.attribute == "list":
        return _listing(slot)
    if slot.attribute == "alist":
        return _async_listing(slot)
    return _async_method(slot) if slot.attribute in ASYNC else _method(slot)


def _of(slot: Slot) -> Method:
    saver = slot.owner.__name__
    # The file of an aiosqlite connection can be asked for on its own thread alone.
    file = {"SqliteSaver": "conn", "RustSQLiteCheckpointer": "path"}.get(saver)
    return Method(saver, slot.attribute, CURRENT, file, WATCH)


def _method(slot: Slot) -> Callable[..., Any]:
    run = _of(slot).run

    def method(*args: Any, **kwargs: Any) -> Any:
        return run(ACTIVE.told, ACTIVE.sampler, slot.inner, args, kwargs)

    return method


def _async_method(slot: Slot) -> Callable[..., Any]:
    profiled = _of(slot)
    begun, enter, end = profiled.begun, profiled.enter, profiled.end

    async def method(*args: Any, **kwargs: Any) -> Any:
        call = begun(ACTIVE.told, ACTIVE.sampler, args, kwargs)
        if call is None:
            return await slot.inner(*args, **kwargs)
        enter(call)
        try:
            return await slot.inner(*args, **kwargs)
        except BaseException as error:
            call.failed(type(error).__name__)
            raise
        finally:
            end(call)

    return method


class _Step:
    """``with``: one step of a listing. Between two steps the caller looks at what was listed."""

    def __init__(self, method: Method, call: Call | None) -> None:
        self._method = method
        self._call = call

    def __enter__(self) -> None:
        if self._call is not None:
            self._method.enter(self._call)

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if self._call is not None:
            if kind is not None and not issubclass(kind, (StopIteration, StopAsyncIteration)):
                self._call.failed(kind.__name__)
            self._method.pause(self._call)


def _listing(slot: Slot) -> Callable[..., Any]:
    profiled = _of(slot)

    def method(*args: Any, **kwargs: Any) -> Any:
        call = profiled.begun(ACTIVE.told, ACTIVE.sampler, args, kwargs)
        listed = slot.inner(*args, **kwargs)
        try:
            step: Callable[..., Any] = listed.__next__
            thrown: tuple[BaseException, ...] = ()
            while True:
                try:
                    with _Step(profiled, call):
                        found = step(*thrown)
                except StopIteration as end:
                    return end.value
                try:
                    yield found
                except GeneratorExit:
                    with _Step(profiled, call):
                        listed.close()
                    raise
                except BaseException as error:
                    step, thrown = listed.throw, (error,)
                else:
                    step, thrown = listed.__next__, ()
        finally:
            if call is not None:
                profiled.end_paused(call)

    return method


def _async_listing(slot: Slot) -> Callable[..., Any]:
    profiled = _of(slot)

    async def method(*args: Any, **kwargs: Any) -> Any:
        call = profiled.begun(ACTIVE.told, ACTIVE.sampler, args, kwargs)
        listed = slot.inner(*args, **kwargs)
        try:
            step: Callable[..., Any] = listed.__anext__
            thrown: tuple[BaseException, ...] = ()
            while True:
                try:
                    with _Step(profiled, call):
                        found = await step(*thrown)
                except StopAsyncIteration:
                    return
                try:
                    yield found
                except GeneratorExit:
                    with _Step(profiled, call):
                        await listed.aclose()
                    raise
                except BaseException as error:
                    step, thrown = listed.athrow, (error,)
                else:
                    step, thrown = listed.__anext__, ()
        finally:
            if call is not None:
                profiled.end_paused(call)

    return method
