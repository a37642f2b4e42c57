"""Converts between LangGraph's checkpoints and the rows of the tables ``checkpoints`` and ``writes``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.base import (
    EXCLUDED_METADATA_KEYS,
    WRITES_IDX_MAP,
    CheckpointTuple,
    get_checkpoint_metadata,
)

from fast_langgraph import _native
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.memory import Place, place

try:
    from langgraph.checkpoint.base import writes_sort_key
except ImportError:
    # Releases that let SQLite sort the writes.
    writes_sort_key = None  # type: ignore[assignment]

#: whether the writes of a step are applied by the paths of their tasks
ORDERED_BY_PATH = writes_sort_key is not None

Row = tuple[Any, ...]


def _stock_metadata_bytes(config: Any, metadata: Any) -> bytes:
    return json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")


#: tried on stock's code and on ours: ours is used only if both write the same metadata
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
    """The metadata column, with what the run's config adds to the metadata."""
    if _KNOWN_METADATA:
        written = _native.metadata_json(config, metadata, EXCLUDED_METADATA_KEYS)
        if written is not None:
            return written
    return _stock_metadata_bytes(config, metadata)


_KNOWN_METADATA = type(EXCLUDED_METADATA_KEYS) is set and _stock_metadata_bytes(
    _SAMPLE_CONFIG, _SAMPLE_METADATA
) == _native.metadata_json(_SAMPLE_CONFIG, _SAMPLE_METADATA, EXCLUDED_METADATA_KEYS)


class EncodedCheckpoint(NamedTuple):
    """What ``put`` makes of its arguments before it uses the database, in stock's order."""

    thread_id: Any
    checkpoint_ns: Any
    type: Any
    #: bytes, or a ``Blob``
    checkpoint: Any
    metadata: bytes

    def row(self, config: Any, checkpoint: Any) -> Row:
        """All columns of ``checkpoints``."""
        configurable = config["configurable"]
        return (
            str(configurable["thread_id"]),
            self.checkpoint_ns,
            checkpoint["id"],
            configurable.get("checkpoint_id"),
            self.type,
            self.checkpoint,
            self.metadata,
        )

    def config(self, checkpoint: Any) -> dict[str, Any]:
        """What ``put`` returns."""
        return config_of(self.thread_id, self.checkpoint_ns, checkpoint["id"])


def encode_checkpoint(
    codec: Codec, serde: Any, config: Any, checkpoint: Any, metadata: Any, owner: int
) -> EncodedCheckpoint:
    """``owner`` is the saver's number in the codec's memory."""
    configurable = config["configurable"]
    thread_id = configurable["thread_id"]
    checkpoint_ns = configurable["checkpoint_ns"]
    kind, blob = codec.dumps(serde, checkpoint, place(owner, thread_id, checkpoint_ns))
    return EncodedCheckpoint(thread_id, checkpoint_ns, kind, blob, metadata_bytes(config, metadata))


def write_rows(
    codec: Codec,
    serde: Any,
    config: Any,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    *path: str,
) -> list[Row]:
    """The rows of a task's writes, with its path if the release stores one."""
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


def config_of(thread_id: Any, checkpoint_ns: Any, checkpoint_id: Any) -> dict[str, Any]:
    """The config of a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }


def write_order(write: Row) -> Any:
    """The sort key for pending writes: the order in which a step applies them.

    A row is (task, channel, type, value, path, idx).
    """
    task_id, path, idx = write[0], write[4], write[5]
    return (task_id, idx) if writes_sort_key is None else writes_sort_key(path, task_id, idx)


def checkpoint_tuple(
    codec: Codec,
    serde: Any,
    config: Any,
    checkpoint_ns: Any,
    row: Row,
    writes: list[Row],
    remembered: Place | None = None,
) -> CheckpointTuple:
    """Makes a CheckpointTuple from a row (thread, id, parent, type, checkpoint, metadata) and its sorted writes.

    ``config`` is the config to return, or None to make it from the row. ``remembered`` is where the
    state is remembered.
    """
    thread_id, checkpoint_id, parent_id, kind, blob, metadata = row
    if config is None:
        config = config_of(thread_id, checkpoint_ns, checkpoint_id)
    checkpoint = codec.loads(serde, kind, blob, remembered)
    described = json.loads(metadata) if metadata is not None else {}
    parent = config_of(thread_id, checkpoint_ns, parent_id) if parent_id else None
    pending = [(write[0], write[1], codec.loads(serde, write[2], write[3])) for write in writes]
    return CheckpointTuple(config, checkpoint, described, parent, pending)  # type: ignore[arg-type]
