"""A pytest plugin: the savers that upstream's tests make find a database in the compact layout, and are stock's."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
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
TABLES = "SELECT count(*) FROM sqlite_master WHERE name IN ('checkpoints', 'fl_checkpoints')"

#: tests that call nothing which reads or writes a database
WITHOUT_A_FILE = (
    "test_empty_channels_returns_empty_mapping_sync",
    "test_empty_channels_returns_empty_mapping_async",
    "test_informative_async_errors",
    "test_search_where",
    "test_metadata_predicate",
    "test_metadata_predicate_sql_injection_prevention",
)

made = 0  # by the test that is run


def pytest_configure() -> None:
    stock, astock = SqliteSaver.setup, AsyncSqliteSaver.setup

    @wraps(stock)
    def setup(self: Any) -> None:
        global made
        if not self.is_setup and self.conn.execute(TABLES).fetchone() == (0,):
            self.conn.executescript(SCHEMA)
            made += 1
        stock(self)

    @wraps(astock)
    async def asetup(self: Any) -> None:
        global made
        if not self.is_setup:
            async with self.lock:
                async with self.conn.execute(TABLES) as cursor:
                    found = await cursor.fetchone()
                if found == (0,):
                    await self.conn.executescript(SCHEMA)
                    made += 1
        await astock(self)

    SqliteSaver.setup = setup  # type: ignore[method-assign]
    AsyncSqliteSaver.setup = asetup  # type: ignore[method-assign]
    assert not fast_langgraph.is_patched()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[object]:
    global made
    made = 0
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """After the test itself, which may raise."""
    if not made and getattr(item, "originalname", "") not in WITHOUT_A_FILE:
        pytest.fail("the test passed without a file in the compact layout")
