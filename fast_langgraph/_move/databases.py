"""Which database an argument of ``move()`` means."""

from __future__ import annotations

import os
from typing import Any

from fast_langgraph._move.postgres import is_address
from fast_langgraph._move.postgres_database import PostgresDatabase
from fast_langgraph._move.refusals import MoveRefusedError
from fast_langgraph._move.sqlite import SqliteDatabase

Database = PostgresDatabase | SqliteDatabase


def pair(source: Any, target: Any) -> tuple[Database, Database]:
    """Not connected yet."""
    both = [_text(each) for each in (source, target)]
    whole = not any(map(is_address, both))
    one, other = (PostgresDatabase(each) if is_address(each) else SqliteDatabase(each, whole) for each in both)
    return one, other


def _text(given: Any) -> str:
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"a database is the path of a SQLite file or postgresql://…, not {type(given).__name__}")
    text = os.fspath(given)
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if "://" in text and not is_address(text):
        raise MoveRefusedError([f"{text.partition('://')[0]}:// is neither a SQLite file nor postgresql://"])
    if text in ("", ":memory:"):
        raise MoveRefusedError(["a database that others can't open can't be moved: pass the path of a file"])
    return text
