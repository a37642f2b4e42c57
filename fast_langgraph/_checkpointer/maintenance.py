"""What ``prune()``, ``vacuum()`` and the like have done, and how they tell of it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

#: is told how much is done, and of how much
Told = Callable[[int, int], object]

#: seconds between two calls of it
EVERY = 0.1


@dataclass(frozen=True)
class MaintenanceResult:
    """What was done; in a dry run, what would be."""

    #: that something was removed from, or converted in
    threads: int = 0
    #: removed or converted
    checkpoints: int = 0
    #: pending writes that were removed
    writes: int = 0
    #: of what was removed or converted, as the standard layout stores it; of ``vacuum()``, what the file is smaller by
    bytes: int = 0

    @classmethod
    def of(cls, tally: tuple[int, ...] | None) -> MaintenanceResult:
        """Of what the engine answers for a thread: checkpoints, writes, bytes; None for nothing."""
        return cls(1, *tally[:3]) if tally else cls()

    def __add__(self, other: MaintenanceResult) -> MaintenanceResult:
        return MaintenanceResult(
            self.threads + other.threads,
            self.checkpoints + other.checkpoints,
            self.writes + other.writes,
            self.bytes + other.bytes,
        )

    def to_dict(self) -> dict[str, Any]:
        """For json.dumps."""
        return asdict(self)


class Progress:
    """Tells a callable, at most ten times a second, and once when all is done."""

    def __init__(self, told: Told | None) -> None:
        if told is not None and not callable(told):
            raise TypeError(f"progress must be a callable that takes what is done and the total, not {told!r}")
        self._told = told
        self._last = 0.0
        self.done = 0
        self.total = 0

    @property
    def is_wanted(self) -> bool:
        return self._told is not None

    def start(self, total: int) -> None:
        self.total = total
        self._tell()

    def add(self, count: int) -> None:
        self.done += count
        # What others put meanwhile was not foreseen.
        self.total = max(self.total, self.done)
        if count and self.done < self.total and time.monotonic() - self._last >= EVERY:
            self._tell()

    def end(self) -> None:
        self.done = self.total
        self._tell()

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self.done, self.total)
            self._last = time.monotonic()
