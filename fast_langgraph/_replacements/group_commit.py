"""Group commit: operations that wait for a saver's lock are carried out by whoever holds it.

They share one transaction, and each is acknowledged after the commit. No operation is delayed to wait for
others. One that is alone is carried out just as stock does it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Encoding, Encodings, FileStates, Operation, Unsupported

#: the class of ``threading.Lock()``
Lock = type(threading.Lock())

#: the attribute where a saver, and every ``copy.copy`` of it, keeps its queue
QUEUE = "_fast_langgraph_queue"


#: pairs of a statement and the rows to execute it for
Statements = list[tuple[str, list[tuple[Any, ...]]]]


class QueuedOperation:
    """An operation that waits for a saver's lock, and its outcome."""

    __slots__ = ("batch", "done", "error", "operation")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.done = False
        self.error: BaseException | None = None
        #: of an async saver: the future of the transaction that it is part of
        self.batch: Any = None

    def outcome(self) -> bool:
        """True once it is on disk, False if only sqlite3 can do it; else raises what stock raises."""
        if isinstance(self.error, Unsupported):
            return False
        if self.error is not None:
            raise self.error
        return True


class Queue:
    """The operations that wait for one lock, the pending writes that are being encoded to wait for it, and what is in
    memory of the saver's file if that is in the compact layout.
    """

    __slots__ = ("encodings", "lock", "operations", "states")

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.encodings = Encodings()
        self.states = FileStates()
        self.operations: deque[QueuedOperation] = deque()

    def take_all(self) -> list[QueuedOperation]:
        """Oldest first; others may go on adding meanwhile."""
        taken: list[QueuedOperation] = []
        while True:
            try:
                taken.append(self.operations.popleft())
            except IndexError:
                return taken

    def take_back(self, queued: QueuedOperation) -> None:
        """Unless somebody has begun to carry it out."""
        try:
            self.operations.remove(queued)
        except ValueError:
            pass


def queue_of(saver: Any) -> Queue:
    queue = saver.__dict__.get(QUEUE)
    if queue is None or queue.lock is not saver.lock:
        # Two threads may come here at once: the first to store wins, and both use its queue.
        fresh = Queue(saver.lock)
        if queue is not None:
            saver.__dict__[QUEUE] = fresh
        queue = saver.__dict__.setdefault(QUEUE, fresh)
    return queue  # type: ignore[no-any-return]


def execute(conn: Any, batch: list[QueuedOperation], states: FileStates, commit_failed: bool) -> None:
    """Carries out the operations in one transaction and records the outcome of each.

    SqliteSaver's cursor commits even when an operation fails half-way (``commit_failed``). AsyncSqliteSaver
    leaves the transaction open then.
    """
    errors = _native.execute(conn, [queued.operation for queued in batch], commit_failed, states)
    for queued, error in zip(batch, errors, strict=True):
        queued.error = error
        queued.done = True


def commit(saver: Any, statements: Statements, change: str | None = None, encoding: Encoding | None = None) -> bool:
    """Carries out the statements under the saver's lock, together with what waits for it.

    ``change`` says what the first one does, "put" or "delete_thread", where the compact layout has a way of its own.
    ``encoding`` is that of the pending writes in the statements; it ends when they are queued. Everything else waits
    for those that have begun before. False where only sqlite3 can, with nothing begun.
    """
    try:
        own = QueuedOperation(Operation(statements, change))
        _commit(saver, own, encoding)
    except Unsupported:
        return False
    return own.outcome()


def _commit(saver: Any, own: QueuedOperation, encoding: Encoding | None) -> None:
    lock = saver.lock
    queue = queue_of(saver)
    if encoding is None:
        queue.encodings.wait()
    # The app may have put in a lock of its own, which may count its uses or be a mere context manager.
    contended = type(lock) is Lock and lock.locked()
    if contended:
        # Another thread may carry this out, so check here that this thread may use the connection.
        saver.conn.cursor().close()
    try:
        if contended:
            queue.operations.append(own)
            if encoding is not None:
                encoding.end()
        # Only `with` is safe: Ctrl-C between an acquire() and its try would leave the lock held for good.
        with lock:
            if encoding is not None:
                encoding.end()
            if not own.done:
                if contended:
                    queue.take_back(own)
                _execute_all(saver, queue, own)
    except BaseException:
        queue.take_back(own)
        raise


def _execute_all(saver: Any, queue: Queue, own: QueuedOperation) -> None:
    """With the lock held: carries out ``own`` and all that waits."""
    saver.setup()
    others = queue.take_all()
    try:
        execute(saver.conn, [own, *others], queue.states, True)
    except BaseException:
        # Nothing was begun, so each of the others runs into the cause itself.
        queue.operations.extendleft(reversed(others))
        raise
