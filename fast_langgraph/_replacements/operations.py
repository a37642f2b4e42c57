"""What the methods of SqliteSaver and AsyncSqliteSaver have in common. Nothing here blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.base import WRITES_IDX_MAP

from fast_langgraph._native import Blob
from fast_langgraph._replacements import statements
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.host_sqlite import PYTHON, reach
from fast_langgraph._shared.memory import PATCHED, place
from fast_langgraph._shared.rows import Row, checkpoint_tuple, write_order, write_rows
from fast_langgraph._stock_code import message_classes

#: why a call that we have begun is finished by stock's code or by sqlite3
ONLY_SQLITE3 = "a value or a connection that only sqlite3 can handle"


class PutWrites:
    """``put_writes``: its statement and its rows."""

    def __init__(self, stock: Any, codec: Codec) -> None:
        self._replace, self._ignore, self._has_path = statements.put_writes_statements(stock)
        self._codec = codec

    def statement(self, writes: Sequence[tuple[str, Any]]) -> str:
        return self._replace if all(write[0] in WRITES_IDX_MAP for write in writes) else self._ignore

    def rows(
        self, saver: Any, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> list[Row]:
        path = (task_path,) if self._has_path else ()
        return write_rows(self._codec, saver.serde, config, writes, task_id, *path)


class Query(NamedTuple):
    """A statement for a checkpoint, and its parameters."""

    statement: str
    parameters: tuple[Any, ...]
    checkpoint_ns: Any
    #: the caller's config, if it names a checkpoint: stock returns it as it is
    config: Any


class GetTuple:
    """``get_tuple``: its statements, and what the rows that they find mean."""

    def __init__(self, stock: Any, codec: Codec) -> None:
        self._by_id, self._latest = statements.get_tuple_statements(stock)
        self._writes_statement, self._in_order = _pending_writes(stock)
        self._codec = codec

    def query(self, config: Any) -> Query:
        configurable = config["configurable"]
        checkpoint_ns = configurable.get("checkpoint_ns", "")
        checkpoint_id = configurable.get("checkpoint_id")
        thread_id = str(configurable["thread_id"])
        if checkpoint_id:
            return Query(self._by_id, (thread_id, checkpoint_ns, checkpoint_id), checkpoint_ns, config)
        return Query(self._latest, (thread_id, checkpoint_ns), checkpoint_ns, None)

    def writes_statement(self, saver: Any) -> str:
        """The saver must be set up already."""
        return self._writes_statement(saver)

    def result(self, saver: Any, query: Query, found: Any) -> Any:
        """What ``get_tuple`` returns for the rows from ``_native.fetch_checkpoint``."""
        message_classes.read_ahead()
        if found is None:
            return None
        row, writes = found
        return checkpoint_tuple(
            self._codec,
            saver.serde,
            query.config,
            query.checkpoint_ns,
            row,
            self._in_order(writes),
            place(PATCHED.owner(saver), query.parameters[0], query.checkpoint_ns),
        )


def _pending_writes(get_tuple: Any) -> tuple[Callable[[Any], str], Callable[[list[Any]], list[Any]]]:
    """A function that returns the statement for a saver's pending writes, and one that sorts their rows.

    Whether SQLite or Python sorts depends on the saver's release, not on that of langgraph-checkpoint.
    """
    text = statements.pending_writes_statement(get_tuple)
    if text is not None:
        return lambda saver: text, lambda rows: rows
    from langgraph.checkpoint.sqlite.utils import pending_writes_sql

    return lambda saver: pending_writes_sql(saver._has_task_path), lambda rows: sorted(rows, key=write_order)


def for_sqlite3(row: Row) -> Row:
    """The row with each ``Blob`` as bytes, which sqlite3 can bind."""
    return tuple(bytes(value) if type(value) is Blob else value for value in row)


def why_not_rust(sqlite3: Any) -> str:
    """Why sqlite3 does the storage and Rust only the encoding; empty if Rust does both."""
    route, reason = reach(sqlite3)
    return f"sqlite3 does the storage, Rust the codec: {reason}" if route == PYTHON else ""
