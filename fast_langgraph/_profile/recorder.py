"""Adds up the calls of one profile."""

from __future__ import annotations

import os
import weakref
from threading import RLock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakMethod

from fast_langgraph._native import Tally, clock
from fast_langgraph._profile.calls import MEASURED
from fast_langgraph._profile.channels import Channels
from fast_langgraph._profile.durations import Durations
from fast_langgraph._profile.findings import Channel, File, Operation, Site
from fast_langgraph._profile.report import Profile
from fast_langgraph._profile.storage import OPEN, Files, sizes
from fast_langgraph._shared.counts import counts_of
from fast_langgraph._shared.stock_classes import SITES

if TYPE_CHECKING:
    from fast_langgraph._native import MethodSums, Sums

N = TypeVar("N", int, float)

#: how many points the curve of the checkpoints' bytes has at most
POINTS = 256


class Totals:
    """All calls of one method of one saver."""

    def __init__(self) -> None:
        self.durations = Durations()
        self.errors: dict[str, int] = {}
        self.bytes: int | None = None
        self.measured: tuple[float | None, ...] = (None,) * len(MEASURED)

    def add(self, found: MethodSums) -> None:
        self.durations.add(found["seconds"])
        self.measured = tuple(_plus(one, other) for one, other in zip(self.measured, found["parts"], strict=True))
        self.bytes = _plus(self.bytes, found["bytes"])
        for name, count in found["errors"].items():
            self.errors[name] = self.errors.get(name, 0) + count

    def parts(self, saver: str) -> dict[str, float | None]:
        """What a RustSQLiteCheckpointer neither encodes nor decodes is its engine's."""
        left = max(0.0, self.durations.total - sum(part or 0.0 for part in self.measured))
        is_engine = saver == "RustSQLiteCheckpointer"
        measured = dict(zip(MEASURED, self.measured, strict=True))
        return {**measured, "engine": left if is_engine else None, "rest": None if is_engine else left}


def _plus(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else one + other


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
    """Safe from any thread, and from a signal handler: calls are told to a tally, and added up when there are many."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.totals: dict[tuple[str, str], Totals] = {}
        self.channels = Channels()
        self.files = Files()
        self.curve = Curve()
        #: how many checkpoints were looked into, and their bytes
        self.sampled = self.sampled_bytes = 0
        self.is_open = True
        self.tally = Tally(WeakMethod(self.add_up))
        self._overhead = 0.0
        self._counts_before = _counts()
        self._began = clock()
        self._ended = 0.0
        _open.add(self)
        OPEN.append(self.files)

    def add_up(self) -> None:
        with self.lock:
            self._add(self.tally.take())

    def _add(self, sums: Sums) -> None:
        for method in sums["methods"]:
            self.totals.setdefault(method["method"], Totals()).add(method)
        for channel in sums["channels"]:
            self.channels.add(channel)
        for size in sums["put_bytes"]:
            self.curve.add(size)
        self.sampled += sums["sampled"]
        self.sampled_bytes += sums["sampled_bytes"]
        self._overhead += sums["overhead"]

    def close(self) -> None:
        """Counts nothing from now on."""
        with self.lock:
            if not self.is_open:
                return
            self._ended = clock()
            self.tally.close()
            self.add_up()
            # Their files may be gone or grow by the time that somebody asks.
            self._after = self._sizes()
            self._counts_after = _counts()
            self.is_open = False
            _open.discard(self)
            OPEN.remove(self.files)

    def in_child(self) -> None:
        """In the child of a fork: another thread may have held the lock, and the calls of others are not here."""
        self.lock = RLock()
        self.tally.forget_running()

    def _sizes(self) -> dict[str, tuple[int, int]]:
        return {path: sizes(path) for path in self.files.before}

    def report(self) -> Profile:
        """What was recorded so far."""
        with self.lock:
            self.add_up()
            now = clock() if self.is_open else self._ended
            after = self._sizes() if self.is_open else self._after
            counts = _counts() if self.is_open else self._counts_after
            elapsed = now - self._began
            return Profile(
                elapsed=elapsed,
                busy=min(self.tally.busy(now), elapsed),
                running=self.tally.running,
                operations=tuple(
                    _operation(*key, totals)
                    for key, totals in sorted(self.totals.items(), key=lambda item: -item[1].durations.total)
                ),
                channels=self._channels(),
                sampled=self.sampled,
                sampled_bytes=self.sampled_bytes,
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
                share=costs.bytes / self.sampled_bytes if self.sampled_bytes else None,
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
        parts=totals.parts(saver),
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
