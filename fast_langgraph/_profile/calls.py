"""One call of a saver's method while a profile is on, and the time of its parts."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol

from fast_langgraph._profile import channels

#: the parts of a call that are measured
MEASURED = ("encode", "decode", "waiting", "sqlite", "commit", "sqlite_and_commit")


class Sink(Protocol):
    """Who is told of calls."""

    def began(self, now: float) -> None:
        """A call goes on from here."""

    def paused(self, now: float) -> None:
        """It does not go on for now: its caller looks at what it has listed so far."""

    def uses(self, path: str) -> None:
        """A call is about to use this file."""

    def ended(self, call: Call) -> None:
        """It is over, and does not go on any more."""


class Call:
    """A call that goes on. Times are in seconds; None where nothing was measured.

    What most calls do not have is set on the class alone: a call costs no more than it must.
    """

    began = 0.0
    ended = 0.0
    encode: float | None = None
    decode: float | None = None
    waiting: float | None = None
    sqlite: float | None = None
    commit: float | None = None
    sqlite_and_commit: float | None = None
    #: what was encoded or decoded
    bytes: int | None = None
    #: the name of the class of the exception that ended it
    error = ""
    is_open = True
    #: whether the saver's lock was taken as the call began, until the first work on the database
    contended = False
    #: inside the serializer, which may call itself
    coding = False
    #: inside a group commit, which measures its own waiting
    committing = False
    #: while the caller looks at what was listed so far
    away = 0.0
    #: what measuring itself took
    overhead = 0.0
    #: what ``put`` stores, until it is encoded; and of it by channel the bytes, and the time to encode each alone
    checkpoint: Any = None
    sampler: channels.Sampler | None = None
    sizes: list[tuple[str, int]] | None = None
    times: dict[str, float] | None = None
    #: what ``put_writes`` stores, and of each the bytes and the time
    writes: Any = None
    written: list[tuple[int, float]] | None = None

    def __init__(self, method: tuple[str, str], sinks: tuple[Sink, ...]) -> None:
        #: the saver's class and the method
        self.method = method
        self.sinks = sinks

    @property
    def took(self) -> float:
        """Without what the caller did between two of what was listed, and without measuring."""
        return self.ended - self.began - self.away - self.overhead

    @property
    def elsewhere(self) -> float:
        """Time that is counted already, or not to be counted."""
        return (self.encode or 0) + (self.decode or 0) + self.away + self.overhead

    def first_work(self, now: float) -> None:
        """Work on the database begins: if the lock was taken, the call has waited for it until now."""
        if self.contended:
            self.waiting = (self.waiting or 0) + max(0.0, now - self.began - self.elsewhere)
            self.contended = False

    def sample(self, sampler: channels.Sampler, encode: Callable[[Any], Any], encoded: Any) -> None:
        """Looks which channel takes how much."""
        began = perf_counter()
        self.sizes = channels.sizes(encoded)
        if sampler.encodes:
            self.times = channels.times(encode, self.checkpoint)
        took = perf_counter() - began
        sampler.took(took)
        self.overhead += took

    def uses(self, path: str | None) -> None:
        if path:
            for sink in self.sinks:
                sink.uses(path)


CURRENT: ContextVar[Call | None] = ContextVar("fast_langgraph profiled call", default=None)


def current() -> Call | None:
    """The call that this code is part of, if one is being profiled."""
    call = CURRENT.get()
    return call if call is not None and call.is_open else None
