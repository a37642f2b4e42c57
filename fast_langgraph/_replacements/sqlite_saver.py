"""``SqliteSaver``: its storage, on its own connection's handle with the GIL released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from fast_langgraph import _native
from fast_langgraph._native import Unsupported
from fast_langgraph._replacements import new_files, statements
from fast_langgraph._replacements.delta_channels import get_delta_channel_history
from fast_langgraph._replacements.group_commit import commit, queue_of
from fast_langgraph._replacements.guards import Guard
from fast_langgraph._replacements.operations import ONLY_SQLITE3, GetTuple, PutWrites, for_sqlite3, why_not_rust
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.fronts import behind
from fast_langgraph._shared.memory import PATCHED
from fast_langgraph._shared.rows import encode_checkpoint
from fast_langgraph._stock_code.methods import StockMethod

T = TypeVar("T")


def make_sites(sqlite: Any, serializer: list[PatchSite]) -> list[PatchSite]:
    dumps, loads = serializer
    codec = Codec(dumps.method.owner, dumps.serves, loads.serves, PATCHED)
    owner = sqlite.SqliteSaver
    guard = Guard(owner, _connection, "cursor", "setup")
    skip = why_not_rust(vars(sqlite)["sqlite3"])
    beside = [owner.setup, _inside(behind(owner.cursor))]

    def site(attribute: str, make: Callable[[PatchSite, Guard, Codec], Callable[..., Any]]) -> PatchSite:
        return PatchSite(StockMethod(owner, attribute, beside), lambda site: make(site, guard, codec), skip=skip)

    return [
        site("put", put),
        site("put_writes", put_writes),
        site("get_tuple", get_tuple),
        site("delete_thread", delete_thread),
        site("get_delta_channel_history", get_delta_channel_history),
        site("setup", new_files.setup),
    ]


def put(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    statement = statements.put_statement(stock)
    may_run = guard.may_run(site)

    @wraps(stock)
    def put(self: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if not may_run(self):
            return stock(self, config, checkpoint, metadata, new_versions)
        encoded = encode_checkpoint(codec, self.serde, config, checkpoint, metadata, PATCHED.owner(self))
        row = _made_in_cursor(self, lambda: encoded.row(config, checkpoint), Exception)
        if not commit(self, [(statement, [row])], "put"):
            site.counts.gave_up(ONLY_SQLITE3)
            with self.cursor() as cursor:
                cursor.execute(statement, for_sqlite3(row))
        return encoded.config(checkpoint)

    return put


def put_writes(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    operation = PutWrites(stock, codec)
    may_run = guard.may_run(site)

    @wraps(stock)
    def put_writes(
        self: Any, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        if not may_run(self):
            stock(self, config, writes, task_id, task_path)
            return
        statement = operation.statement(writes)
        with queue_of(self).encodings.begin() as encoding:
            rows = _made_in_cursor(
                self, lambda: operation.rows(self, config, writes, task_id, task_path), BaseException
            )
            if not commit(self, [(statement, rows)], encoding=encoding):
                site.counts.gave_up(ONLY_SQLITE3)
                with self.cursor() as cursor:
                    cursor.executemany(statement, list(map(for_sqlite3, rows)))

    return put_writes


def get_tuple(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    operation = GetTuple(stock, codec)
    may_run = guard.may_run(site)

    @wraps(stock)
    def get_tuple(self: Any, config: Any) -> Any:
        if not may_run(self):
            return stock(self, config)
        query = operation.query(config)
        try:
            with self.lock:
                self.setup()
                found = _native.fetch_checkpoint(
                    self.conn,
                    query.statement,
                    query.parameters,
                    operation.writes_statement(self),
                    queue_of(self).states,
                )
        except Unsupported:
            found = NotImplemented
        if found is NotImplemented:
            site.counts.gave_up(ONLY_SQLITE3)
            return stock(self, config)
        return operation.result(self, query, found)

    return get_tuple


def delete_thread(site: PatchSite, guard: Guard, _codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    both = statements.delete_statements(stock)
    may_run = guard.may_run(site)

    @wraps(stock)
    def delete_thread(self: Any, thread_id: str) -> None:
        if not may_run(self):
            stock(self, thread_id)
            return
        try:
            row = (str(thread_id),)
        except Exception:
            row = None  # stock's code raises it again, inside its cursor
        if row is None or not commit(self, [(statement, [row]) for statement in both], "delete_thread"):
            if row is not None:
                site.counts.gave_up(ONLY_SQLITE3)
            stock(self, thread_id)
        if row is not None:
            PATCHED.forget_thread(id(self), row[0])

    return delete_thread


def _made_in_cursor(saver: Any, make: Callable[[], T], errors: type[BaseException]) -> T:
    """What ``make`` returns. An error of it is raised where stock meets it: in its cursor, which commits even then."""
    try:
        return make()
    except errors as raised:
        error = raised
    try:
        with saver.cursor():
            raise error
    finally:
        # Its traceback refers to this frame: the two would keep the arguments until the collector runs.
        del error


def _inside(method: Any) -> Any:
    """The generator function inside a method made by ``contextmanager``."""
    made = contextmanager(lambda: iter(()))
    return method.__wrapped__ if getattr(method, "__code__", None) is made.__code__ else method


def _connection(saver: Any) -> Any:
    return getattr(saver, "conn", None)
