"""What a move has found and done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class MovedThread:
    """A thread on both sides. Digests cover what the savers return of its rows; they are empty in a dry run."""

    thread_id: str
    #: in the source
    checkpoints: int
    writes: int
    #: of these, what was written; in a dry run, what would be
    moved_checkpoints: int = 0
    moved_writes: int = 0
    #: in the target, of those that the source has
    target_checkpoints: int = 0
    target_writes: int = 0
    #: rows of the thread that the target alone has
    only_in_target: int = 0
    #: versions of channels that have a mark in PostgreSQL: another checkpoint has another value under the same version
    marked_versions: int = 0
    source_digest: str = ""
    target_digest: str = ""

    @property
    def is_equal(self) -> bool:
        return self.source_digest == self.target_digest


@dataclass(frozen=True)
class MoveReport:
    #: without passwords
    source: str
    target: str
    dry_run: bool
    threads: list[MovedThread] = field(default_factory=list)
    #: of states, metadata and values in the source
    bytes: int = 0
    seconds: float = 0.0

    @property
    def checkpoints(self) -> int:
        return sum(each.checkpoints for each in self.threads)

    @property
    def writes(self) -> int:
        return sum(each.writes for each in self.threads)

    @property
    def moved_checkpoints(self) -> int:
        return sum(each.moved_checkpoints for each in self.threads)

    @property
    def moved_writes(self) -> int:
        return sum(each.moved_writes for each in self.threads)

    @property
    def marked_versions(self) -> int:
        return sum(each.marked_versions for each in self.threads)

    @property
    def is_equal(self) -> bool:
        """Whether the target has every row of the source as the source has it."""
        return all(each.is_equal for each in self.threads)

    def to_dict(self) -> dict[str, Any]:
        """For json.dumps."""
        threads = [{**asdict(each), "is_equal": each.is_equal} for each in self.threads]
        totals = {
            name: getattr(self, name)
            for name in ("checkpoints", "writes", "moved_checkpoints", "moved_writes", "marked_versions")
        }
        return {**asdict(self), **totals, "is_equal": self.is_equal, "threads": threads}
