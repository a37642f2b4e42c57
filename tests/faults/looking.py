"""What is left of a database after a fault, seen by a process that had no part in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from fast_langgraph import RustSQLiteCheckpointer

from . import planted
from .ledger import TASK, checkpoint, config, entries, metadata, writes
from .operations import OPERATIONS, Operation

#: by kind, what is wrong
Findings = dict[str, list[str]]


def is_whole(path: Path) -> list[str]:
    """What SQLite's own check finds."""
    try:
        with closing(sqlite3.connect(path)) as conn:
            found = [row[0] for row in conn.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as error:
        return [f"{path.name}: {error}"]
    return [] if found == ["ok"] else [f"{path.name}: {line}" for line in found[:3]]


def same(ours: Any, theirs: Any) -> bool:
    """Byte for byte, as the serializer writes it."""
    serde = JsonPlusSerializer()
    return ours == theirs and serde.dumps_typed(ours) == serde.dumps_typed(theirs)


def held(saver: Any) -> tuple[set[tuple[str, str, int]], list[str]]:
    """What a saver gives back, as the ledger names it; and what is there, but not as it was put."""
    found: set[tuple[str, str, int]] = set()
    wrong: list[str] = []
    listed = [(t.config["configurable"]["thread_id"], t.metadata["step"]) for t in saver.list(None)]
    for thread, n in listed:
        read = saver.get_tuple(config(thread, n))
        if not same(read.checkpoint, checkpoint(thread, n)) or not same(dict(read.metadata), metadata(thread, n)):
            wrong.append(f"checkpoint {n} of {thread}")
        if n > 1 and read.parent_config != config(thread, n - 1):
            wrong.append(f"the parent of checkpoint {n} of {thread}")
        found.add(("put", thread, n))
        pending = read.pending_writes
        if pending and same([list(write) for write in pending], [[TASK, *write] for write in writes(thread, n)]):
            found.add(("writes", thread, n))
        elif pending:
            channels = ", ".join(write[1] for write in pending)
            wrong.append(f"pending writes of checkpoint {n} of {thread}, there are {channels}")
    return found, wrong


def orphans(path: Path) -> tuple[set[tuple[str, str, int]], list[str]]:
    """The same of pending writes without a checkpoint, which no saver gives back."""
    serde = JsonPlusSerializer()
    rows: dict[tuple[str, str], list[Any]] = {}
    with closing(sqlite3.connect(path)) as conn:
        for thread, checkpoint_id, *write in conn.execute(
            "SELECT thread_id, checkpoint_id, channel, type, value FROM writes WHERE task_id = ? ORDER BY idx", [TASK]
        ):
            rows.setdefault((thread, checkpoint_id), []).append(write)
    found: set[tuple[str, str, int]] = set()
    wrong: list[str] = []
    for (thread, checkpoint_id), stored in rows.items():
        n = int(checkpoint_id.rpartition("-")[2])
        if stored == [[channel, *serde.dumps_typed(value)] for channel, value in writes(thread, n)]:
            found.add(("writes", thread, n))
        else:
            wrong.append(f"pending writes of {thread} without a checkpoint, there are {[row[0] for row in stored]}")
    return found, wrong


def saved_in(path: Path, layout: str) -> tuple[set[tuple[str, str, int]], list[str]]:
    """By ours, and by stock as well if it can read the file."""
    with RustSQLiteCheckpointer(path) as saver:
        found, wrong = held(saver)
        is_compact = saver.stats().layout != "standard"
    if not is_compact:
        with SqliteSaver.from_conn_string(str(path)) as stock:
            stock_found, stock_wrong = held(stock)
        wrong += [f"{what}, by stock" for what in stock_wrong]
        if stock_found != found:
            wrong.append(f"stock finds {stock_found ^ found}")
    orphaned, orphaned_wrong = orphans(path)
    return found | orphaned, wrong + orphaned_wrong


def look(folder: Path, ledger: Path, name: str, layout: str) -> Findings:
    operation = {**OPERATIONS, **planted.OPERATIONS}[name]
    path, copy = folder / "checkpoints.db", folder / "copy.db"
    book = list(entries(ledger))
    kept = {entry for entry in book if entry.n and entry.n > operation.removes.get(entry.thread, 0)}
    findings: Findings = {"lost": [], "torn": [], "damaged": [], "other": []}
    for file in (path, copy):
        if file.exists():
            findings["damaged"] += is_whole(file)
    if findings["damaged"]:
        return findings
    if not path.exists():
        findings["lost"] += [str(entry) for entry in kept]
        return findings
    found, wrong = saved_in(path, layout)
    findings["lost"] += [f"{entry}" for entry in kept if tuple(entry) not in found]
    findings["torn"] += wrong
    findings["other"] += left_over(operation, found, "done" in {entry.kind for entry in book})
    if copy.exists():
        before = {entry for entry in kept if entry.thread not in ("after",)}
        copied, wrong = saved_in(copy, layout)
        findings["lost"] += [f"{entry} in the backup" for entry in before if tuple(entry) not in copied]
        findings["torn"] += [f"{what} in the backup" for what in wrong]
    elif "copied" in {entry.kind for entry in book}:
        findings["lost"].append("the backup")
    with RustSQLiteCheckpointer(path) as saver:
        saver.put(config("later"), checkpoint("later", 1), metadata("later", 1), {})
        if saver.get_tuple(config("later")) is None:
            findings["other"].append("a put afterwards is not found")
    return findings


def left_over(operation: Operation, found: set[tuple[str, str, int]], is_done: bool) -> list[str]:
    """What should have been removed, once that was acknowledged; or if only a part of it was."""
    left = sorted(entry for entry in found if entry[2] <= operation.removes.get(entry[1], 0))
    is_cut = operation.as_a_whole and 0 < len(left) < 2 * sum(operation.removes.values())
    return [f"{entry} is left" for entry in left] if is_done or is_cut else []
