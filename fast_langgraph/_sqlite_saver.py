"""``SqliteSaver``: its storage, on its own connection's handle with the GIL released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from fast_langgraph import _native, _saver_sql
from fast_langgraph._codec import Codec
from fast_langgraph._commit import commit
from fast_langgraph._guards import Guard, checked
from fast_langgraph._host import PYTHON, bind
from fast_langgraph._native import Unsupported
from fast_langgraph._rows import (
    checkpoint_tuple,
    configured,
    metadata_bytes,
    pending_writes,
    plain,
    write_rows,
)
from fast_langgraph._sites import PatchSite

#: why a call that was begun here is carried out by stock's code, or by sqlite3 as there
ONLY_SQLITE3 = "a value or a connection that only sqlite3 can use"


def sites(sqlite: Any, serializer: list[PatchSite]) -> list[PatchSite]:
    from langgraph.checkpoint.base import WRITES_IDX_MAP

    codec = Codec(*serializer)
    owner = sqlite.SqliteSaver
    guard = Guard(owner, "cursor", "setup")

    def put(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        statement = _saver_sql.put_statement(stock)
        may_run = checked(site, guard, _connection)

        @wraps(stock)
        def put(self: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            if not may_run(self):
                return stock(self, config, checkpoint, metadata, new_versions)
            configurable = config["configurable"]
            thread_id = configurable["thread_id"]
            checkpoint_ns = configurable["checkpoint_ns"]
            kind, blob = codec.dumps(self.serde, checkpoint)
            described = metadata_bytes(config, metadata)
            row = None
            try:
                row = (
                    str(thread_id),
                    checkpoint_ns,
                    checkpoint["id"],
                    configurable.get("checkpoint_id"),
                    kind,
                    blob,
                    described,
                )
            except Exception:
                pass  # and is raised again where stock meets it, inside its cursor
            if row is None or not commit(self, [(statement, [row])]):
                if row is not None:
                    site.counts.gave_up(ONLY_SQLITE3)
                with self.cursor() as cursor:
                    cursor.execute(
                        statement,
                        (
                            str(config["configurable"]["thread_id"]),
                            checkpoint_ns,
                            checkpoint["id"],
                            config["configurable"].get("checkpoint_id"),
                            kind,
                            plain(blob),
                            described,
                        ),
                    )
            return configured(thread_id, checkpoint_ns, checkpoint["id"])

        return put

    def put_writes(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        replace, ignore, has_path = _saver_sql.put_writes_statements(stock)
        may_run = checked(site, guard, _connection)

        @wraps(stock)
        def put_writes(
            self: Any, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
        ) -> None:
            if not may_run(self):
                stock(self, config, writes, task_id, task_path)
                return
            statement = replace if all(w[0] in WRITES_IDX_MAP for w in writes) else ignore
            rows: Any = None
            error = None
            try:
                rows = write_rows(codec, self.serde, config, writes, task_id, *((task_path,) if has_path else ()))
            except BaseException as raised:
                error = raised
            if error is not None:
                # Stock meets it inside its cursor, which commits on the way out.
                with self.cursor():
                    raise error
            if not commit(self, [(statement, rows)]):
                site.counts.gave_up(ONLY_SQLITE3)
                with self.cursor() as cursor:
                    cursor.executemany(statement, [tuple(map(plain, row)) for row in rows])

        return put_writes

    def delete_thread(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        statements = _saver_sql.delete_statements(stock)
        may_run = checked(site, guard, _connection)

        @wraps(stock)
        def delete_thread(self: Any, thread_id: str) -> None:
            if not may_run(self):
                stock(self, thread_id)
                return
            row = None
            try:
                row = (str(thread_id),)
            except Exception:
                pass  # and is raised again where stock meets it, inside its cursor
            if row is None or not commit(self, [(statement, [row]) for statement in statements]):
                if row is not None:
                    site.counts.gave_up(ONLY_SQLITE3)
                stock(self, thread_id)

        return delete_thread

    def get_tuple(site: PatchSite) -> Callable[..., Any]:
        stock = site.stock
        by_id, latest = _saver_sql.get_tuple_statements(stock)
        writes_statement, in_order = pending_writes(stock)
        may_run = checked(site, guard, _connection)

        @wraps(stock)
        def get_tuple(self: Any, config: Any) -> Any:
            if not may_run(self):
                return stock(self, config)
            configurable = config["configurable"]
            checkpoint_ns = configurable.get("checkpoint_ns", "")
            checkpoint_id = configurable.get("checkpoint_id")
            thread_id = str(configurable["thread_id"])
            parameters = (thread_id, checkpoint_ns, checkpoint_id) if checkpoint_id else (thread_id, checkpoint_ns)
            statement = by_id if checkpoint_id else latest
            found: Any = NotImplemented
            try:
                with self.lock:
                    self.setup()
                    found = _native.fetch_checkpoint(self.conn, statement, parameters, writes_statement(self))
            except Unsupported:
                pass
            if found is NotImplemented:
                site.counts.gave_up(ONLY_SQLITE3)
                return stock(self, config)
            if found is None:
                return None
            own = config if checkpoint_id else None
            row, writes = found
            return checkpoint_tuple(codec, self.serde, own, checkpoint_ns, row, in_order(writes))

        return get_tuple

    makers = {
        "put": put,
        "put_writes": put_writes,
        "get_tuple": get_tuple,
        "delete_thread": delete_thread,
    }
    skip = without_handle(vars(sqlite)["sqlite3"])
    beside = [owner.setup, _inside(owner.cursor)]
    return [PatchSite(owner, attribute, make, skip=skip, beside=beside) for attribute, make in makers.items()]


def without_handle(sqlite3: Any) -> str:
    """Why sqlite3 itself does the storage, and Rust the codec alone; empty where Rust does both."""
    route, reason = bind(sqlite3)
    return f"sqlite3 does the storage, Rust the codec: {reason}" if route == PYTHON else ""


def _inside(method: Any) -> Any:
    """The generator function that ``contextmanager`` has made a method of."""
    made = contextmanager(lambda: iter(()))
    return method.__wrapped__ if getattr(method, "__code__", None) is made.__code__ else method


def _connection(saver: Any) -> Any:
    return getattr(saver, "conn", None)
