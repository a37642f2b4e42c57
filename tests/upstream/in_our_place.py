"""A pytest plugin that has upstream's tests of its savers run on RustSQLiteCheckpointer: ``-p in_our_place``.

It has to be imported before the tests are. One that passes without having made a checkpointer fails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import langgraph.checkpoint.sqlite
import langgraph.checkpoint.sqlite.aio
import pytest

from fast_langgraph import RustSQLiteCheckpointer

#: tests of functions in upstream's package, which make no saver
WITHOUT_A_SAVER = ("test_search_where", "test_metadata_predicate", "test_metadata_predicate_sql_injection_prevention")


class InOurPlace(RustSQLiteCheckpointer):
    """With the attribute that upstream's tests look at the file by: a connection of the test's own."""

    made = 0
    layout = "standard"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, layout=self.layout, **kwargs)
        type(self).made += 1

    @property
    def conn(self) -> sqlite3.Connection:
        if self.path == ":memory:":
            raise AttributeError("no other connection reaches a database in memory")
        if "_own" not in vars(self):
            self._own = sqlite3.connect(self.path)
        return self._own

    def close(self) -> None:
        if "_own" in vars(self):
            self._own.close()
        super().close()


langgraph.checkpoint.sqlite.SqliteSaver = InOurPlace  # type: ignore[misc,assignment]
langgraph.checkpoint.sqlite.aio.AsyncSqliteSaver = InOurPlace  # type: ignore[misc,assignment]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    before = InOurPlace.made
    yield
    if InOurPlace.made == before and getattr(item, "originalname", "") not in WITHOUT_A_SAVER:
        pytest.fail("the test passed without a checkpointer of ours")
