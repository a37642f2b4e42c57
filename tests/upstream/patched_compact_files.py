"""A pytest plugin: ``patch(layout="compact")`` around upstream's tests of its savers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import wraps
from typing import Any

import pytest
from compact_files import WITHOUT_A_FILE

import fast_langgraph
from fast_langgraph import _native

#: savers without a table of checkpoints in which ours makes a compact one; and in which some do so by themselves
MAKES_A_TABLE = "test_writes_task_path_migration.py"

made = 0  # by the test that is run
_make_compact = _native.make_compact


@wraps(_make_compact)
def make_compact(conn: Any) -> str | None:
    global made
    reason = _make_compact(conn)
    with contextlib.closing(conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'fl_checkpoints'")) as found:
        made += found.fetchone() is not None
    return reason


def pytest_configure() -> None:
    _native.make_compact = make_compact
    fast_langgraph.patch(layout="compact")
    sites = fast_langgraph.status().sites
    assert all(site.state == "active" for site in sites.values()), sites


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[object]:
    global made
    made = 0
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """After the test itself, which may raise."""
    named = getattr(item, "originalname", "")
    if not made and named not in WITHOUT_A_FILE and item.path.name != MAKES_A_TABLE:
        pytest.fail("the test passed without a file in the compact layout")
