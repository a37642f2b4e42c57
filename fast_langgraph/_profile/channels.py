"""Which channel of the state costs most.

The bytes of a sample of the checkpoints that are put are read, past their values, for where each channel's begin and
end. Nothing is decoded or encoded for this, so no code of the app's runs. Only if it is asked for is each channel of
the sample encoded once more by itself, for the time that this takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from fast_langgraph import _native

#: looking into checkpoints may take this share of the time since the profile began
BUDGET = 0.005
#: channels beyond are counted as one
MOST = 256
OTHERS = "(others)"


class Sampler:
    """Which puts are looked into: the first, and those that keep it within the budget."""

    def __init__(self, encodes: bool = False) -> None:
        #: whether channels are encoded once more
        self.encodes = encodes
        self._began = perf_counter()
        self._spent = 0.0
        self._last = 0.0

    def is_due(self, now: float) -> bool:
        # The next one may take longer than the last.
        return self._spent == 0 or self._spent + 2 * self._last <= BUDGET * (now - self._began)

    def took(self, seconds: float) -> None:
        self._spent += seconds
        self._last = seconds


def sizes(encoded: Any) -> list[tuple[str, int]] | None:
    """By channel the bytes of a checkpoint that was encoded; None if they are not plain MessagePack."""
    if type(encoded) is not tuple or len(encoded) != 2 or encoded[0] != "msgpack":
        return None
    return _native.channel_sizes(encoded[1])


def times(encode: Callable[[Any], Any], checkpoint: Any) -> dict[str, float] | None:
    """By channel the seconds to encode its value alone; None if one of them can't be."""
    found = {}
    try:
        for name, value in checkpoint["channel_values"].items():
            began = perf_counter()
            encode(value)
            found[name] = perf_counter() - began
    except Exception:
        return None
    return found


@dataclass
class Costs:
    """What one channel has cost so far: in the states of the sample, and as pending writes, which are all counted."""

    bytes: int = 0
    seconds: float | None = None
    writes: int = 0
    write_bytes: int = 0
    write_seconds: float = 0.0


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

    def add_state(self, found: list[tuple[str, int]], took: dict[str, float] | None, total: int) -> None:
        self.sampled += 1
        self.sampled_bytes += total
        for name, size in found:
            costs = self.of(name)
            costs.bytes += size
            if took is not None and name in took:
                costs.seconds = (costs.seconds or 0.0) + took[name]

    def add_writes(self, names: list[str], written: list[tuple[int, float]]) -> None:
        """``names`` are the channels, and ``written`` the bytes and the time of each value."""
        for name, (size, took) in zip(names, written, strict=False):
            costs = self.costs.get(name) or self.of(name)
            costs.writes += 1
            costs.write_bytes += size
            costs.write_seconds += took
