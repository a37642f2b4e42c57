"""Adds up the calls of one profile."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable
from threading import RLock
from time import perf_counter

from fast_langgraph._profile.calls import MEASURED, Call
from fast_langgraph._profile.channels import Channels
from fast_langgraph._profile.durations import Durations
from fast_langgraph._profile.findings import Channel, File, Operation, Site
from fast_langgraph._profile.report import Profile
from fast_langgraph._profile.storage import Files, sizes
from fast_langgraph._shared.counts import counts_of
from fast_langgraph._shared.stock_classes import SITES

#: how much is added up together: code that was just used runs faster
TOGETHER = 1024
#: how many points the curve of the checkpoints' bytes has at most
POINTS = 256


class Totals:
    """All calls of one method of one saver."""

    def __init__(self) -> None:
        self.durations = Durations()
        self.errors: dict[str, int] = {}
        self.bytes: int | None = None
        self.parts: dict[str, float] = {}

    def add(self, call: Call) -> None:
        self.durations.add(call.ended - call.began - call.away - call.overhead)
        parts = self.parts
        for name, seconds in call.parts.items():
            parts[name] = parts.get(name, 0.0) + seconds
        if call.bytes is not None:
            self.bytes = call.bytes + (self.bytes or 0)
        if call.error:
            self.errors[call.error] = self.errors.get(call.error, 0) + 1

    def all_parts(self, saver: str) -> dict[str, float | None]:
        """What a RustSQLiteCheckpointer neither encodes nor decodes is its engine's."""
        left = max(0.0, self.durations.total - sum(self.parts.values()))
        is_engine = saver == "RustSQLiteCheckpointer"
        found: dict[str, float | None] = {name: self.parts.get(name) for name in MEASURED}
        return {**found, "engine": left if is_engine else None, "rest": None if is_engine else left}


class Curve:
    """A number for each put, thinned out to a bounded number of means."""

    def __init__(self) -> None:
        self.points: list[float] = []
        self.each = 1
        self._sum = 0
        self._count = 0

    def add(self, value: int) -> None:
        self._sum += value
        self._count += 1
        if self._count == self.each:
            self.points.append(self._sum / self._count)
            self._sum = self._count = 0
            if len(self.points) == POINTS:
                self.points = [
                    (one + other) / 2 for one, other in zip(self.points[::2], self.points[1::2], strict=True)
                ]
                self.each *= 2


