"""Checkpoints, their configs, metadata and pending writes, as LangGraph makes them."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver


def checkpoint_id(n: int) -> str:
    return f"1ef4f797-8335-6428-8001-{n:012x}"


def checkpoint(n: int = 0, **values: Any) -> dict[str, Any]:
    """A checkpoint as LangGraph makes them, with a fixed id."""
    return {
        "v": 4,
        "ts": "2024-05-04T06:32:42.235444+00:00",
        "id": checkpoint_id(n),
        "channel_values": {"count": n, **values},
        "channel_versions": {"__start__": f"{n:032}.0.5", "count": f"{n:032}.0.25"},
        "versions_seen": {"__input__": {}, "__start__": {"__start__": f"{n:032}.0.5"}},
        "updated_channels": ["count"],
    }


def config(thread: Any = "1", ns: Any = "", at: int | None = None, **more: Any) -> dict[str, Any]:
    """A config for a thread, a namespace and, with ``at``, a checkpoint."""
    configurable = {"thread_id": thread, "checkpoint_ns": ns, **more}
    if at is not None:
        configurable["checkpoint_id"] = checkpoint_id(at)
    return {"configurable": configurable}


METADATA = {"source": "loop", "step": 1, "parents": {}, "run_id": "r"}
WRITES = [("messages", ["hello", {"a": 1}]), ("count", 5), ("branch:to:x", None)]
SPECIAL = [("__error__", ValueError("x")), ("__interrupt__", [1, 2])]


def fill(saver: SqliteSaver, threads: tuple[Any, ...] = ("1",), steps: int = 3) -> None:
    """A few checkpoints with writes, each the child of the one before."""
    for thread in threads:
        at = None
        for n in range(steps):
            written = saver.put(config(thread, at=at), checkpoint(n, text="x" * n), {**METADATA, "step": n}, {})
            saver.put_writes(written, WRITES, f"task-{n}")
            saver.put_writes(written, SPECIAL, f"task-{n}", "~path")
            at = n
