"""With releases that are not supported ``patch()`` warns once, changes nothing, and stock works."""

from __future__ import annotations

import sqlite3
import warnings

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph

CLASSES = (SqliteSaver, AsyncSqliteSaver, JsonPlusSerializer)

before = [dict(vars(owner)) for owner in CLASSES]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    fast_langgraph.patch()
    fast_langgraph.patch()
assert [dict(vars(owner)) for owner in CLASSES] == before, "a class was changed"
assert [warning.category for warning in caught] == [RuntimeWarning], caught
assert not fast_langgraph.is_patched()
status = fast_langgraph.status()
assert not status.patched
# Its lines are as wide as the terminal.
assert status.refusal in " ".join(repr(status).split())
assert status.refusal in str(caught[0].message)

saver = SqliteSaver(sqlite3.connect(":memory:"))
config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
written = saver.put(config, {**empty_checkpoint(), "channel_values": {"a": [1]}}, {}, {})
assert saver.get_tuple(written).checkpoint["channel_values"] == {"a": [1]}
print(f"left alone: {status.refusal}")
