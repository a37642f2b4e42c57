"""Durations in bounded memory: how many there are of each length, within 1.6%."""

from __future__ import annotations

from math import ceil

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
    """At most some 2,000 counts, of one nanosecond to centuries."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.least: int | None = None
        self.most = 0

    def add(self, nanoseconds: int) -> None:
        index = bucket(nanoseconds)
        self.counts[index] = self.counts.get(index, 0) + 1
        self.count += 1
        self.total += nanoseconds
        self.most = max(self.most, nanoseconds)
        self.least = nanoseconds if self.least is None else min(self.least, nanoseconds)

    def quantile(self, share: float) -> float | None:
        """The seconds that this share of all durations took at most; None without durations."""
        if self.least is None:
            return None
        rank, seen = max(1, ceil(share * self.count)), 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= rank:
                return min(max(middle(index), self.least), self.most) / 1e9
        return self.most / 1e9
