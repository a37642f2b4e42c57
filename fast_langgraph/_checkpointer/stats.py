"""What ``RustSQLiteCheckpointer.stats()`` returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from fast_langgraph._checkpointer.checkpoint_ids import time_of
from fast_langgraph._checkpointer.maintenance import MaintenanceResult


@dataclass(frozen=True)
class ThreadStats:
    """One thread: how many checkpoints it has, and their bytes."""

    thread_id: str
    checkpoints: int
    bytes: int


@dataclass(frozen=True)
class Stats:
    """What a database holds now, and what this process has done with it since opening it."""

    threads: int
    checkpoints: int
    writes: int
    #: "standard" or "compact"; or "compact, half converted to standard" until convert() is called again
    layout: str
    #: in bytes: checkpoints and metadata as stored, and as the standard layout would store them; values of pending
    #: writes; the file, and its free pages; the file of the write-ahead log
    checkpoint_bytes: int
    standard_bytes: int
    write_bytes: int
    database_bytes: int
    free_bytes: int
    wal_file_bytes: int
    largest_threads: tuple[ThreadStats, ...]
    #: the time in the latest checkpoint's id, UTC
    last_checkpoint: datetime | None
    #: operations, commits, fsyncs, largest_batch, queued, most_queued, reads, wal_checkpoints,
    #: wal_checkpoints_waited_for, wal_bytes, cache_hits, cache_misses, thread_scans,
    #: connections_opened
    counters: dict[str, int]
    #: what is remembered: states, bytes; and elements of lists, with how often they were taken as they were
    #: (encoded_unchanged, decoded_unchanged) or not: new ones, changed ones, ones that somebody else had (decoded_held)
    remembered: dict[str, int]
    #: what ``retention`` has removed; None without one
    removed: MaintenanceResult | None = None

    @classmethod
    def of(cls, found: dict[str, Any], remembered: dict[str, int], removed: MaintenanceResult | None) -> Stats:
        found = dict(found)
        last_id = found.pop("last_checkpoint_id")
        numbers = ("threads", "checkpoints", "writes", "checkpoint_bytes", "standard_bytes", "write_bytes")
        sizes = ("database_bytes", "free_bytes", "wal_file_bytes")
        return cls(
            largest_threads=tuple(ThreadStats(*thread) for thread in found.pop("largest_threads")),
            layout=found.pop("layout"),
            last_checkpoint=time_of(last_id) if last_id else None,
            **{name: found.pop(name, 0) for name in (*numbers, *sizes)},
            counters=found,
            remembered=remembered,
            removed=removed,
        )

    def to_dict(self) -> dict[str, Any]:
        """For json.dumps; ``last_checkpoint`` is an ISO 8601 str."""
        found = asdict(self)
        found["last_checkpoint"] = self.last_checkpoint.isoformat() if self.last_checkpoint else None
        return found
