"""A pytest plugin: ``patch(layout="compact")`` around upstream's tests of its savers."""

from __future__ import annotations

import contextlib
from functools import wraps
from typing import Any

import compact_files
from compact_files import pytest_runtest_call, pytest_runtest_protocol

import fast_langgraph
from fast_langgraph import _native

_make_compact = _native.make_compact


@wraps(_make_compact)
def make_compact(conn: Any) -> str | None:
    reason = _make_compact(conn)
    with contextlib.closing(conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'fl_checkpoints'")) as found:
        compact_files.made += found.fetchone() is not None
    return reason


def pytest_configure() -> None:
    _native.make_compact = make_compact
    fast_langgraph.patch(layout="compact")
    sites = fast_langgraph.status().sites
    assert all(site.state == "active" for site in sites.values()), sites


__all__ = ["pytest_configure", "pytest_runtest_call", "pytest_runtest_protocol"]
