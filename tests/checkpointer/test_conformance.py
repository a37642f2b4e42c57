"""Upstream's conformance suite, by the async entry points and by the sync ones, and delta channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import BASE_CAPABILITIES, EXTENDED_CAPABILITIES, Capability
from langgraph.checkpoint.conformance.report import ProgressCallbacks

from beside_stock.equality import difference
from fast_langgraph import RustSQLiteCheckpointer
from installed_releases import needs_history
from samples import graphs


class SyncCalls(RustSQLiteCheckpointer):
    """The sync methods, called where the suite awaits the async ones."""

    async def aput(self, *args: Any, **kwargs: Any) -> Any:
        return self.put(*args, **kwargs)

    async def aput_writes(self, *args: Any, **kwargs: Any) -> None:
        self.put_writes(*args, **kwargs)

    async def aget_tuple(self, *args: Any, **kwargs: Any) -> Any:
        return self.get_tuple(*args, **kwargs)

    async def alist(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        for found in self.list(*args, **kwargs):
            yield found

    async def adelete_thread(self, *args: Any, **kwargs: Any) -> None:
        self.delete_thread(*args, **kwargs)

    async def adelete_for_runs(self, *args: Any, **kwargs: Any) -> None:
        self.delete_for_runs(*args, **kwargs)

    async def acopy_thread(self, *args: Any, **kwargs: Any) -> None:
        self.copy_thread(*args, **kwargs)

    async def aprune(self, *args: Any, **kwargs: Any) -> None:
        self.prune(*args, **kwargs)


ENTRY_POINTS = {"async": RustSQLiteCheckpointer, "sync": SyncCalls}


def suite_of(capability: str) -> list[str]:
    """The suite's own list: none of it may be left out unnoticed."""
    module = import_module(f"langgraph.checkpoint.conformance.spec.test_{capability}")
    return [test.__name__ for test in getattr(module, f"ALL_{capability.upper()}_TESTS")]


def test_the_suite_tests_eight_capabilities_and_sync_calls_stand_in_for_each():
    capabilities = {capability.value for capability in BASE_CAPABILITIES | EXTENDED_CAPABILITIES}
    assert len(capabilities) == 8
    routed = {name for name in vars(SyncCalls) if not name.startswith("_")}
    assert routed == {f"a{name}" for name in capabilities}


@pytest.mark.asyncio
@pytest.mark.parametrize("capability", [capability.value for capability in Capability])
@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize("place", ["file", "memory"])
@pytest.mark.parametrize("layout", ["standard", "compact"])
async def test_the_checkpointer_has_the_capability(capability, entry, place, layout, path):
    passed: list[str] = []
    failed: list[str] = []

    @checkpointer_test(name=entry)
    async def saver():
        async with ENTRY_POINTS[entry](path if place == "file" else ":memory:", layout=layout) as opened:
            yield opened

    def note(capability: str, test: str, success: bool, error: str | None) -> None:
        if success:
            passed.append(test)
        else:
            failed.append(f"{test}: {error}")

    report = await validate(saver, capabilities={capability}, progress=ProgressCallbacks(on_test_result=note))
    result = report.results[capability]
    assert result.detected
    assert result.passed, failed
    assert not failed
    assert passed == suite_of(capability)


# --- delta channels: what the base class does with get_tuple alone is what the way of our own must give ---


def reference(checkpointer, **question):
    return BaseCheckpointSaver.get_delta_channel_history(checkpointer, **question)


@needs_history
def test_the_history_of_delta_channels_is_that_of_the_base_class(checkpointer):
    app = graphs.delta().compile(checkpointer=checkpointer)
    for n in range(9):
        app.invoke({"items": [n]}, graphs.CONFIG)
    configs = [found.config for found in checkpointer.list(graphs.CONFIG)] + [graphs.CONFIG]
    seeds = writes = 0
    for config in configs:
        question = {"config": config, "channels": ["items", "count", "none"]}
        ours = checkpointer.get_delta_channel_history(**question)
        assert difference(reference(checkpointer, **question), ours) is None
        seeds += "seed" in ours["items"]
        writes += len(ours["items"]["writes"])
    # Both kinds were met: chains that end in a snapshot, and writes on the way to it.
    assert seeds
    assert writes


@needs_history
@pytest.mark.asyncio
async def test_the_async_history_of_delta_channels_is_that_of_the_base_class(checkpointer):
    app = graphs.delta().compile(checkpointer=checkpointer)
    for n in range(9):
        await app.ainvoke({"items": [n]}, graphs.CONFIG)
    configs = [found.config async for found in checkpointer.alist(graphs.CONFIG)]
    assert len(configs) > 20
    for config in configs:
        question = {"config": config, "channels": ["items", "count"]}
        ours = await checkpointer.aget_delta_channel_history(**question)
        assert difference(reference(checkpointer, **question), ours) is None


@needs_history
@pytest.mark.asyncio
async def test_states_of_delta_channels_are_the_same_sync_and_async(checkpointer):
    app = graphs.delta().compile(checkpointer=checkpointer)
    for n in range(6):
        await app.ainvoke({"items": [n]}, graphs.CONFIG)
    states = list(app.get_state_history(graphs.CONFIG))
    astates = [state async for state in app.aget_state_history(graphs.CONFIG)]
    assert difference([state.values for state in states], [state.values for state in astates]) is None
    # Six inputs, and three items of the two nodes each time.
    assert len(states[0].values["items"]) == 6 * 4


@needs_history
@pytest.mark.asyncio
async def test_a_thread_that_does_not_exist_has_an_empty_history(checkpointer):
    question = {"config": {"configurable": {"thread_id": "nobody"}}, "channels": ["items"]}
    assert checkpointer.get_delta_channel_history(**question) == {"items": {"writes": []}}
    assert await checkpointer.aget_delta_channel_history(**question) == {"items": {"writes": []}}
