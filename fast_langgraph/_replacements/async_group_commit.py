"""Group commit for ``AsyncSqliteSaver``: one hop to aiosqlite's thread for all that waits for the saver's lock."""

from __future__ import annotations

import asyncio
from typing import Any

from fast_langgraph._native import Operation, Unsupported
from fast_langgraph._replacements.group_commit import QueuedOperation, Statements, execute, queue_of


async def commit(saver: Any, statements: Statements, change: str | None = None) -> bool:
    """Carries out the statements under the saver's lock, together with what waits for it.

    ``change`` is as in ``group_commit.commit``.
    False if only sqlite3 can, with nothing begun. A caller that is cancelled while it waits takes its operation
    back. A batch that has been handed over is carried out even if callers are cancelled, and the others get
    their outcome.
    """
    try:
        own = QueuedOperation(Operation(statements, change))
        await _commit(saver, own)
    except Unsupported:
        return False
    return own.outcome()


async def _commit(saver: Any, own: QueuedOperation) -> None:
    queue = queue_of(saver)
    queue.operations.append(own)
    try:
        async with saver.lock:
            if own.batch is None:
                operations = queue.take_all()
                executed = saver.conn._execute(execute, saver.conn._conn, operations, queue.states, False)
                batch = asyncio.ensure_future(executed)
                # Retrieved here, so that asyncio does not complain if all callers are cancelled.
                batch.add_done_callback(_retrieve)
                for queued in operations:
                    queued.batch = batch
                await asyncio.shield(batch)
    except BaseException:
        queue.take_back(own)
        raise
    await asyncio.shield(own.batch)


def _retrieve(batch: asyncio.Future[None]) -> None:
    if not batch.cancelled():
        batch.exception()
