"""``move()``: looks at everything, copies what the target lacks, and compares."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from os import PathLike
from typing import Any

from fast_langgraph._checkpointer.checkpoint_ids import id_at, is_before
from fast_langgraph._checkpointer.maintenance import Progress, Told
from fast_langgraph._checkpointer.pruning import moment
from fast_langgraph._move import digests
from fast_langgraph._move.databases import Database, pair
from fast_langgraph._move.examination import Examination
from fast_langgraph._move.refusals import MoveRefusedError, Refusals, TakenError, UnmovableError
from fast_langgraph._move.report import MovedThread, MoveReport
from fast_langgraph._move.rows import Key, Row, place
from fast_langgraph._shared.wording import number

#: what is written in one transaction, about
BATCH_BYTES, BATCH_ROWS = 8 << 20, 1_000

#: how often a thread is looked at again because somebody else writes it in the target
ATTEMPTS = 5


def move(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    threads: Sequence[str] | None = None,
    since: timedelta | datetime | float | None = None,
    progress: Told | None = None,
    dry_run: bool = False,
    merge: bool = False,
) -> MoveReport:
    """Copy conversations to another database: a SQLite file of either layout, or ``postgresql://…``.

    Everything of a thread is copied, so that the savers return the same there. The source is not changed, and may be in
    use: what comes meanwhile is copied at the end. A move that was stopped goes on if it is called again.

    Args:
        threads: Only these. [all]
        since: Only threads that have gone on since then: a time, or how long ago (timedelta or seconds).
        progress: Is told how much is done, and of how much.
        dry_run: Look at everything, and write nothing.
        merge: Also into a target that has other data. What differs is replaced by what the source has; nothing is
            removed.

    Raises:
        MoveRefusedError: Something can't be kept as it is; its ``reasons`` name it. Nothing was written, unless it came
            meanwhile.
    """
    if isinstance(threads, str):
        raise TypeError("threads must be a sequence of ids, not a str")
    databases = pair(source, target)
    bound = None if since is None else id_at(moment(since, "since"))
    with ExitStack() as stack:
        for database, write in zip(databases, (False, True), strict=True):
            stack.callback(database.close)
            database.open(write=write)
        if databases[0].identity == databases[1].identity:
            raise MoveRefusedError(["source and target are the same database"])
        return _Move(*databases, threads, bound, Progress(progress)).run(dry_run, merge)


class _Move:
    def __init__(
        self,
        source: Database,
        target: Database,
        wanted: Sequence[str] | None,
        bound: str | None,
        progress: Progress,
    ) -> None:
        self._source, self._target = source, target
        self._wanted, self._bound = wanted, bound
        self._progress = progress
        self._refusals = Refusals()
        self._moved: dict[str, set[Key]] = {}
        self._bytes = 0
        self._marked: dict[str, int] = {}

    def run(self, dry_run: bool, merge: bool) -> MoveReport:
        began = time.monotonic()
        chosen = self._chosen()
        # Each checkpoint is looked at, copied, and looked at once more.
        self._progress.start(sum(chosen.values()) * (1 if dry_run else 3))
        foreseen = self._examine(chosen, merge)
        if not dry_run:
            self._target.setup()
            there = self._target.threads()
            for thread in chosen:
                self._bring(thread, self._target.digests(thread) if thread in there else {})
            foreseen = [self._compared(thread) for thread in self._chosen()]
        self._progress.end()
        names = (self._source.described, self._target.described)
        return MoveReport(*names, dry_run, foreseen, self._bytes, time.monotonic() - began)

    def _chosen(self) -> dict[str, int]:
        """Threads with their numbers of checkpoints."""
        there = self._source.threads()
        if self._wanted is not None:
            for thread in self._wanted:
                if thread not in there:
                    self._refusals.add(f"{self._source.described} has no thread {thread!r}")
            self._refusals.raise_any()
            there = {thread: there[thread] for thread in self._wanted}
        bound = self._bound
        return {
            thread: count
            for thread, (count, latest) in sorted(there.items(), key=lambda each: str(each[0]))
            if bound is None or not is_before(latest, bound)
        }

    def _examine(self, chosen: dict[str, int], merge: bool) -> list[MovedThread]:
        """Refuses what can't be moved as it is, and a target with data of its own."""
        there = self._target.threads()
        foreseen = []
        occupied = Refusals()
        others = len(there.keys() - self._source.threads().keys())
        if others:
            occupied.add(
                f"{self._target.described} has {number(others, 'thread')} that {self._source.described} has not"
            )
        for thread, count in chosen.items():
            examination = Examination(self._source, self._target, thread, self._refusals)
            held = examination.run(thread in there)
            found = examination.found
            differing = sum(key in held and held[key] != digest for key, digest in found.items())
            only = len(held.keys() - found.keys())
            if differing or only:
                what = (
                    number(differing, "row") + " with other contents"
                    if differing
                    else number(only, "row") + " that the source has not"
                )
                occupied.add(f"thread {thread!r} has in the target {what}")
            self._bytes += examination.bytes
            self._marked[thread] = examination.marked
            missing = {key for key, digest in found.items() if held.get(key) != digest}
            foreseen.append(
                MovedThread(
                    thread, *_counts(found), *_counts(missing), *_counts(found.keys() & held), only, examination.marked
                )
            )
            self._progress.add(count)
        self._refusals.raise_any()
        if not merge and occupied.reasons:
            raise MoveRefusedError(
                [*occupied.reasons, "the target has data of its own; merge=True (--merge) adds to it"], occupied.more
            )
        return foreseen

    def _bring(self, thread: str, known: digests.Digests) -> digests.Digests:
        """Copies what the target lacks; returns what the source has."""
        found: digests.Digests = {}
        mark = self._target.marking(thread, bool(known))
        batch: list[Row] = []
        size = checkpoints = 0
        for row in self._source.rows(thread, self._refusals.add):
            try:
                found[row.key] = digest = digests.of(row)
                mark(row)
            except UnmovableError as why:
                self._refusals.add(f"{place(thread, row)} {why}")
                continue
            checkpoints += row.key[0] == "checkpoint"
            if known.get(row.key) == digest:
                continue
            batch.append(row)
            size += row.size
            if size >= BATCH_BYTES or len(batch) >= BATCH_ROWS:
                known = self._write(thread, batch, found, known)
                self._progress.add(checkpoints)
                batch, size, checkpoints = [], 0, 0
        if batch:
            self._write(thread, batch, found, known)
        self._progress.add(checkpoints)
        return found

    def _write(self, thread: str, batch: list[Row], found: digests.Digests, known: digests.Digests) -> digests.Digests:
        """Returns what the target had, which somebody else may have changed."""
        for _ in range(ATTEMPTS):
            missing = [row for row in batch if known.get(row.key) != found[row.key]]
            try:
                self._target.write(thread, missing, {row.key for row in missing if row.key in known})
                break
            except TakenError:
                known = self._target.digests(thread)
        else:
            raise MoveRefusedError([f"thread {thread!r} is being written in the target by somebody else"])
        self._moved.setdefault(thread, set()).update(row.key for row in missing)
        return known

    def _compared(self, thread: str) -> MovedThread:
        """Copies what came meanwhile."""
        before = self._target.digests(thread)
        found = self._bring(thread, before)
        self._refusals.raise_any()
        held = before if found.items() <= before.items() else self._target.digests(thread)
        both = {key: held[key] for key in found if key in held}
        moved = self._moved.get(thread, set())
        marked = self._marked.get(thread, 0)
        compared = MovedThread(thread, *_counts(found), *_counts(moved), *_counts(both), len(held) - len(both), marked)
        return replace(compared, source_digest=digests.of_thread(found), target_digest=digests.of_thread(both))


def _counts(keys: Any) -> tuple[int, int]:
    """Checkpoints and pending writes."""
    checkpoints = sum(key[0] == "checkpoint" for key in keys)
    return checkpoints, len(keys) - checkpoints
