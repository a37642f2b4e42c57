"""Between LangGraph's checkpoints and the rows of the two tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langgraph.checkpoint.base import (
    EXCLUDED_METADATA_KEYS,
    WRITES_IDX_MAP,
    CheckpointTuple,
    get_checkpoint_metadata,
)

from fast_langgraph import _native, _saver_sql
from fast_langgraph._codec import Codec
from fast_langgraph._native import Blob

try:
    from langgraph.checkpoint.base import writes_sort_key
except ImportError:
    # Releases that let SQLite sort the writes.
    writes_sort_key = None  # type: ignore[assignment]


def _stock_metadata_bytes(config: Any, metadata: Any) -> bytes:
    return json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")


#: what a release does with each part of a config; ours is used where it does the same
_SAMPLE_CONFIG = {
    "metadata": {"a": 1, "b": "x\0y", "__c": 1, "source": "no", "langgraph_step": 1, "d": [1]},
    "configurable": {"thread_id": "1", "checkpoint_id": "2", "e": 0.1, "f": True, "g": None, "a": 2},
}
_SAMPLE_METADATA = {
    "source": "lo\0op",
    "step": -1,
    "parents": {},
    "n": None,
    "x": ['\u00e9\n"\\\x7f', 1e16, {"k": False}],
}


def metadata_bytes(config: Any, metadata: Any) -> bytes:
    """The metadata column: what a run's config adds to it included."""
    if _KNOWN_METADATA:
        written = _native.metadata_json(config, metadata, EXCLUDED_METADATA_KEYS)
        if written is not None:
            return written
    return _stock_metadata_bytes(config, metadata)


_KNOWN_METADATA = type(EXCLUDED_METADATA_KEYS) is set and _stock_metadata_bytes(
    _SAMPLE_CONFIG, _SAMPLE_METADATA
) == _native.metadata_json(_SAMPLE_CONFIG, _SAMPLE_METADATA, EXCLUDED_METADATA_KEYS)


def write_rows(
    codec: Codec,
    serde: Any,
    config: Any,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    *path: str,
) -> list[tuple[Any, ...]]:
    """The rows of a task's writes, with its path where the release stores one."""
    return [
        (
            str(config["configurable"]["thread_id"]),
            str(config["configurable"]["checkpoint_ns"]),
            str(config["configurable"]["checkpoint_id"]),
            task_id,
            *path,
            WRITES_IDX_MAP.get(channel, idx),
            channel,
            *codec.dumps(serde, value),
        )
        for idx, (channel, value) in enumerate(writes)
    ]


def configured(thread_id: Any, checkpoint_ns: Any, checkpoint_id: Any) -> dict[str, Any]:
    """The config of a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }


def write_order(write: tuple[Any, ...]) -> Any:
    """The order that a run has applied the writes of a step in; by a row (task, channel, type, value, path, idx)."""
    task_id, path, idx = write[0], write[4], write[5]
    return (task_id, idx) if writes_sort_key is None else writes_sort_key(path, task_id, idx)


def checkpoint_tuple(
    codec: Codec, serde: Any, config: Any, checkpoint_ns: Any, row: tuple[Any, ...], writes: list[tuple[Any, ...]]
) -> CheckpointTuple:
    """The checkpoint of a row (thread, id, parent, type, checkpoint, metadata) and its rows of writes, in order.

    ``config`` is the checkpoint's own, or None to make it from the row.
    """
    thread_id, checkpoint_id, parent_id, kind, blob, metadata = row
    if config is None:
        config = configured(thread_id, checkpoint_ns, checkpoint_id)
    checkpoint = codec.loads(serde, kind, blob)
    described = json.loads(metadata) if metadata is not None else {}
    parent = configured(thread_id, checkpoint_ns, parent_id) if parent_id else None
    pending = [(write[0], write[1], codec.loads(serde, write[2], write[3])) for write in writes]
    return CheckpointTuple(config, checkpoint, described, parent, pending)  # type: ignore[arg-type]


def pending_writes(get_tuple: Any) -> tuple[Callable[[Any], str], Callable[[list[Any]], list[Any]]]:
    """A function that gives the statement for a saver's pending writes, and one that puts their rows in order.

    The release of the saver decides who sorts, not that of the base package, which may know more.
    """
    text = _saver_sql.pending_writes_statement(get_tuple)
    if text is not None:
        return lambda saver: text, lambda rows: rows
    from langgraph.checkpoint.sqlite.utils import pending_writes_sql

    return lambda saver: pending_writes_sql(saver._has_task_path), lambda rows: sorted(rows, key=write_order)


def plain(value: Any) -> Any:
    """What sqlite3 can bind."""
    return bytes(value) if type(value) is Blob else value
