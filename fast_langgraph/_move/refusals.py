"""What can't be moved, by name. Nothing is written before all of it is known."""

from __future__ import annotations

#: so many are named; the others are counted
NAMED = 20


class MoveRefusedError(RuntimeError):
    """A move that would not keep everything as it is, with the ``reasons``, each of which names what it is about."""

    def __init__(self, reasons: list[str], more: int = 0) -> None:
        self.reasons = reasons
        #: how many there are besides
        self.more = more
        text = "; ".join(reasons)
        super().__init__(f"{text}; and {more:,} more" if more else text)


class UnmovableError(ValueError):
    """Why one row can't be moved."""


class TakenError(Exception):
    """Rows that were not there a moment ago are there now."""


class Refusals:
    """Collects reasons."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.more = 0

    def add(self, reason: str) -> None:
        if reason in self.reasons:
            return
        if len(self.reasons) < NAMED:
            self.reasons.append(reason)
        else:
            self.more += 1

    def raise_any(self) -> None:
        if self.reasons:
            raise MoveRefusedError(self.reasons, self.more)
