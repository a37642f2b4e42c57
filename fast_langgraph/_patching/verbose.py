"""What FAST_LANGGRAPH_VERBOSE=1 prints on stderr: a line whenever methods are patched, and a summary at exit."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any

from fast_langgraph._native import __version__

_registered = False


def announce(patched: list[str], status: Callable[[], Any]) -> None:
    """Prints the names of the sites that were patched, and at exit a summary of ``status()``."""
    global _registered
    if not _registered:
        _registered = True
        atexit.register(_summarize, status)
    if patched:
        _write(f"patched {', '.join(patched)}")


def _summarize(status: Callable[[], Any]) -> None:
    found = status()
    fallbacks = [
        (site.name, reason, count) for site in found.sites.values() for reason, count in site.fallbacks.items()
    ]
    by_stock = sum(count for _, _, count in fallbacks)
    calls = sum(site.calls for site in found.sites.values())
    _write(f"{calls - by_stock:,} calls on Rust, {by_stock:,} by stock's code; {found.basis}")
    for name, reason, count in fallbacks:
        _write(f"  {name}: {count:,} by stock's code: {reason}")


def _write(text: str) -> None:
    try:
        if sys.stderr is not None:
            print(f"fast_langgraph {__version__} (process {os.getpid()}): {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # stderr is closed
