"""Removes what need not be kept, behind the puts: ``RustSQLiteCheckpointer(retention=Retention(...))``."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fast_langgraph import _native
from fast_langgraph._checkpointer import pruning
from fast_langgraph._checkpointer.checkpoint_ids import id_at, is_before
from fast_langgraph._checkpointer.maintenance import MaintenanceResult, Progress

logger = logging.getLogger("fast_langgraph")

#: A transaction comes in between once there was no put for so many seconds, or after so many puts: so of a hundred puts
#: not one waits for it, however busy the app is.
IDLE, PUTS = 0.1, 150
#: It removes so many checkpoints at most.
CHUNK = 250
#: Attempts on a thread that is put into each time before anything can be removed: others wait, and its next put brings
#: it back.
PATIENCE = 2
#: In seconds: so often all threads are gone through, not only those that were put into.
EVERY = 3600.0
#: In seconds: without a put for so long the thread that works ends. The next put starts another.
LINGER = 5.0


@dataclass(frozen=True)
class Retention:
    """What is kept. Everything else goes, some time after the puts that make it superfluous.

    Args:
        keep_last: So many checkpoints of each namespace.
        max_age: What is older goes, as a timedelta or in seconds: threads whose latest checkpoint is, and in others all
            but the latest of each namespace.
        max_bytes: If the database's pages in use take more, the threads that were left alone for the longest time go,
            but none that had a checkpoint within the last hour. The file itself shrinks with ``vacuum()``.

    What delta channels are rebuilt from stays, and pending writes that may belong to a run, as in ``prune()``.
    """

    keep_last: int | None = None
    max_age: timedelta | float | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("keep_last", self.keep_last), ("max_bytes", self.max_bytes)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ValueError(f"{name} must be an int of at least 1, not {value!r}")
        if self.max_age is not None:
            pruning.moment(self.max_age, "max_age")
        if self.keep_last is None and self.max_age is None and self.max_bytes is None:
            raise ValueError("Retention() would keep everything: pass keep_last, max_age or max_bytes")


def check_retention(retention: Any, read_only: bool) -> None:
    if retention is not None and not isinstance(retention, Retention):
        raise TypeError(f"retention must be a Retention, not {retention!r}")
    if retention is not None and read_only:
        raise ValueError("retention removes checkpoints, which read_only does not allow")


class Keeper:
    """Carries a retention out on one thread, which holds no database open that nobody else uses."""

    def __init__(self, retention: Retention, engine: _native.Engine, load: Callable[[Any, Any], Any]) -> None:
        self._retention = retention
        self._engine = weakref.ref(engine)
        self._load = load
        self._condition = threading.Condition()
        #: threads that were put into since they were last pruned
        self._touched: dict[str, None] = {}
        self._last_put = 0.0
        self._puts = 0
        self._is_marked = False
        self._swept: float | None = None
        self._worker: threading.Thread | None = None
        self._is_closed = False
        #: what was removed in this process
        self.removed = MaintenanceResult()
        _KEEPERS.add(self)

    def touched(self, thread_id: str) -> None:
        """After a put."""
        self._touched[thread_id] = None
        self._last_put = time.monotonic()
        self._puts += 1
        if self._worker is None:
            self._start()

    def close(self) -> None:
        """Ends the thread after the transaction that it is at."""
        with self._condition:
            self._is_closed = True
            worker = self._worker
            self._condition.notify_all()
        if worker is not None and worker is not threading.current_thread():
            worker.join()

    def after_fork(self) -> None:
        """In the child, which has no such thread."""
        self._condition = threading.Condition()
        self._worker = None

    def _start(self) -> None:
        with self._condition:
            if self._worker is None and not self._is_closed:
                self._worker = threading.Thread(target=self._work, name="fast_langgraph retention", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        try:
            while self._wait() and (engine := self._engine()) is not None:
                steps = self._round()
                answer: Any = None
                while True:
                    try:
                        request = steps.send(answer)
                    except StopIteration:
                        break
                    if not self._wait_for_room(request):
                        return
                    answer = engine.run(request)
                del engine
        except sqlite3.Error as error:
            if not self._is_closed:
                logger.warning("retention goes on with the next put: %s", error)
        finally:
            with self._condition:
                self._worker = None

    def _wait(self) -> bool:
        """Waits until there is something to do; false if nothing comes for a while, or it is closed."""
        until = time.monotonic() + LINGER
        with self._condition:
            while not self._is_closed and not self._touched:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(min(left, IDLE))
            return not self._is_closed

    def _wait_for_room(self, request: _native.Request) -> bool:
        """Waits until a transaction may come in between; false if it is closed meanwhile.

        That is before the mark of a thread is asked for: the change that follows fails if the thread changes meanwhile.
        """
        has_room = request.writes and self._is_marked
        self._is_marked = request.marks or (self._is_marked and not request.writes)
        with self._condition:
            while (request.writes or request.marks) and not has_room and not self._is_closed:
                if time.monotonic() - self._last_put >= IDLE or self._puts >= PUTS:
                    self._puts = 0
                    break
                self._condition.wait(IDLE / 10)
            return not self._is_closed

    def _round(self) -> Generator[_native.Request, Any, None]:
        retention = self._retention
        sweeps = self._swept is None or time.monotonic() - self._swept >= EVERY
        if sweeps:
            self._swept = time.monotonic()
            self._touched.clear()
            threads = yield _native.Request.threads()
        else:
            threads = list(self._touched)
            for thread in threads:
                self._touched.pop(thread, None)
        way = pruning.Way(self._load, Progress(None), dry_run=False, chunk=CHUNK, patience=PATIENCE)
        age = retention.max_age
        for thread in threads:
            if age is not None:
                # Before the whole thread, if that is old: to remove all of it takes one transaction.
                yield from self._prune(way, thread, pruning.KEEP_LATEST, None, age)
                if sweeps:
                    yield from self._prune(way, thread, pruning.DELETE[0], None, age)
            if retention.keep_last is not None:
                yield from self._prune(way, thread, pruning.KEEP_LATEST, retention.keep_last, None)
        if retention.max_bytes is not None:
            yield from self._within(retention.max_bytes, way)

    def _prune(
        self, way: pruning.Way, thread: Any, strategy: str, keep_last: int | None, age: Any
    ) -> Generator[Any, Any, None]:
        self.removed += yield from pruning.prune(way, [thread], strategy, keep_last, age)

    def _within(self, max_bytes: int, way: pruning.Way) -> Generator[Any, Any, None]:
        """Removes the threads that were left alone for the longest time, until the database is small enough."""
        total, free = yield _native.Request.space()
        if total - free <= max_bytes:
            return
        threads = yield _native.Request.threads("last")
        for thread in reversed(threads):
            latest = yield _native.Request.keys(thread=thread, limit=1)
            if not len(latest) or not is_before(latest[0][2], id_at(pruning.moment(pruning.GRACE))):
                return  # those that follow are later still
            for strategy in (pruning.KEEP_LATEST, pruning.DELETE[0]):
                yield from self._prune(way, thread, strategy, None, pruning.GRACE)
            total, free = yield _native.Request.space()
            if total - free <= max_bytes:
                return


_KEEPERS: weakref.WeakSet[Keeper] = weakref.WeakSet()


def end_all() -> None:
    """Before the interpreter ends: no thread may come back from SQLite to one that is gone."""
    for keeper in list(_KEEPERS):
        keeper.close()


def after_fork() -> None:
    for keeper in list(_KEEPERS):
        keeper.after_fork()
