"""Checkpoints that hold a number, so that it shows which of them a file has."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from fast_langgraph import RustSQLiteCheckpointer


def config_of(thread: object, checkpoint_id: str | None = None) -> dict[str, Any]:
    configurable = {"thread_id": str(thread), "checkpoint_ns": ""}
    return {"configurable": configurable if checkpoint_id is None else {**configurable, "checkpoint_id": checkpoint_id}}


def state(n: int, payload: object = None) -> dict[str, Any]:
    """A checkpoint that holds ``n``."""
    return {**empty_checkpoint(), "channel_values": {"n": n, "payload": payload}}


def put(saver: RustSQLiteCheckpointer, thread: object, n: int, payload: object = None) -> str:
    """The id of the checkpoint that was put."""
    saved = saver.put(config_of(thread), state(n, payload), {"step": n}, {})
    return saved["configurable"]["checkpoint_id"]


async def aput(saver: RustSQLiteCheckpointer, thread: object, n: int, payload: object = None) -> str:
    saved = await saver.aput(config_of(thread), state(n, payload), {"step": n}, {})
    return saved["configurable"]["checkpoint_id"]


#: pending writes of one call, which are written as a whole or not at all
THREE_WRITES = [("a", 1), ("b", b"two"), ("c", [3])]


def latest(saver: RustSQLiteCheckpointer, thread: object) -> int:
    """What the latest checkpoint of a thread holds; 0 where there is none."""
    found = saver.get_tuple(config_of(thread))
    return found.checkpoint["channel_values"]["n"] if found else 0


def held(path: Path) -> dict[str, set[int]]:
    """By thread, what its checkpoints hold, by the eyes of Python's sqlite3. The file has to be whole."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found: dict[str, set[int]] = {}
        if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'checkpoints'").fetchone()[0]:
            query = "SELECT thread_id, json_extract(CAST(metadata AS TEXT), '$.step') FROM checkpoints"
            for thread, step in connection.execute(query):
                found.setdefault(thread, set()).add(step)
            counts = "SELECT DISTINCT count(*) FROM writes WHERE task_id = 'task' GROUP BY thread_id, checkpoint_id"
            assert connection.execute(counts).fetchall() in ([], [(len(THREE_WRITES),)])
        return found
    finally:
        connection.close()
