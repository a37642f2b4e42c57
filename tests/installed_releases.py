"""What the installed releases have, found by looking: the tests run against old ones too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

try:
    from langgraph.checkpoint.serde.event_hooks import emit_serde_event, register_serde_event_listener

    HAS_EVENTS = True
except ImportError:
    HAS_EVENTS = False

    def emit_serde_event(event: Any) -> None:
        """Older releases tell of nothing."""

    def register_serde_event_listener(listener: Callable[[Any], None]) -> Callable[[], None]:
        """Older releases tell of nothing."""
        return lambda: None


try:
    from langgraph.checkpoint.serde.types import _DeltaSnapshot

    HAS_SNAPSHOTS = True
except ImportError:
    HAS_SNAPSHOTS = False

    class _DeltaSnapshot(NamedTuple):
        """An ordinary named tuple, where the release has none."""

        value: Any


HAS_HISTORY = "get_delta_channel_history" in vars(SqliteSaver)
HAS_ALLOWLIST = "allowed_msgpack_modules" in inspect.signature(JsonPlusSerializer).parameters
HAS_TASK_PATH = hasattr(SqliteSaver, "_has_task_path")

needs_allowlist = pytest.mark.skipif(not HAS_ALLOWLIST, reason="this release has no allowlist")
needs_events = pytest.mark.skipif(not HAS_EVENTS, reason="this release tells of no events")
needs_history = pytest.mark.skipif(not HAS_HISTORY, reason="this release has no delta channels")


def allowing(modules: Any, **settings: Any) -> JsonPlusSerializer:
    """A serializer with this allowlist, or without one where the release has none."""
    if HAS_ALLOWLIST:
        settings["allowed_msgpack_modules"] = modules
    return JsonPlusSerializer(**settings)
