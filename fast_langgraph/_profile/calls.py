"""One call of a saver's method while a profile is on, and the time of its parts."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Any, Protocol

from fast_langgraph._native import Blob
from fast_langgraph._profile import channels

#: the parts of a call, in the order in which they are shown
PARTS = ("encode", "decode", "waiting", "sqlite", "commit", "sqlite_and_commit", "engine", "rest")


class Sink(Protocol):
    """Who is told of calls."""

    def began(self, now: int) -> None:
        """A call goes on from here."""

    def paused(self, now: int) -> None:
        """It does not go on for now: it is over, or its caller looks at what it has listed so far."""

    def uses(self, path: str) -> None:
        """A call is about to use this file."""

    def ended(self, call: Call) -> None: ...


class Call:
    """A call that goes on. Times are in nanoseconds; None where nothing was measured."""

    __slots__ = (
        "away",
        "began",
        "bytes",
        "checkpoint",
        "coding",
        "commit",
        "committing",
        "contended",
        "decode",
        "encode",
        "ended",
        "error",
        "is_open",
        "operation",
        "overhead",
        "sampler",
        "saver",
        "sinks",
        "sizes",
        "sqlite",
        "sqlite_and_commit",
        "times",
        "waiting",
        "writes",
        "written",
    )

    def __init__(
        self, saver: str, operation: str, sinks: tuple[Sink, ...], sampler: channels.Sampler, contended: bool
    ) -> None:
        self.saver = saver
        self.operation = operation
        self.sinks = sinks
        self.sampler = sampler
        #: whether the saver's lock was taken as the call began, until the first work on the database
        self.contended = contended
        self.encode: int | None = None
        self.decode: int | None = None
        self.waiting: int | None = None
        self.sqlite: int | None = None
        self.commit: int | None = None
        self.sqlite_and_commit: int | None = None
        #: what was encoded or decoded
        self.bytes: int | None = None
        #: the name of the class of the exception that ended it
        self.error = ""
        self.is_open = True
        #: inside the serializer, which may call itself
        self.coding = False
        #: inside a group commit, which measures its own waiting
        self.committing = False
        #: while the caller looks at what was listed so far
        self.away = 0
        #: what measuring itself took
        self.overhead = 0
        #: what ``put`` stores, and of it by channel the bytes, and the time to encode each alone
        self.checkpoint: Any = None
        self.sizes: list[tuple[str, int]] | None = None
        self.times: dict[str, int] | None = None
        #: what ``put_writes`` stores, and of each the bytes and the time
        self.writes: Any = None
        self.written: list[tuple[int, int]] = []
        self.began = self.ended = perf_counter_ns()

    @property
    def took(self) -> int:
        """Without what the caller did between two of what was listed, and without measuring."""
        return max(0, self.ended - self.began - self.away - self.overhead)

    @property
    def elsewhere(self) -> int:
        """Time that is counted already, or not to be counted."""
        return (self.encode or 0) + (self.decode or 0) + self.away + self.overhead

    def parts(self) -> dict[str, int | None]:
        """What a call of a RustSQLiteCheckpointer does after encoding and before decoding is all its engine's."""
        found: dict[str, int | None] = {name: getattr(self, name) for name in PARTS[:6]}
        left = max(0, self.took - sum(part or 0 for part in found.values()))
        is_engine = self.saver == "RustSQLiteCheckpointer"
        return {**found, "engine": left if is_engine else None, "rest": None if is_engine else left}

    def first_work(self, now: int) -> None:
        """Work on the database begins: if the lock was taken, the call has waited for it until now."""
        if self.contended:
            self.waiting = (self.waiting or 0) + max(0, now - self.began - self.elsewhere)
            self.contended = False

    def encoded(self, code: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> Any:
        """Calls ``code``, which encodes ``value``."""
        self.coding = True
        began = perf_counter_ns()
        try:
            encoded = code(*args, **kwargs)
            took = perf_counter_ns() - began
            self.encode = (self.encode or 0) + took
            size = _size(encoded[1]) if type(encoded) is tuple and len(encoded) == 2 else 0
            self.bytes = (self.bytes or 0) + size
            if self.writes is not None:
                self.written.append((size, took))
            elif value is self.checkpoint and value is not None:
                self._sample(code, args, encoded)
        finally:
            self.coding = False
        return encoded

    def _sample(self, code: Callable[..., Any], args: tuple[Any, ...], encoded: Any) -> None:
        """Looks which channel takes how much, if this put is one of the sample."""
        began = perf_counter_ns()
        if self.sampler.is_due(began):
            self.sizes = channels.sizes(encoded)
            if self.sampler.encodes:
                self.times = channels.times(lambda value: code(*args[:-1], value), self.checkpoint)
            took = perf_counter_ns() - began
            self.sampler.took(took)
            self.overhead += took

    def decoded(self, code: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], data: Any) -> Any:
        """Calls ``code``, which decodes ``data``."""
        self.coding = True
        self.bytes = (self.bytes or 0) + _size(data)
        began = perf_counter_ns()
        try:
            return code(*args, **kwargs)
        finally:
            self.decode = (self.decode or 0) + perf_counter_ns() - began
            self.coding = False

    def uses(self, path: str | None) -> None:
        if path:
            for sink in self.sinks:
                sink.uses(path)

    def end(self, error: BaseException | None) -> None:
        self.is_open = False
        self.error = "" if error is None else type(error).__name__
        for sink in self.sinks:
            sink.ended(self)


def _size(data: Any) -> int:
    return len(data) if isinstance(data, (bytes, bytearray, Blob)) else 0


CURRENT: ContextVar[Call | None] = ContextVar("fast_langgraph profiled call", default=None)


def current() -> Call | None:
    """The call that this code is part of, if one is being profiled."""
    call = CURRENT.get()
    return call if call is not None and call.is_open else None
