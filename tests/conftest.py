"""Runs every test under patch(), except those that say for themselves how they are patched."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import fast_langgraph

# Its assertions tell what differs, as those of a test's own file.
pytest.register_assert_rewrite("beside_stock.graph_runs")


@pytest.fixture(autouse=True)
def patched(request: pytest.FixtureRequest) -> Iterator[None]:
    """``patch()`` around the test. ``@pytest.mark.unpatched`` leaves it to the test."""
    if request.node.get_closest_marker("unpatched"):
        yield
        fast_langgraph.unpatch()
        return
    fast_langgraph.patch()
    assert fast_langgraph.is_patched()
    yield
    fast_langgraph.unpatch()


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    """No test leaves Python's garbage collector off."""
    assert gc.isenabled()
    yield
    assert gc.isenabled()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unpatched: the test calls patch() itself")
    config.addinivalue_line("markers", "soak: `make soak` runs it too, longer")
