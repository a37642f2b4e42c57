"""Group commit: operations that wait for a saver's lock are carried out by whoever holds it.

All of them in one transaction, each acknowledged after the commit; nothing is delayed to wait for
company. An operation that nobody else is waiting beside is carried out just as stock does it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Operation, Unsupported

#: the class of ``threading.Lock()``
Lock = type(threading.Lock())

#: where a saver, and every ``copy.copy`` of it, keeps what waits for its lock
QUEUE = "_fast_langgraph_queue"


#: pairs of a statement and the rows that it is executed for
Statements = list[tuple[str, list[tuple[Any, ...]]]]


class Waiting:
    """An operation in a queue, and what became of it."""

    __slots__ = ("batch", "done", "error", "operation")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.done = False
        self.error: BaseException | None = None
        #: of an async saver: the future of the hop that carries it out
        self.batch: Any = None

    def outcome(self) -> bool:
        """True once it is on disk, False where only sqlite3 can do it; else raises what stock raises."""
        if isinstance(self.error, Unsupported):
            return False
        if self.error is not None:
            raise self.error
        return True


class Queue:
    """What waits for one lock."""

    __slots__ = ("lock", "waiting")

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.waiting: deque[Waiting] = deque()

    def take(self) -> list[Waiting]:
        """All that waits, oldest first; others may go on adding meanwhile."""
        taken: list[Waiting] = []
        while True:
            try:
                taken.append(self.waiting.popleft())
            except IndexError:
                return taken

    def give_up(self, entry: Waiting) -> None:
        """Takes back what nobody has begun to carry out."""
        try:
            self.waiting.remove(entry)
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


def carry_out(conn: Any, entries: list[Waiting], commit_failed: bool = True) -> None:
    """Carries out the operations in one transaction and notes what became of each.

    What an operation did before it failed is committed by SqliteSaver, whose cursor does so on every way
    out, and left open by AsyncSqliteSaver.
    """
    errors = _native.execute(conn, [entry.operation for entry in entries], commit_failed)
    for entry, error in zip(entries, errors, strict=True):
        entry.error = error
        entry.done = True


def commit(saver: Any, statements: Statements) -> bool:
    """Carries out the statements under the saver's lock, in company of what waits for it.

    False where only sqlite3 can, with nothing begun.
    """
    try:
        entry = Waiting(Operation(statements))
        _commit(saver, entry)
    except Unsupported:
        return False
    return entry.outcome()


def _commit(saver: Any, entry: Waiting) -> None:
    lock = saver.lock
    queue = queue_of(saver)
    # An owner's own lock may count its uses, or be no more than a context manager.
    company = type(lock) is Lock and lock.locked()
    if company:
        # Whoever holds the lock may carry this out: on this thread it must be allowed to begin with.
        saver.conn.cursor().close()
    try:
        if company:
            queue.waiting.append(entry)
        # Taken by `with` alone: Ctrl-C between an acquire() and its try would leave it held for good.
        with lock:
            if not entry.done:
                if company:
                    queue.give_up(entry)
                _serve(saver, queue, entry)
    except BaseException:
        queue.give_up(entry)
        raise


def _serve(saver: Any, queue: Queue, own: Waiting) -> None:
    """With the lock held: carries out ``own`` and all that waits."""
    saver.setup()
    others = queue.take()
    try:
        carry_out(saver.conn, [own, *others])
    except BaseException:
        # Nothing was begun: each of the others meets the cause itself.
        queue.waiting.extendleft(reversed(others))
        raise
