"""Keys that are no text, and values that are too long: as SqliteSaver has them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from fast_langgraph import RustSQLiteCheckpointer

METADATA = {"source": "loop", "step": 1, "parents": {}, "run_id": "r"}


class Text(str):
    def __str__(self) -> str:
        return "something else"


KEYS: dict[str, Any] = {
    "bytes": b"bytes",
    "empty bytes": b"",
    "bytes that are no text": b"\xff\x00",
    "bytearray": bytearray(b"z"),
    "True": True,
    "an int": 7,
    "a large int": 2**70,
    "a float": 1.5,
    "a str of a subclass": Text("text"),
    "a list": ["l"],
    "an object": object,
    "a UUID": UUID(int=7),
    "a lone surrogate": "\ud800",
    "text with a NUL": "a\0b",
}


def state(checkpoint_id: Any) -> dict[str, Any]:
    return {
        "v": 4,
        "ts": "",
        "id": checkpoint_id,
        "channel_values": {"messages": ["m" * 200] * 3},
        "channel_versions": {},
        "versions_seen": {},
    }


def named(namespace: Any = "", at: Any = None) -> dict[str, Any]:
    found = {"thread_id": "t", "checkpoint_ns": namespace}
    return {"configurable": {**found, "checkpoint_id": at} if at is not None else found}


def outcome(work: Callable[[], Any]) -> Any:
    """What came of it: the value, or the class of the exception."""
    try:
        return work()
    except Exception as error:
        return type(error)


@pytest.fixture(params=["standard", "compact"])
def both(request, tmp_path) -> Iterator[tuple[SqliteSaver, RustSQLiteCheckpointer]]:
    stock, ours = tmp_path / "stock.db", tmp_path / "ours.db"
    conn = sqlite3.connect(stock, check_same_thread=False)
    with closing(conn), RustSQLiteCheckpointer(ours, layout=request.param) as saver:
        yield SqliteSaver(conn), saver


@pytest.mark.unpatched
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("part", ["namespace", "id"])
def test_what_was_put_under_an_odd_key_is_found_as_stock_finds_it(part, key, both):
    value = KEYS[key]
    checkpoint = state("1" if part == "namespace" else value)
    at = named(value) if part == "namespace" else named()
    found = []
    for saver in both:
        steps = [
            lambda saver=saver: saver.put(at, checkpoint, METADATA, {}),
            lambda saver=saver: saver.get_tuple(at),
            lambda saver=saver: saver.get_tuple(named(value, "1") if part == "namespace" else named("", value)),
            lambda saver=saver: list(saver.list(at)),
            lambda saver=saver: list(saver.list(named(value, "1") if part == "namespace" else named("", value))),
            lambda saver=saver: list(saver.list(None, before=None if part == "namespace" else named("", value))),
            lambda saver=saver: list(saver.list(None)),
            lambda saver=saver: list(saver.list(None, filter={"run_id": "r"})),
        ]
        found.append([outcome(step) for step in steps])
    assert found[1] == found[0]


def test_one_row_with_a_blob_as_its_key_is_in_nobody_s_way(both):
    stock, saver = both
    for each in both:
        for number in range(3):
            each.put(named(), state(f"{number}"), METADATA, {})
        each.put(named(b"blob"), state("1"), METADATA, {})
        each.put(named(), state(b"2"), {**METADATA, "run_id": "other"}, {})
        each.put_writes(named("", b"2"), [("messages", "w")], "task")
    table = "checkpoints" if saver.stats(0).layout == "standard" else "fl_checkpoints"
    with closing(sqlite3.connect(saver.path)) as conn, conn:
        columns = "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
        statement = f"INSERT INTO {table} (thread_id, {columns}) SELECT x'6f6464', {columns} FROM checkpoints LIMIT 1"
        conn.execute(statement)
        stock.conn.execute(
            f"INSERT INTO checkpoints (thread_id, {columns}) SELECT ?, {columns} FROM checkpoints WHERE rowid = "
            "(SELECT min(rowid) FROM checkpoints)",
            (b"odd",),
        )
    listed = [sorted(map(repr, each.list(None))) for each in both]
    assert listed[0] == listed[1]
    assert len(listed[0]) == 6
    stats = saver.stats()
    assert (stats.threads, stats.checkpoints) == (2, 6)
    assert {thread.thread_id for thread in stats.largest_threads} == {"t", b"odd"}
    saver.vacuum()
    saver.prune(older_than=timedelta(days=1))
    saver.delete_for_runs(["other"])
    assert len(list(saver.list(None))) == 5
    saver.prune(keep_last=1)
    left = {
        (found.config["configurable"]["checkpoint_ns"], found.config["configurable"]["checkpoint_id"])
        for found in saver.list({"configurable": {"thread_id": "t"}})
    }
    assert left == {("", "2"), (b"blob", "1")}
    saver.convert("compact" if table == "checkpoints" else "standard")
    assert len(list(saver.list(None))) == 3


@pytest.mark.unpatched
@pytest.mark.parametrize("both", ["standard"], indirect=True)
def test_a_value_that_sqlite_does_not_take_is_the_error_of_sqlite3(both):
    """1 GB and one byte more."""
    value = b"x" * (10**9 + 1)
    errors = []
    for saver in both:
        with pytest.raises(sqlite3.DataError) as error:
            saver.put_writes(named("", "1"), [("messages", value)], "task")
        errors.append(str(error.value))
    assert errors[0] == errors[1] == "string or blob too big"
    both[1].put(named(), state("1"), METADATA, {})
    assert both[1].get_tuple(named()).checkpoint == state("1")
