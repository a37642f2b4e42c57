"""Between LangGraph's checkpoints and the rows of the two tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple, get_checkpoint_metadata

from fast_langgraph._codec import Codec

try:
    from langgraph.checkpoint.base import writes_sort_key
except ImportError:
    # Releases that let SQLite sort the writes.
    writes_sort_key = None


def metadata_bytes(config: Any, metadata: Any) -> bytes:
    """The metadata column: what a run's config adds to it included."""
    return json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")


def write_rows(
    codec: Codec,
    serde: Any,
    config: Any,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str | None,
) -> list[tuple[Any, ...]]:
    """The rows of a task's writes; without a task_path where the release stores none."""
    path = () if task_path is None else (task_path,)
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


def checkpoint_tuple(
    codec: Codec, serde: Any, config: Any, checkpoint_ns: Any, row: tuple[Any, ...], writes: list[tuple[Any, ...]]
) -> CheckpointTuple:
    """What ``get_tuple`` returns for a row of checkpoints and its rows of writes."""
    thread_id, checkpoint_id, parent_id, kind, blob, metadata = row
    if not config["configurable"].get("checkpoint_id"):
        config = {
            "configurable": {
                "thread_id": thread_id,
                "checkpoint_ns": checkpoint_ns,
                "checkpoint_id": checkpoint_id,
            }
        }
    checkpoint = codec.loads(serde, kind, blob)
    described = json.loads(_text(metadata)) if metadata is not None else {}
    parent = None
    if parent_id:
        parent = {
            "configurable": {
                "thread_id": thread_id,
                "checkpoint_ns": checkpoint_ns,
                "checkpoint_id": parent_id,
            }
        }
    if writes_sort_key is not None:
        writes = sorted(writes, key=lambda write: writes_sort_key(write[4], write[0], write[5]))
    pending = [(write[0], write[1], codec.loads(serde, write[2], write[3])) for write in writes]
    return CheckpointTuple(config, checkpoint, described, parent, pending)


def _text(metadata: Any) -> Any:
    return metadata if isinstance(metadata, str) else bytes(metadata)
