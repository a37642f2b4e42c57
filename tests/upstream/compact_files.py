"""A pytest plugin: the savers that upstream's tests make find a database in the compact layout, and are stock's."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph


def schema() -> str:
    """What the checkpointer makes of a new file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "compact.db")
        with fast_langgraph.RustSQLiteCheckpointer(path, layout="compact") as checkpointer:
            checkpointer.setup()
        with closing(sqlite3.connect(path)) as conn:
            texts = [text for (text,) in conn.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    # Some tests have made the other table before.
    return ";\n".join(texts).replace("CREATE TABLE writes", "CREATE TABLE IF NOT EXISTS writes")


SCHEMA = schema()
MADE = "SELECT count(*) FROM sqlite_master WHERE name IN ('checkpoints', 'fl_checkpoints')"


def pytest_configure() -> None:
    stock, astock = SqliteSaver.setup, AsyncSqliteSaver.setup

    @wraps(stock)
    def setup(self: Any) -> None:
        if not self.is_setup and self.conn.execute(MADE).fetchone() == (0,):
            self.conn.executescript(SCHEMA)
        stock(self)

    @wraps(astock)
    async def asetup(self: Any) -> None:
        if not self.is_setup:
            async with self.lock:
                async with self.conn.execute(MADE) as cursor:
                    found = await cursor.fetchone()
                if found == (0,):
                    await self.conn.executescript(SCHEMA)
        await astock(self)

    SqliteSaver.setup = setup  # type: ignore[method-assign]
    AsyncSqliteSaver.setup = asetup  # type: ignore[method-assign]
    assert not fast_langgraph.is_patched()
