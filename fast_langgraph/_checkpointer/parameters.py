"""Converts values of unusual types as ``sqlite3`` does when it binds them."""

from __future__ import annotations

import sqlite3
from typing import Any

from fast_langgraph._native import Blob


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
