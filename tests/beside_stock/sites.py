"""Whether a call ran in Rust or went back to stock's code, by the counts of status()."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import fast_langgraph


@contextlib.contextmanager
def never_falls_back(*sites: str) -> Iterator[None]:
    """Fails unless each site is active and hands no call within back to stock."""
    before = {name: dict(site.fallbacks) for name, site in _sites().items()}
    for name in sites:
        assert before.get(name) is not None, f"{name} is no site: {sorted(before)}"
    yield
    for name in sites:
        site = _sites()[name]
        assert site.state == "active", f"{name} is {site.state}: {site.reason}"
        assert dict(site.fallbacks) == before[name], f"{name} went back to stock: {site.fallbacks}"


@contextlib.contextmanager
def runs_native(*sites: str) -> Iterator[None]:
    """Fails unless each site is called within, and none hands a call back to stock."""
    calls = {name: site.calls for name, site in _sites().items()}
    with never_falls_back(*sites):
        yield
    for name in sites:
        assert _sites()[name].calls > calls[name], f"{name} was not called"


@contextlib.contextmanager
def falls_back(name: str) -> Iterator[None]:
    """Fails unless the site hands a call back to stock within and counts it with a reason."""
    site = _sites()[name]
    calls, count = site.calls, sum(site.fallbacks.values())
    yield
    site = _sites()[name]
    assert site.calls > calls, f"{name} was not called"
    assert sum(site.fallbacks.values()) > count, f"{name} did not go back to stock"
    assert all(isinstance(reason, str) and reason for reason in site.fallbacks), site.fallbacks


def _sites() -> dict[str, Any]:
    return fast_langgraph.status().sites
