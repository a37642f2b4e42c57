"""``AsyncSqliteSaver``: one hop to aiosqlite's thread for each operation, or for all that wait together.

Values are encoded and decoded on the event loop's thread, as in stock: a user's validator may depend on the loop,
the thread and the context. Only bytes owned by Rust go to the other thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import aiosqlite.core
from aiosqlite import Connection as _Connection

from fast_langgraph import _native
from fast_langgraph._native import Unsupported
from fast_langgraph._replacements import new_files, statements
from fast_langgraph._replacements.async_group_commit import commit
from fast_langgraph._replacements.delta_channels import aget_delta_channel_history
from fast_langgraph._replacements.group_commit import queue_of
from fast_langgraph._replacements.guards import Guard
from fast_langgraph._replacements.operations import ONLY_SQLITE3, GetTuple, PutWrites, for_sqlite3, why_not_rust
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.memory import PATCHED
from fast_langgraph._shared.rows import encode_checkpoint
from fast_langgraph._stock_code.methods import StockMethod


def make_sites(aio: Any, serializer: list[PatchSite]) -> list[PatchSite]:
    dumps, loads = serializer
    codec = Codec(dumps.method.owner, dumps.serves, loads.serves, PATCHED)
    owner = aio.AsyncSqliteSaver
    guard = Guard(owner, _connection, "setup")
    skip = _unknown_aiosqlite() or why_not_rust(vars(aiosqlite.core)["sqlite3"])

    def site(attribute: str, make: Callable[[PatchSite, Guard, Codec], Callable[..., Any]]) -> PatchSite:
        return PatchSite(StockMethod(owner, attribute, [owner.setup]), lambda site: make(site, guard, codec), skip=skip)

    return [
        site("aput", aput),
        site("aput_writes", aput_writes),
        site("aget_tuple", aget_tuple),
        site("adelete_thread", adelete_thread),
        site("aget_delta_channel_history", aget_delta_channel_history),
        site("setup", new_files.asetup),
    ]


def aput(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    statement = statements.put_statement(stock)
    may_run = guard.may_run(site)

    @wraps(stock)
    async def aput(self: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if not may_run(self):
            return await stock(self, config, checkpoint, metadata, new_versions)
        await self.setup()
        encoded = encode_checkpoint(codec, self.serde, config, checkpoint, metadata, PATCHED.owner(self))
        row = encoded.row(config, checkpoint)
        if not await commit(self, [(statement, [row])], "put"):
            site.counts.gave_up(ONLY_SQLITE3)
            # Rust does not bind a value of this type: sqlite3 binds it, or raises.
            async with self.lock, self.conn.execute(statement, for_sqlite3(row)):
                await self.conn.commit()
        return encoded.config(checkpoint)

    return aput


def aput_writes(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    operation = PutWrites(stock, codec)
    may_run = guard.may_run(site)

    @wraps(stock)
    async def aput_writes(
        self: Any, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        if not may_run(self):
            await stock(self, config, writes, task_id, task_path)
            return
        statement = operation.statement(writes)
        await self.setup()
        rows = operation.rows(self, config, writes, task_id, task_path)
        if not await commit(self, [(statement, rows)]):
            site.counts.gave_up(ONLY_SQLITE3)
            async with self.lock, self.conn.cursor() as cursor:
                await cursor.executemany(statement, list(map(for_sqlite3, rows)))
                await self.conn.commit()

    return aput_writes


def aget_tuple(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    operation = GetTuple(stock, codec)
    may_run = guard.may_run(site)

    @wraps(stock)
    async def aget_tuple(self: Any, config: Any) -> Any:
        if not may_run(self):
            return await stock(self, config)
        await self.setup()
        query = operation.query(config)
        try:
            async with self.lock:
                conn = self.conn
                found = await conn._execute(
                    _native.fetch_checkpoint,
                    conn._conn,
                    query.statement,
                    query.parameters,
                    operation.writes_statement(self),
                    queue_of(self).states,
                )
        except Unsupported:
            found = NotImplemented
        if found is NotImplemented:
            site.counts.gave_up(ONLY_SQLITE3)
            return await stock(self, config)
        return operation.result(self, query, found)

    return aget_tuple


def adelete_thread(site: PatchSite, guard: Guard, _codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    both = statements.delete_statements(stock)
    may_run = guard.may_run(site)

    @wraps(stock)
    async def adelete_thread(self: Any, thread_id: str) -> None:
        if not may_run(self):
            await stock(self, thread_id)
            return
        row = (str(thread_id),)
        if not await commit(self, [(statement, [row]) for statement in both], "delete_thread"):
            site.counts.gave_up(ONLY_SQLITE3)
            await stock(self, thread_id)
        PATCHED.forget_thread(id(self), row[0])

    return adelete_thread


def _connection(saver: Any) -> Any:
    """The saver's sqlite3 connection; None if its aiosqlite connection is of an unknown class."""
    conn = getattr(saver, "conn", None)
    return getattr(conn, "_connection", None) if type(conn) is _Connection else None


def _unknown_aiosqlite() -> str:
    """Why this aiosqlite can't be used: we use private parts of it, which may be gone; empty if they are there."""
    missing = [name for name in ("_conn", "_execute") if not hasattr(_Connection, name)]
    missing += [] if "sqlite3" in vars(aiosqlite.core) else ["core.sqlite3"]
    return f"this release of aiosqlite has no {' and no '.join(missing)}" if missing else ""
