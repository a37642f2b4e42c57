"""Databases as apps have them: opened by stock and by ours, by sqlite3 itself, in the layouts of old releases."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from fast_langgraph import RustSQLiteCheckpointer


@contextlib.contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The app's own connection; every statement is a transaction."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as conn:
        yield conn


@contextlib.contextmanager
def opened(side: str, path: Path) -> Iterator[SqliteSaver | RustSQLiteCheckpointer]:
    """Stock's saver or ours on this file."""
    with SqliteSaver.from_conn_string(str(path)) if side == "stock" else RustSQLiteCheckpointer(path) as saver:
        yield saver


@contextlib.asynccontextmanager
async def aopened(side: str, path: Path) -> AsyncIterator[AsyncSqliteSaver | RustSQLiteCheckpointer]:
    saver = AsyncSqliteSaver.from_conn_string(str(path)) if side == "stock" else RustSQLiteCheckpointer(path)
    async with saver as entered:
        yield entered


def without_task_path(path: Path) -> None:
    """Makes ``writes`` the table that releases before 3.1.1 made: it had no such column."""
    with connected(path) as conn:
        conn.executescript("""
            CREATE TABLE old (
                thread_id TEXT NOT NULL,
                checkpoint_ns TEXT NOT NULL DEFAULT '',
                checkpoint_id TEXT NOT NULL,
                task_id TEXT NOT NULL,
                idx INTEGER NOT NULL,
                channel TEXT NOT NULL,
                type TEXT,
                value BLOB,
                PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
            );
            INSERT INTO old SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value FROM writes;
            DROP TABLE writes;
            ALTER TABLE old RENAME TO writes;
        """)
