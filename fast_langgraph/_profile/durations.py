"""Durations in bounded memory: how many there are of each length, within 1.6%."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

#: so many are kept as they are
EXACT = 4096
#: buckets that share a power of two
_STEPS = 32


def bucket(nanoseconds: int) -> int:
    shift = nanoseconds.bit_length() - 6
    return nanoseconds if shift <= 0 else shift * _STEPS + (nanoseconds >> shift)


def middle(index: int) -> float:
    """Of all durations in a bucket."""
    if index < 2 * _STEPS:
        return float(index)
    shift = index // _STEPS - 1
    return float(((index - shift * _STEPS) << shift) + (1 << shift) / 2)


class Durations:
    """In seconds. The first 4,096 are exact; after that, at most some 2,000 counts, of one nanosecond to centuries."""

    def __init__(self) -> None:
        self._exact: list[float] = []
        self._counts: dict[int, int] = {}
        #: how many are in ``_counts``, and the shortest and the longest of them
        self._counted = 0
        self._bounds: tuple[float, ...] = ()
        self.total = 0.0

    def add(self, seconds: Iterable[float]) -> None:
        for one in seconds:
            self._exact.append(one)
            self.total += one
            if len(self._exact) >= EXACT:
                self._fold()

    def _fold(self) -> None:
        self._bounds = self.least, self.most
        self._counted += len(self._exact)
        for seconds in self._exact:
            index = bucket(round(seconds * 1e9))
            self._counts[index] = self._counts.get(index, 0) + 1
        self._exact = []

    @property
    def count(self) -> int:
        return self._counted + len(self._exact)

    @property
    def least(self) -> float:
        return min((*self._exact, *self._bounds), default=0.0)

    @property
    def most(self) -> float:
        return max((*self._exact, *self._bounds), default=0.0)

    def quantile(self, share: float) -> float | None:
        """The seconds that this share of all durations took at most; None without durations."""
        if not self.count:
            return None
        rank = max(1, ceil(share * self.count))
        if not self._counted:
            return sorted(self._exact)[rank - 1]
        self._fold()
        seen = 0
        for index in sorted(self._counts):
            seen += self._counts[index]
            if seen >= rank:
                return min(max(middle(index) / 1e9, self.least), self.most)
        return self.most
