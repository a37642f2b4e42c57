"""Which channel of the state costs most.

The bytes of a sample of the checkpoints that are put are read, past their values, for where each channel's begin and
end. Nothing is decoded or encoded for this, so no code of the app's runs. Only if it is asked for is each channel of
the sample encoded once more by itself, for the time that this takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fast_langgraph._native import clock

if TYPE_CHECKING:
    from fast_langgraph._native import ChannelSums

#: looking into checkpoints may take this share of the time since the profile began
BUDGET = 0.005
#: channels beyond are counted as one
MOST = 256
OTHERS = "(others)"


def encode_channels(encode: Callable[..., Any], before: tuple[Any, ...], checkpoint: Any) -> dict[str, float] | None:
    """By channel the seconds to encode its value alone; None if one of them can't be.

    ``before`` are the arguments before the value.
    """
    found = {}
    try:
        for name, value in checkpoint["channel_values"].items():
            began = clock()
            encode(*before, value)
            found[str(name)] = clock() - began
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

    def of(self, name: str) -> Costs:
        found = self.costs.get(name)
        if found is None:
            name = name if len(self.costs) < MOST else OTHERS
            found = self.costs.setdefault(name, Costs())
        return found

    def add(self, found: ChannelSums) -> None:
        costs = self.of(found["name"])
        costs.bytes += found["bytes"]
        costs.writes += found["writes"]
        costs.write_bytes += found["write_bytes"]
        costs.write_seconds += found["write_seconds"]
        if found["seconds"] is not None:
            costs.seconds = (costs.seconds or 0.0) + found["seconds"]
