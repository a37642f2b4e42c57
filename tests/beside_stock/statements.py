"""Statements as the savers run them: through sqlite3 as stock does, and through Rust on the same handle."""

from __future__ import annotations

import _sqlite3
import sqlite3
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Operation

#: statements and their rows, as one call of a saver runs them
Statements = list[tuple[str, list[tuple[Any, ...]]]]

TABLE = "CREATE TABLE t (a INTEGER PRIMARY KEY NOT NULL, b)"
INSERT = "INSERT INTO t VALUES (?, ?)"

bind = _native.bind


def bound() -> tuple[str, str]:
    """The interpreter's own sqlite3, by the usual routes."""
    return bind(_sqlite3, _native.__file__)


def rows(*values: tuple[Any, ...]) -> Statements:
    return [(INSERT, list(values))]


def connect(path: Any, **settings: Any) -> sqlite3.Connection:
    return sqlite3.connect(path, **{"check_same_thread": False, **settings})


def by_sqlite3(conn: Any, statements: Statements, commit_failed: bool = True) -> BaseException | None:
    """As a saver's cursor does it: commits on every way out, or, as the async one, where nothing failed."""
    try:
        cursor = conn.cursor()
        try:
            for text, values in statements:
                cursor.executemany(text, values)
        except BaseException:
            if commit_failed:
                conn.commit()
            raise
        else:
            conn.commit()
        finally:
            cursor.close()
    except Exception as error:
        return error
    return None


def by_rust(conn: Any, statements: Statements, commit_failed: bool = True) -> BaseException | None:
    try:
        (error,) = _native.execute(conn, [Operation(statements)], commit_failed)
    except Exception as raised:
        return raised
    return error


def described(error: BaseException | None) -> Any:
    """All that an app can see of an error, and of the one before it."""
    if error is None:
        return None
    code = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlite_errorname", None)
    return type(error), str(error), error.args, code, described(error.__context__)


def contents(path: Any) -> Any:
    other = sqlite3.connect(path)
    try:
        return other.execute("SELECT a, typeof(a), b, typeof(b) FROM t ORDER BY a").fetchall()
    finally:
        other.close()


def found(conn: Any, query: str, *parameters: Any) -> Any:
    """The first row of a query, as Rust reads it; blobs as bytes."""
    nothing = "SELECT 1 WHERE ?1 = ?2 AND 0"
    result = _native.fetch_checkpoint(conn, query, parameters, nothing)
    return None if result is None else tuple(bytes(v) if type(v) is _native.Blob else v for v in result[0])
