"""``history``: the checkpoints of a thread as a tree, whose branches are forks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fast_langgraph._cli.database import Entry, Thread, reading
from fast_langgraph._cli.output import ago, say, table, when
from fast_langgraph._shared.wording import number

#: how much of an id tells checkpoints apart: the time in it
SHORT = 18

PULL, PUSH = "~__pregel_pull", "~__pregel_push"


def nodes_by_checkpoint(path: Path, thread: Thread) -> dict[str, list[str]]:
    """The nodes that ran after a checkpoint: their names are in the paths of its pending writes."""
    found: dict[str, list[str]] = {}
    sql = (
        "SELECT DISTINCT checkpoint_id, task_path FROM writes WHERE thread_id = ? AND checkpoint_ns = ? "
        "ORDER BY checkpoint_id, task_path"
    )
    try:
        with reading(path) as conn:
            for checkpoint_id, task_path in conn.execute(sql, (thread.id, thread.namespace)):
                kind, _, rest = str(task_path).partition(", ")
                name = rest.partition(", ")[0]
                if kind == PULL and name and not name.startswith("__"):
                    found.setdefault(str(checkpoint_id), []).append(name)
                elif kind == PUSH:
                    found.setdefault(str(checkpoint_id), []).append("Send")
    except sqlite3.OperationalError:
        pass  # a table of an older release, without the column
    return {checkpoint: list(dict.fromkeys(names)) for checkpoint, names in found.items()}


def tree(entries: list[Entry]) -> Iterator[tuple[int, bool, Entry]]:
    """How deep a checkpoint lies among the forks, whether a fork begins with it, and the checkpoint; oldest first.

    The line that leads to the latest checkpoint is the outermost. Entries come newest first.
    """
    there = {entry.id for entry in entries}
    children: dict[str | None, list[Entry]] = {}
    for entry in reversed(entries):
        children.setdefault(entry.parent if entry.parent in there else None, []).append(entry)
    # The latest descendant of each: children come after their parents.
    latest: dict[str, str] = {}
    for entry in entries:
        latest[entry.id] = max(latest.get(entry.id, entry.id), entry.id)
        if entry.parent in there and entry.parent is not None:
            latest[entry.parent] = max(latest.get(entry.parent, ""), latest[entry.id])
    # The next to be told is the last in the list.
    left = [(0, False, root) for root in reversed(children.get(None, []))]
    while left:
        depth, begins, entry = left.pop()
        yield depth, begins, entry
        following = sorted(children.get(entry.id, []), key=lambda each: latest[each.id])
        if following:
            *forks, goes_on = following
            left.append((depth, False, goes_on))
            left.extend((depth + 1, True, fork) for fork in reversed(forks))


def _wrote(entry: Entry, nodes: dict[str, list[str]]) -> list[str]:
    """The nodes whose step a checkpoint ends. What came from outside, such as an input, no node has written."""
    return nodes.get(entry.parent or "", []) if entry.source == "loop" else []


def as_list(thread: Thread, nodes: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {
            "checkpoint_id": entry.id,
            "parent_checkpoint_id": entry.parent,
            "depth": depth,
            "step": entry.step,
            "source": entry.source,
            "nodes": _wrote(entry, nodes),
            "time": entry.time and entry.time.isoformat(),
            "metadata": entry.metadata,
        }
        for depth, _, entry in tree(thread.entries)
    ]


def show(thread: Thread, nodes: dict[str, list[str]], limit: int | None) -> None:
    rows = []
    for depth, begins, entry in tree(thread.entries):
        mark = "" if depth == 0 else "│ " * (depth - 1) + ("├─" if begins else "│ ")
        latest = entry is thread.entries[0]
        step = "" if entry.step is None else str(entry.step)
        wrote = ", ".join(_wrote(entry, nodes))
        mark += "●" if latest else "○"
        rows.append((mark, step, entry.source, entry.id[:SHORT], wrote, when(entry.time)))
    left_out = max(0, len(rows) - limit) if limit is not None else 0
    say(f"thread {thread.id}: {number(len(rows), 'checkpoint')}, the latest {ago(thread.entries[0].time)}")
    if left_out:
        say(f"… {left_out:,} before these; --all shows them", "dim")
    columns = [
        ("", "fixed"),
        ("step", "right"),
        ("source", "fixed"),
        ("checkpoint", "fixed"),
        ("node", "left"),
        ("time", "fixed"),
    ]
    table(columns, rows[left_out:])
    if len(thread.namespaces) > 1:
        say(
            f"other namespaces: {', '.join(repr(each) for each in thread.namespaces if each != thread.namespace)}",
            "dim",
        )