class Recorder:
    """Safe from any thread, and from a signal handler that makes a call while a call is recorded: what is told of is
    put into a queue, and whoever has made it long adds all of it up.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.totals: dict[tuple[str, str], Totals] = {}
        self.channels = Channels()
        self.files = Files()
        self.curve = Curve()
        self.is_open = True
        #: that a call began, a float; that it paused, a float in a tuple; that it ended, the call
        self._told: deque[float | tuple[float] | Call] = deque()
        self.began: Callable[[float], None] = self._told.append
        self._adds_up = False
        self._running = 0
        self._busy = 0.0
        self._busy_since = 0.0
        self._overhead = 0.0
        self._counts_before = _counts()
        self._began = perf_counter()
        self._ended = 0.0
        _open.add(self)

    def paused(self, now: float) -> None:
        self._told.append((now,))

    def uses(self, path: str) -> None:
        if path not in self.files.before and self.is_open:
            with self.lock:
                self.files.uses(path)

    def ended(self, call: Call) -> None:
        self._told.append(call)
        if len(self._told) >= TOGETHER:
            with self.lock:
                self._add_up()

    def _add_up(self) -> None:
        """With the lock held. What others tell of meanwhile is taken too, or left for later."""
        if self._adds_up:
            return  # this is a signal handler, and what it has interrupted goes on after it
        self._adds_up = True
        if not self.is_open:
            self._told.clear()
        told, running, busy, since = self._told, self._running, self._busy, self._busy_since
        while told:
            one = told.popleft()
            if isinstance(one, float):
                if running == 0:
                    since = one
                running += 1
                continue
            if isinstance(one, Call):
                now = one.ended
                self._add(one)
            else:
                (now,) = one
            running -= 1
            if running == 0:
                busy += now - since
        self._running, self._busy, self._busy_since = running, busy, since
        self._adds_up = False

    def _add(self, call: Call) -> None:
        totals = self.totals.get(call.method)
        if totals is None:
            totals = self.totals[call.method] = Totals()
        totals.add(call)
        self._overhead += call.overhead
        if call.written is not None:
            self.channels.add_writes(call.writes, call.written)
        elif call.bytes is not None and call.method[1] in ("put", "aput"):
            self.curve.add(call.bytes)
            if call.sizes is not None:
                self.channels.add_state(call.sizes, call.times, call.bytes)

    def close(self) -> None:
        """Counts nothing from now on."""
        with self.lock:
            if not self.is_open:
                return
            self._add_up()
            self._ended = perf_counter()
            if self._running:
                self._busy += self._ended - self._busy_since
            # Their files may be gone or grow by the time that somebody asks.
            self._after = self._sizes()
            self._counts_after = _counts()
            self.is_open = False
            _open.discard(self)

    def in_child(self) -> None:
        """In the child of a fork: another thread may have held the lock, and the calls of others are not here."""
        self.lock = RLock()
        self._adds_up = False
        self._add_up()
        self._running = 0

    def _sizes(self) -> dict[str, tuple[int, int]]:
        return {path: sizes(path) for path in self.files.before}

    def report(self) -> Profile:
        """What was recorded so far."""
        with self.lock:
            self._add_up()
            now = self._ended if not self.is_open else perf_counter()
            busy = self._busy + (now - self._busy_since if self._running and self.is_open else 0.0)
            after = self._after if not self.is_open else self._sizes()
            counts = self._counts_after if not self.is_open else _counts()
            elapsed = now - self._began
            return Profile(
                elapsed=elapsed,
                busy=min(busy, elapsed),
                running=self._running,
                operations=tuple(
                    _operation(*key, totals)
                    for key, totals in sorted(self.totals.items(), key=lambda item: -item[1].durations.total)
                ),
                channels=self._channels(),
                sampled=self.channels.sampled,
                sampled_bytes=self.channels.sampled_bytes,
                files=tuple(File(path, *self.files.before[path], *after[path]) for path in after),
                put_bytes=tuple(self.curve.points),
                puts_each=self.curve.each,
                sites=tuple(_sites(self._counts_before, counts)),
                measuring=self._overhead,
            )

    def _channels(self) -> tuple[Channel, ...]:
        timed = sum(costs.seconds or 0.0 for costs in self.channels.costs.values())
        found = [
            Channel(
                name,
                bytes=costs.bytes,
                share=costs.bytes / self.channels.sampled_bytes if self.channels.sampled_bytes else None,
                encode_share=costs.seconds / timed if costs.seconds is not None and timed else None,
                writes=costs.writes,
                write_bytes=costs.write_bytes,
                write_seconds=costs.write_seconds,
            )
            for name, costs in self.channels.costs.items()
        ]
        return tuple(sorted(found, key=lambda channel: (-channel.bytes, -channel.write_bytes, channel.name)))


def _operation(saver: str, name: str, totals: Totals) -> Operation:
    durations = totals.durations
    return Operation(
        saver,
        name,
        count=durations.count,
        errors=dict(totals.errors),
        bytes=totals.bytes,
        seconds=durations.total,
        p50=durations.quantile(0.5) or 0.0,
        p95=durations.quantile(0.95) or 0.0,
        max=durations.most,
        parts=totals.all_parts(saver),
    )


#: of a site: calls, fallbacks by reason, bytes, seconds
_Counted = tuple[int, dict[str, int], int, float]


def _counts() -> dict[str, _Counted]:
    found = ((name, counts_of(name)) for name in SITES)
    return {name: (counts.calls, counts.fallbacks, counts.bytes, counts.seconds) for name, counts in found}


def _sites(before: dict[str, _Counted], after: dict[str, _Counted]) -> list[Site]:
    found = []
    for name, (calls, fallbacks, size, seconds) in after.items():
        calls_before, fallbacks_before, size_before, seconds_before = before[name]
        new = {reason: count - fallbacks_before.get(reason, 0) for reason, count in fallbacks.items()}
        new = {reason: count for reason, count in new.items() if count}
        if calls > calls_before:
            found.append(Site(name, calls - calls_before, new, size - size_before, max(0.0, seconds - seconds_before)))
    return found


_open: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _forked() -> None:
    for recorder in list(_open):
        recorder.in_child()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forked)
