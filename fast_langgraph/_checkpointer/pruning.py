"""Removes checkpoints, but never one that another is rebuilt from."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, TypeVar

from fast_langgraph import _native
from fast_langgraph._checkpointer.checkpoint_ids import id_at, is_before
from fast_langgraph._checkpointer.delta_channels import COUNTERS, Steps, ancestors_needed
from fast_langgraph._checkpointer.maintenance import MaintenanceResult, Progress
from fast_langgraph._checkpointer.parameters import as_parameter

logger = logging.getLogger("fast_langgraph")

T = TypeVar("T")
Load = Callable[[Any, Any], Any]
#: namespace and id, within a thread: text nearly always
Key = tuple[Any, Any]

KEEP_LATEST: Literal["keep_latest"] = "keep_latest"
#: LangGraph's documentation uses both names
DELETE = ("delete", "delete_all")
Strategy = Literal["keep_latest", "delete", "delete_all"]

#: pending writes come before their checkpoint: for this long they may belong to a run that is going on
GRACE = timedelta(hours=1)

CHUNK = 500

PATIENCE = 1000


@dataclass(frozen=True)
class Way:
    """How checkpoints are removed: all that does not depend on the thread."""

    load: Load
    progress: Progress
    dry_run: bool
    #: checkpoints removed in one transaction; others can write in between
    chunk: int = CHUNK
    #: attempts on a thread that is written to each time before anything can be removed
    patience: int = PATIENCE


def prune(
    way: Way, thread_ids: Sequence[str] | None, strategy: str, keep_last: int | None, older_than: Any
) -> Steps[MaintenanceResult]:
    """``RustSQLiteCheckpointer.prune``."""
    if thread_ids is None and keep_last is None and older_than is None:
        raise ValueError("prune() would affect every thread: pass thread_ids, keep_last or older_than")
    if isinstance(thread_ids, str):
        raise TypeError("thread_ids must be a sequence of thread ids, not one id")
    if strategy != KEEP_LATEST and strategy not in DELETE:
        raise ValueError(f"strategy must be {KEEP_LATEST!r} or {DELETE[0]!r}, not {strategy!r}")
    if keep_last is not None and (strategy != KEEP_LATEST or isinstance(keep_last, bool) or keep_last < 1):
        raise ValueError(f"keep_last must be 1 or more, and needs strategy {KEEP_LATEST!r}")
    bound = None if older_than is None else id_at(moment(older_than))
    if thread_ids is None:
        threads = yield _native.Request.threads()
    else:
        threads = [as_parameter(thread) for thread in dict.fromkeys(map(str, thread_ids))]
    sizes = yield from _sizes(threads) if way.progress.is_wanted else _nothing()
    way.progress.start(sum(sizes.values()))
    removed = MaintenanceResult()
    for thread in threads:
        if strategy == KEEP_LATEST:
            of_thread = yield from _keep_latest(way, thread, keep_last or 1, bound)
        else:
            of_thread = MaintenanceResult.of((yield _native.Request.delete_thread(thread, bound, way.dry_run)))
            way.progress.add(sizes.get(thread, 0))
        if of_thread.threads and strategy != KEEP_LATEST:
            removed += of_thread  # with all of its pending writes
            continue
        # Most threads have none, and to look for them takes no lock.
        orphans = MaintenanceResult.of((yield delete_orphans(thread, dry_run=True)))
        if orphans.writes and not way.dry_run:
            orphans = MaintenanceResult.of((yield delete_orphans(thread)))
        both = of_thread + orphans
        removed += replace(both, threads=min(both.threads, 1))
    way.progress.end()
    if removed != MaintenanceResult() and not way.dry_run:
        logger.info("pruned %d checkpoints of %d threads", removed.checkpoints, removed.threads)
    return removed


def _sizes(threads: Sequence[Any]) -> Steps[dict[Any, int]]:
    """How many checkpoints each thread has."""
    found = {}
    for some in _chunks(threads):
        for thread, _, checkpoints, *_ in (yield _native.Request.thread_summaries(some)):
            found[thread] = checkpoints
    return found


def _nothing() -> Steps[dict[Any, int]]:
    yield from ()
    return {}


def delete_orphans(thread: _native.KeyPart = None, dry_run: bool = False) -> _native.Request:
    """Removes pending writes without a checkpoint, of a thread or of all."""
    return _native.Request.delete_orphans(thread, id_at(datetime.now(timezone.utc) - GRACE), dry_run)


def vacuum(progress: Progress, dry_run: bool) -> Steps[MaintenanceResult]:
    """``RustSQLiteCheckpointer.vacuum``."""
    # VACUUM would keep pieces that no checkpoint needs.
    threads = [] if dry_run else (yield _native.Request.threads_with_pieces())
    progress.start(len(threads) + 1)
    orphans = MaintenanceResult.of((yield delete_orphans(dry_run=dry_run)))
    for thread in threads:
        yield _native.Request.sweep(thread)
        progress.add(1)
    given_back = yield _native.Request.vacuum(dry_run)
    progress.end()
    return MaintenanceResult(writes=orphans.writes, bytes=given_back)


def delete_for_runs(way: Way, run_ids: Sequence[str]) -> Steps[MaintenanceResult]:
    """``RustSQLiteCheckpointer.delete_for_runs``."""
    if isinstance(run_ids, str):
        raise TypeError("run_ids must be a sequence of run ids, not one id")
    doomed: dict[str, list[Key]] = {}
    for thread, namespace, checkpoint_id in (yield _native.Request.keys(run_ids=[str(run) for run in run_ids])):
        doomed.setdefault(thread, []).append((namespace, checkpoint_id))
    way.progress.start(sum(map(len, doomed.values())))
    removed = MaintenanceResult()
    for thread, keys in doomed.items():
        gone = set(keys)
        listing = yield _native.Request.keys(thread=thread)
        kept = [(namespace, other) for _, namespace, other in listing if (namespace, other) not in gone]
        removed += yield from _remove(way, thread, keys, kept)
    way.progress.end()
    return removed


def moment(older_than: Any, name: str = "older_than") -> datetime:
    """The moment that an argument means: a time, or how long ago (timedelta or seconds)."""
    if isinstance(older_than, datetime):
        # A datetime without a time zone is local time, as everywhere in Python.
        return older_than.astimezone(timezone.utc)
    if isinstance(older_than, bool) or not isinstance(older_than, (int, float, timedelta)):
        raise TypeError(f"{name} must be a timedelta, a number of seconds or a datetime")
    age = older_than if isinstance(older_than, timedelta) else timedelta(seconds=older_than)
    if age < timedelta(0):
        raise ValueError(f"{name} must not be negative")
    return datetime.now(timezone.utc) - age


def _keep_latest(way: Way, thread: str, keep_last: int, bound: str | None) -> Steps[MaintenanceResult]:
    listing = yield _native.Request.keys(thread=thread)
    seen: Counter[str] = Counter()
    kept: list[Key] = []
    doomed: list[Key] = []
    for _, namespace, checkpoint_id in listing:
        seen[namespace] += 1
        goes = seen[namespace] > keep_last and (bound is None or is_before(checkpoint_id, bound))
        (doomed if goes else kept).append((namespace, checkpoint_id))
    way.progress.add(len(kept))
    return (yield from _remove(way, thread, doomed, kept))


def _remove(way: Way, thread: str, doomed: list[Key], kept: list[Key]) -> Steps[MaintenanceResult]:
    """Removes checkpoints with their writes, except those that others are rebuilt from.

    Checkpoints put meanwhile are in neither list, and stay. They too may be rebuilt from doomed ones, so these are
    removed only if nothing was put since the last look at the thread.
    """
    gone = set(doomed)
    seen = gone | set(kept)
    needed = yield from _needed(way.load, thread, gone, kept)
    removed = MaintenanceResult()
    refused = 0
    left = doomed
    mark = None
    while left:
        if mark is None:
            # The thread has changed since the last look, or this is the first.
            mark = yield _native.Request.mark(thread)
            listing = yield _native.Request.keys(thread=thread)
            there = [(namespace, checkpoint_id) for _, namespace, checkpoint_id in listing]
            fresh = [key for key in there if key not in seen]
            seen.update(fresh)
            needed |= yield from _needed(way.load, thread, gone, fresh)
            present = set(there)
            left = [key for key in left if key in present and key not in needed]
            if not left:
                break
        deleted = yield _native.Request.delete_checkpoints(thread, left[: way.chunk], mark, way.dry_run)
        if deleted:
            left = left[way.chunk :]
            removed += MaintenanceResult.of(deleted)
            way.progress.add(deleted[0])
            count, *last = mark
            mark = (count - deleted[0], *last)
            continue
        mark = None
        if (refused := refused + 1) > way.patience:
            logger.log(
                logging.WARNING if way.patience == PATIENCE else logging.DEBUG,
                "thread %r is being written to all the time: %d checkpoints were not removed",
                thread,
                len(left),
            )
            break
    if removed.checkpoints and not way.dry_run:
        yield _native.Request.sweep(thread)
    if needed:
        logger.info("kept %d checkpoints of thread %r that delta channels are rebuilt from", len(needed), thread)
    return replace(removed, threads=min(removed.threads, 1))


def _needed(load: Load, thread: str, doomed: set[Key], kept: list[Key]) -> Steps[set[Key]]:
    """The doomed checkpoints that a channel of a kept one is rebuilt from."""
    needed: set[Key] = set()
    for keys in _chunks(kept):
        descriptions = yield _native.Request.descriptions(thread, keys)
        for (namespace, checkpoint_id), description in zip(keys, descriptions, strict=True):
            # If the parent stays, the checkpoint is rebuilt through it, and the parent is examined by itself.
            if description is None or (namespace, description[0]) not in doomed:
                continue
            channels = _left_out(description[1])
            if channels:
                ancestors = yield from ancestors_needed(load, thread, namespace, checkpoint_id, channels)
                needed |= {(namespace, ancestor) for ancestor in ancestors} & doomed
    return needed


def _left_out(metadata: Any) -> list[str]:
    """The channels that a checkpoint may have left out, by its metadata."""
    counters = json.loads(metadata).get(COUNTERS) if metadata is not None else None
    return list(counters) if isinstance(counters, dict) else []


def _chunks(items: Sequence[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), CHUNK):
        yield list(items[start : start + CHUNK])
