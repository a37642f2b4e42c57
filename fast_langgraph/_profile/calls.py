"""One call of a saver's method while a profile is on, and the time of its parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol

from fast_langgraph._profile import channels
from fast_langgraph._profile.channels import Sampler

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
    """A call that goes on. Times are in seconds.

    Every attribute is set at once: to look one up on the class that an object does not have takes ten times as long.
    """

    __slots__ = (
        "away",
        "began",
        "bytes",
        "checkpoint",
        "coding",
        "committing",
        "contended",
        "elsewhere",
        "ended",
        "error",
        "is_open",
        "method",
        "overhead",
        "parts",
        "sampler",
        "sinks",
        "sizes",
        "times",
        "writes",
        "written",
    )

    def __init__(self, method: tuple[str, str], sinks: tuple[Sink, ...]) -> None:
        #: the saver's class and the method
        self.method = method
        self.sinks = sinks
        self.began = self.ended = 0.0
        #: by name, of those in ``MEASURED`` that it has
        self.parts: dict[str, float] = {}
        #: what was encoded or decoded
        self.bytes: int | None = None
        #: the name of the class of the exception that ended it
        self.error = ""
        self.is_open = True
        #: whether the saver's lock was taken as the call began, until the first work on the database
        self.contended = False
        #: inside the serializer, which may call itself
        self.coding = False
        #: inside a group commit, which measures its own waiting
        self.committing = False
        #: while the caller looks at what was listed so far; what measuring itself took
        self.away = self.overhead = 0.0
        #: these two, and encoding and decoding: time that is counted already, or not to be counted
        self.elsewhere = 0.0
        #: what ``put`` stores, until the call is over; of it by channel the bytes, and the time to encode each alone
        self.checkpoint: Any = None
        self.sampler: Sampler | None = None
        self.sizes: list[tuple[str, int]] | None = None
        self.times: dict[str, float] | None = None
        #: what ``put_writes`` stores, the names of its channels when the call is over; of each the bytes and the time
        self.writes: Any = None
        self.written: list[tuple[int, float]] | None = None

    @property
    def took(self) -> float:
        """Without what the caller did between two of what was listed, and without measuring."""
        return self.ended - self.began - self.away - self.overhead

    def add(self, part: str, seconds: float) -> None:
        self.parts[part] = self.parts.get(part, 0.0) + seconds

    def waited(self, began: float, before: float) -> None:
        """In a group commit, which has done the call's own work on the database since it was ``before``."""
        self.add("waiting", perf_counter() - began - (self.parts.get("sqlite_and_commit", 0.0) - before))

    def first_work(self, now: float) -> None:
        """Work on the database begins: if the lock was taken, the call has waited for it until now."""
        if self.contended:
            self.add("waiting", max(0.0, now - self.began - self.elsewhere))
            self.contended = False

    def sample(self, sampler: Sampler, encode: Callable[[Any], Any], encoded: Any) -> None:
        """Looks which channel takes how much."""
        began = perf_counter()
        self.sizes = channels.sizes(encoded)
        if sampler.encodes:
            self.times = channels.times(encode, self.checkpoint)
        took = perf_counter() - began
        sampler.took(took)
        self.overhead += took
        self.elsewhere += took

    def finish(self) -> None:
        """The call is over. Nothing of the app's is kept alive from now on."""
        self.is_open = False
        self.checkpoint = None
        if self.written is not None:
            self.writes = _names(self.writes)
        for sink in self.sinks:
            sink.ended(self)


def _names(writes: Any) -> list[str]:
    """Of the channels in what ``put_writes`` was given."""
    if not isinstance(writes, (list, tuple, deque)):
        return []  # looking at it might run the app's code
    return [
        write[0] if type(write[0]) is str else type(write[0]).__name__
        for write in writes
        if type(write) in (tuple, list) and write
    ]


CURRENT: ContextVar[Call | None] = ContextVar("fast_langgraph profiled call", default=None)
