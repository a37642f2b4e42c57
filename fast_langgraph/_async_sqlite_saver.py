"""``AsyncSqliteSaver``: one hop to aiosqlite's thread for each operation, or for many that wait together.

Values are encoded and decoded on the loop's thread, where stock does it: a user's validator may count on
the loop, the thread and the context. Only Rust-owned bytes go to the other thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import aiosqlite.core
from aiosqlite import Connection as _Connection

from fast_langgraph import _native, _saver_sql
from fast_langgraph._codec import Codec
from fast_langgraph._commit import Statements, Waiting, carry_out, queue_of
from fast_langgraph._guards import Guard, checked
from fast_langgraph._native import Operation, Unsupported
from fast_langgraph._rows import (
    checkpoint_tuple,
    configured,
    metadata_bytes,
    pending_writes,
    plain,
    write_rows,
)
from fast_langgraph._sites import PatchSite
from fast_langgraph._sqlite_saver import ONLY_SQLITE3, without_handle


async def commit(saver: Any, statements: Statements) -> bool:
    """Carries out the statements under the saver's lock, in company of what waits for it.

    False where only sqlite3 can, with nothing begun. A caller that is cancelled while it waits takes its
    operation back; once a batch is on its way it is carried out whatever becomes of its callers, and each
    of the others hears of it.
    """
    try:
        entry = Waiting(Operation(statements))
        await _commit(saver, entry)
    except Unsupported:
        return False
    return entry.outcome()


async def _commit(saver: Any, entry: Waiting) -> None:
    queue = queue_of(saver)
    queue.waiting.append(entry)
    try:
        async with saver.lock:
            if entry.batch is None:
                entries = queue.take()
                batch = asyncio.ensure_future(saver.conn._execute(carry_out, saver.conn._conn, entries, False))
                # Retrieved here, so that a batch whose callers are all cancelled does not complain.
                batch.add_done_callback(_retrieve)
                for taken in entries:
                    taken.batch = batch
                await asyncio.shield(batch)
    except BaseException:
        queue.give_up(entry)
        raise
    await asyncio.shield(entry.batch)


def _retrieve(batch: asyncio.Future[None]) -> None:
    if not batch.cancelled():
        batch.exception()


def connection(saver: Any) -> Any:
    """The sqlite3 connection of a saver whose aiosqlite connection is of the kind that is known, else None."""
    conn = getattr(saver, "conn", None)
    return getattr(conn, "_connection", None) if type(conn) is _Connection else None


def _unknown_aiosqlite() -> str:
    """Why aiosqlite can't be used: what is used of it is private, and may go; empty where it is there."""
    missing = [name for name in ("_conn", "_execute") if not hasattr(_Connection, name)]
    missing += [] if "sqlite3" in vars(aiosqlite.core) else ["core.sqlite3"]
    return f"this release of aiosqlite has no {' and no '.join(missing)}" if missing else ""


def sites(aio: Any, serializer: list[PatchSite]) -> list[PatchSite]:
    from langgraph.checkpoint.base import WRITES_IDX_MAP

    codec = Codec(*serializer)
    owner = aio.AsyncSqliteSaver
    guard = Guard(owner, "setup")

    def aput(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        statement = _saver_sql.put_statement(stock)
        may_run = checked(site, guard, connection)

        @wraps(stock)
        async def aput(self: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            if not may_run(self):
                return await stock(self, config, checkpoint, metadata, new_versions)
            await self.setup()
            configurable = config["configurable"]
            thread_id = configurable["thread_id"]
            checkpoint_ns = configurable["checkpoint_ns"]
            kind, blob = codec.dumps(self.serde, checkpoint)
            described = metadata_bytes(config, metadata)
            row = (
                str(thread_id),
                checkpoint_ns,
                checkpoint["id"],
                configurable.get("checkpoint_id"),
                kind,
                blob,
                described,
            )
            if not await commit(self, [(statement, [row])]):
                site.counts.gave_up(ONLY_SQLITE3)
                # A value of no type that is bound here: sqlite3's own way to bind it, or its error.
                async with self.lock, self.conn.execute(statement, tuple(map(plain, row))):
                    await self.conn.commit()
            return configured(thread_id, checkpoint_ns, checkpoint["id"])

        return aput

    def aput_writes(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        replace, ignore, has_path = _saver_sql.put_writes_statements(stock)
        may_run = checked(site, guard, connection)

        @wraps(stock)
        async def aput_writes(
            self: Any, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
        ) -> None:
            if not may_run(self):
                await stock(self, config, writes, task_id, task_path)
                return
            statement = replace if all(w[0] in WRITES_IDX_MAP for w in writes) else ignore
            await self.setup()
            rows = write_rows(codec, self.serde, config, writes, task_id, *((task_path,) if has_path else ()))
            if not await commit(self, [(statement, rows)]):
                site.counts.gave_up(ONLY_SQLITE3)
                async with self.lock, self.conn.cursor() as cursor:
                    await cursor.executemany(statement, [tuple(map(plain, row)) for row in rows])
                    await self.conn.commit()

        return aput_writes

    def adelete_thread(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        statements = _saver_sql.delete_statements(stock)
        may_run = checked(site, guard, connection)

        @wraps(stock)
        async def adelete_thread(self: Any, thread_id: str) -> None:
            if not may_run(self):
                await stock(self, thread_id)
                return
            row = (str(thread_id),)
            if not await commit(self, [(statement, [row]) for statement in statements]):
                site.counts.gave_up(ONLY_SQLITE3)
                await stock(self, thread_id)

        return adelete_thread

    def aget_tuple(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        by_id, latest = _saver_sql.get_tuple_statements(stock)
        writes_statement, in_order = pending_writes(stock)
        may_run = checked(site, guard, connection)

        @wraps(stock)
        async def aget_tuple(self: Any, config: Any) -> Any:
            if not may_run(self):
                return await stock(self, config)
            await self.setup()
            configurable = config["configurable"]
            checkpoint_ns = configurable.get("checkpoint_ns", "")
            checkpoint_id = configurable.get("checkpoint_id")
            thread_id = str(configurable["thread_id"])
            parameters = (thread_id, checkpoint_ns, checkpoint_id) if checkpoint_id else (thread_id, checkpoint_ns)
            statement = by_id if checkpoint_id else latest
            found: Any = NotImplemented
            try:
                async with self.lock:
                    conn = self.conn
                    found = await conn._execute(
                        _native.fetch_checkpoint, conn._conn, statement, parameters, writes_statement(self)
                    )
            except Unsupported:
                pass
            if found is NotImplemented:
                site.counts.gave_up(ONLY_SQLITE3)
                return await stock(self, config)
            if found is None:
                return None
            own = config if checkpoint_id else None
            row, writes = found
            return checkpoint_tuple(codec, self.serde, own, checkpoint_ns, row, in_order(writes))

        return aget_tuple

    makers = {
        "aput": aput,
        "aput_writes": aput_writes,
        "aget_tuple": aget_tuple,
        "adelete_thread": adelete_thread,
    }
    skip = _unknown_aiosqlite() or without_handle(vars(aiosqlite.core)["sqlite3"])
    beside = [owner.setup]
    return [PatchSite(owner, attribute, make, skip=skip, beside=beside) for attribute, make in makers.items()]
