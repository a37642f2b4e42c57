"""Looks at all rows of a thread before anything is written: what can't be moved, and what the target has already."""

from __future__ import annotations

from fast_langgraph._checkpointer.checkpoint_ids import time_of
from fast_langgraph._move import digests
from fast_langgraph._move.databases import Database
from fast_langgraph._move.postgres_database import PostgresDatabase
from fast_langgraph._move.refusals import Refusals, UnmovableError
from fast_langgraph._move.rows import Checkpoint, Row, Write, place
from fast_langgraph._move.stored_values import Stored, check_key, check_write

#: LangGraph's name of the channel of sends, ``langgraph.checkpoint.serde.types.TASKS``
SENDS = "__pregel_tasks"


class Examination:
    """Of one thread."""

    def __init__(self, source: Database, target: Database, thread: str, refusals: Refusals) -> None:
        self._source, self._target = source, target
        self._thread = thread
        self._refusals = refusals
        self._is_for_postgres = isinstance(target, PostgresDatabase)
        self._ids: dict[str, list[str]] = {}
        self._sends: set[str] = set()
        self._of_old_format: list[tuple[str, str]] = []
        #: of the source
        self.found: digests.Digests = {}
        self.bytes = 0
        #: versions that get a mark
        self.marked = 0

    def run(self, is_in_target: bool) -> digests.Digests:
        """Returns what the target has of the thread."""
        if not isinstance(self._thread, str):
            self._refusals.add(f"thread {self._thread!r} has an id that is no text")
            return {}
        if self._is_for_postgres:
            try:
                check_key(self._thread)
            except UnmovableError as why:
                self._refusals.add(f"thread {self._thread!r} {why}")
                return {}
        mark = self._target.marking(self._thread, is_in_target)
        for row in self._source.rows(self._thread, self._refusals.add):
            self.bytes += row.size
            try:
                self._look_at(row)
                mark(row)
            except UnmovableError as why:
                self._refusals.add(f"{place(self._thread, row)} {why}")
            self.marked += len(row.marks) if isinstance(row, Checkpoint) else 0
        self._look_at_all()
        return self._target.digests(self._thread) if is_in_target else {}

    def _look_at(self, row: Row) -> None:
        self.found[row.key] = digests.of(row)
        if isinstance(row, Checkpoint):
            self._ids.setdefault(row.namespace, []).append(row.id)
            version = row.fields.get("v")
            if isinstance(version, (int, float)) and version < 4 and row.parent:
                self._of_old_format.append((place(self._thread, row), row.parent))
            if self._is_for_postgres:
                Stored(self._thread, row)
        elif isinstance(row, Write):
            if row.channel == SENDS:
                self._sends.add(row.checkpoint_id)
            if self._is_for_postgres:
                check_write(self._thread, row)

    def _look_at_all(self) -> None:
        for where, parent in self._of_old_format:
            if parent in self._sends:
                self._refusals.add(
                    f"{where} is of an old format, and its parent has sends: PostgresSaver adds these to it, "
                    "SqliteSaver does not"
                )
        for namespace, ids in self._ids.items():
            if all(map(time_of, ids)):
                continue
            if self._source.in_its_order(ids) != self._target.in_its_order(ids):
                self._refusals.add(
                    f"thread {self._thread!r}, namespace {namespace!r}: the two databases order the ids of checkpoints "
                    "differently, so another one would be the latest; a database with the collation C orders them "
                    "as SQLite does"
                )
