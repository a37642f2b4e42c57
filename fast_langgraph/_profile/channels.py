"""Which channel of the state costs most.

The bytes of a sample of the checkpoints that are put are read, past their values, for where each channel's begin and
end. Nothing is decoded or encoded for this, so no code of the app's runs. Only if it is asked for is each channel of
the sample encoded once more by itself, for the time that this takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from fast_langgraph import _native

#: measuring may take this share of the time since the profile began
BUDGET = 0.01
#: channels beyond are counted as one
MOST = 256
OTHERS = "(others)"


class Sampler:
    """Which puts are looked into: the first, and those that keep it within the budget."""

    def __init__(self, encodes: bool = False) -> None:
        #: whether channels are encoded once more
        self.encodes = encodes
        self._began = perf_counter_ns()
        self._spent = 0
        self._last = 0

    def is_due(self, now: int) -> bool:
        # The next one may take longer than the last.
        return self._spent == 0 or self._spent + 2 * self._last <= BUDGET * (now - self._began)

    def took(self, nanoseconds: int) -> None:
        self._spent += nanoseconds
        self._last = nanoseconds

    @property
    def seconds(self) -> float:
        return self._spent / 1e9


def sizes(encoded: Any) -> list[tuple[str, int]] | None:
    """By channel the bytes of a checkpoint that was encoded; None if they are not plain MessagePack."""
    if type(encoded) is not tuple or len(encoded) != 2 or encoded[0] != "msgpack":
        return None
    return _native.channel_sizes(encoded[1])


def times(encode: Callable[[Any], Any], checkpoint: Any) -> dict[str, int] | None:
    """By channel the nanoseconds to encode its value alone; None if one of them can't be."""
    found = {}
    try:
        for name, value in checkpoint["channel_values"].items():
            began = perf_counter_ns()
            encode(value)
            found[name] = perf_counter_ns() - began
    except Exception:
        return None
    return found


@dataclass
class Costs:
    """What one channel has cost so far: in the states of the sample, and as pending writes, which are all counted."""

    bytes: int = 0
    nanoseconds: int | None = None
    writes: int = 0
    write_bytes: int = 0
    write_nanoseconds: int = 0


class Channels:
    """Adds up the costs of channels, of a bounded number of names."""

    def __init__(self) -> None:
        self.costs: dict[str, Costs] = {}
        #: how many checkpoints were looked into, and their bytes
        self.sampled = 0
        self.sampled_bytes = 0

    def of(self, name: str) -> Costs:
        found = self.costs.get(name)
        if found is None:
            name = name if len(self.costs) < MOST else OTHERS
            found = self.costs.setdefault(name, Costs())
        return found

    def add_state(self, found: list[tuple[str, int]], took: dict[str, int] | None, total: int) -> None:
        self.sampled += 1
        self.sampled_bytes += total
        for name, size in found:
            costs = self.of(name)
            costs.bytes += size
            if took is not None and name in took:
                costs.nanoseconds = (costs.nanoseconds or 0) + took[name]

    def add_writes(self, writes: Any, written: list[tuple[int, int]]) -> None:
        """``writes`` are pairs of a channel and a value, and ``written`` the bytes and the time of each."""
        try:
            names = [str(channel) for channel, _ in writes]
        except Exception:
            return  # what put_writes was given is not what it takes
        for name, (size, took) in zip(names, written, strict=False):
            costs = self.of(name)
            costs.writes += 1
            costs.write_bytes += size
            costs.write_nanoseconds += took
