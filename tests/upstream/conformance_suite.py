"""Upstream's conformance suite on the SQLite savers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.conformance.report import ProgressCallbacks
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class SyncFromAsync(SqliteSaver):
    """SqliteSaver, its own methods called where the suite awaits the async ones."""

    async def aput(self, *args: Any, **kwargs: Any) -> Any:
        return self.put(*args, **kwargs)

    async def aput_writes(self, *args: Any, **kwargs: Any) -> None:
        self.put_writes(*args, **kwargs)

    async def aget_tuple(self, *args: Any, **kwargs: Any) -> Any:
        return self.get_tuple(*args, **kwargs)

    async def alist(self, *args: Any, **kwargs: Any) -> Any:
        for found in self.list(*args, **kwargs):
            yield found

    async def adelete_thread(self, *args: Any, **kwargs: Any) -> None:
        self.delete_thread(*args, **kwargs)


@checkpointer_test(name="AsyncSqliteSaver")
async def async_saver():
    async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
        yield saver


@checkpointer_test(name="SqliteSaver")
async def sync_saver():
    with SyncFromAsync.from_conn_string(":memory:") as saver:
        yield saver


@pytest.mark.asyncio
@pytest.mark.parametrize("capability", [capability.value for capability in Capability])
@pytest.mark.parametrize("saver", [async_saver, sync_saver], ids=["AsyncSqliteSaver", "SqliteSaver"])
async def test_capability(saver: Any, capability: str, record_property: Callable[[str, object], None]) -> None:
    failed: list[str] = []

    def note(capability: str, test: str, passed: bool, error: str | None) -> None:
        # What is recorded is compared as well: the suite's tests one by one.
        record_property(test, "passed" if passed else "failed")
        if not passed:
            failed.append(f"{test}: {(error or '').strip().splitlines()[-1:]}")

    report = await validate(saver, capabilities={capability}, progress=ProgressCallbacks(on_test_result=note))
    result = report.results[capability]
    if not result.detected:
        pytest.skip("the saver has no such capability")
    assert result.tests_passed + result.tests_failed > 0
    assert result.passed, failed
