"""What the runs of one operation have shown: a row of the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from .driver import Run
from .shim import KILLS, MEMORY


@dataclass
class Tally:
    """How many runs had a fault, by what it was; and in how many of them something was wrong."""

    operation: str
    layout: str
    errors: int = 0
    kills: int = 0
    allocations: int = 0
    lost: int = 0
    torn: int = 0
    damaged: int = 0
    other: int = 0
    reopened: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, runs: Iterable[Run]) -> Tally:
        for run in runs:
            if run.struck:
                self.errors += run.effect not in (*KILLS, *MEMORY)
                self.kills += run.effect in KILLS
                self.allocations += run.effect in MEMORY
            self.lost += bool(run.lost)
            self.torn += bool(run.torn)
            self.damaged += bool(run.damaged)
            self.other += bool(run.other)
            self.reopened += run.needs_reopening
            if not run.is_good:
                self.wrong.append(str(run))
        return self

    @property
    def injected(self) -> int:
        return self.errors + self.kills + self.allocations

    def row(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "wrong"}


COLUMNS = {
    "operation": "Operation",
    "layout": "Layout",
    "errors": "Failed calls",
    "kills": "Kills",
    "allocations": "Failed allocations",
    "lost": "Lost",
    "torn": "Half written",
    "damaged": "Failed integrity",
    "other": "Other",
    "reopened": "To be reopened",
}


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown, with the sums last."""
    numbers = [name for name in COLUMNS if name not in ("operation", "layout")]
    sums = {name: sum(row[name] for row in rows) for name in numbers}
    lines = [list(COLUMNS.values()), ["---"] * len(COLUMNS)]
    for row in [*rows, {"operation": "all", "layout": "", **sums}]:
        lines.append([f"{row[name]:,}" if name in numbers else row[name] for name in COLUMNS])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
