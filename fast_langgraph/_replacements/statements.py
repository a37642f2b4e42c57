"""The SQL statements of the installed savers, read from their own code.

A trace callback sees the statements, so ours are stock's to the letter. A release whose statements take other
parameters than we bind is left alone.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

PUT = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
WRITES = "thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value"
#: before checkpoint-sqlite 3.1.2
WRITES_WITHOUT_PATH = WRITES.replace("task_path, ", "")
TUPLE = "thread_id, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"


def _strings(code: CodeType) -> list[str]:
    found: list[str] = []
    for constant in code.co_consts:
        if isinstance(constant, str):
            found.append(constant)
        elif isinstance(constant, CodeType):
            found += _strings(constant)
    return found


def _only(strings: list[str], start: str, end: str = "") -> str:
    found = {text for text in strings if text.startswith(start) and text.endswith(end)}
    if len(found) != 1:
        raise LookupError(f"this release has {len(found) or 'no'} statements that start with {start!r}")
    return found.pop()


def _insert(strings: list[str], verb: str, table: str, columns: str) -> str:
    placeholders = ", ".join("?" * len(columns.split(", ")))
    text = f"{verb} INTO {table} ({columns}) VALUES ({placeholders})"
    if text not in strings:
        raise LookupError(f"this release has no statement {verb} INTO {table} ({columns})")
    return text


def put_statement(put: Any) -> str:
    return _insert(_strings(put.__code__), "INSERT OR REPLACE", "checkpoints", PUT)


def put_writes_statements(put_writes: Any) -> tuple[str, str, bool]:
    """INSERT OR REPLACE, INSERT OR IGNORE, and whether they take a task_path."""
    strings = _strings(put_writes.__code__)
    has_path = any("task_path" in text for text in strings if text.startswith("INSERT"))
    columns = WRITES if has_path else WRITES_WITHOUT_PATH
    replace = _insert(strings, "INSERT OR REPLACE", "writes", columns)
    return replace, _insert(strings, "INSERT OR IGNORE", "writes", columns), has_path


def get_tuple_statements(get_tuple: Any) -> tuple[str, str]:
    """For a given checkpoint_id, and for the latest checkpoint."""
    strings = _strings(get_tuple.__code__)
    start = f"SELECT {TUPLE} FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? "
    by_id = _only(strings, start + "AND checkpoint_id = ?")
    return by_id, _only(strings, start + "ORDER BY", "LIMIT 1")


def pending_writes_statement(get_tuple: Any) -> str | None:
    """The statement of releases that let SQLite sort the writes; None if a helper builds it."""
    strings = _strings(get_tuple.__code__)
    texts = {text for text in strings if text.startswith("SELECT task_id, channel, type, value FROM writes ")}
    return texts.pop() if len(texts) == 1 else None


def delete_statements(delete_thread: Any) -> tuple[str, str]:
    strings = _strings(delete_thread.__code__)
    return (
        _only(strings, "DELETE FROM checkpoints WHERE thread_id = ?"),
        _only(strings, "DELETE FROM writes WHERE thread_id = ?"),
    )
