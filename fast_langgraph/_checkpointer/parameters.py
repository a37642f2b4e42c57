"""Converts values of unusual types as ``sqlite3`` does when it binds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from fast_langgraph._native import Blob

#: in bytes: SQLite's own bound, and the one of sqlite3
MAX_LENGTH = 1_000_000_000
INT_MAX = 2**31 - 1


def as_parameter(value: Any) -> Any:
    """The value as a type that Rust binds. Raises what sqlite3 raises if it can't be bound."""
    if value is None or type(value) in (str, bytes, int, float, Blob):
        if type(value) is int and not -(1 << 63) <= value < 1 << 63:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        if type(value) is str:
            value.encode()  # raises for a lone surrogate
        return value
    for cls in (str, int, float):
        if isinstance(value, cls):
            # The underlying value, whatever the subclass's own conversions return.
            return as_parameter(cls.__str__(value) if cls is str else cls(value))
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise sqlite3.ProgrammingError(f"type {type(value).__name__!r} is not supported") from None


def check_lengths(rows: Iterable[tuple[Any, ...]]) -> None:
    """Raises what sqlite3 raises for a value that is longer than SQLite takes."""
    for value in (value for row in rows for value in row if isinstance(value, (str, bytes, Blob))):
        length = len(value.encode()) if isinstance(value, str) else len(value)
        if length > INT_MAX:
            raise OverflowError(f"{'string' if isinstance(value, str) else 'BLOB'} longer than INT_MAX bytes")
        if length > MAX_LENGTH:
            raise sqlite3.DataError("string or blob too big")
