"""``threads()``: what a database has of each thread, in an order, beside what stock's ``list`` finds."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict
from datetime import timedelta

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.databases import connected, opened
from fast_langgraph import RustSQLiteCheckpointer, ThreadSummary
from fast_langgraph._checkpointer import threads as threads_listed
from fast_langgraph._checkpointer.checkpoint_ids import time_of
from samples.checkpoints import METADATA, checkpoint, config
from samples.moments import NOW, id_of

COUNTS = {"few": 2, "many": 5, "older": 3, "ü 'quoted'": 1}


def fill(saver) -> None:
    """Threads of other sizes, with the latest checkpoint in another order; one has a subgraph."""
    for age, (thread, count) in enumerate(COUNTS.items()):
        for n in range(count):
            made = id_of(NOW - timedelta(days=10 * age, minutes=count - n), n)
            state = {**checkpoint(n, text="x" * 100 * count), "id": made}
            saver.put(config(thread, at=None), state, {**METADATA, "step": n, "owner": f"o{age}"}, {})
    inner = {**checkpoint(9), "id": id_of(NOW - timedelta(days=9, hours=1), 9)}
    saver.put(config("many", "inner:1", at=None), inner, {**METADATA, "step": 9}, {})


def as_stock_lists(path) -> dict[str, dict]:
    """``to_dict()`` of each from stock's ``list`` and rows."""
    by_thread = defaultdict(list)
    with SqliteSaver.from_conn_string(str(path)) as stock:
        for each in stock.list(None):
            by_thread[each.config["configurable"]["thread_id"]].append(each)
        sizes = dict(
            stock.conn.execute(
                "SELECT thread_id, sum(length(checkpoint) + length(metadata)) FROM checkpoints GROUP BY thread_id"
            )
        )
    found = {}
    for thread, all_of_it in by_thread.items():
        ids = sorted(each.checkpoint["id"] for each in all_of_it)
        newest_first = sorted(all_of_it, key=lambda each: each.checkpoint["id"], reverse=True)
        namespaces = dict.fromkeys(each.config["configurable"]["checkpoint_ns"] for each in newest_first)
        found[thread] = {
            "thread_id": thread,
            "namespaces": list(namespaces),
            "checkpoints": len(ids),
            "first_checkpoint_id": ids[0],
            "last_checkpoint_id": ids[-1],
            "bytes": sizes[thread],
            "metadata": newest_first[0].metadata,
            "first_checkpoint": time_of(ids[0]).isoformat(),
            "last_checkpoint": time_of(ids[-1]).isoformat(),
        }
    return found


def names(found) -> list[str]:
    return [each.thread_id for each in found]


async def gathered(found) -> list[ThreadSummary]:
    return [each async for each in found]


def test_it_is_what_stock_lists(checkpointer, path):
    fill(checkpointer)
    found = {each.thread_id: each for each in checkpointer.threads()}
    assert {name: each.to_dict() for name, each in found.items()} == as_stock_lists(path)
    assert set(found) == set(COUNTS)
    assert found["few"].last_checkpoint == time_of(found["few"].last_checkpoint_id)
    assert found["many"].namespaces == ("inner:1", "")
    assert asyncio.run(gathered(checkpointer.athreads())) == list(checkpointer.threads())
    assert json.loads(json.dumps([each.to_dict() for each in found.values()]))


def test_a_file_of_stock_s_is_listed_as_it_is(path):
    with opened("stock", path) as stock:
        fill(stock)
    with RustSQLiteCheckpointer(path, read_only=True) as saver:
        assert {each.thread_id: each.to_dict() for each in saver.threads()} == as_stock_lists(path)


def test_orders(checkpointer):
    fill(checkpointer)
    assert names(checkpointer.threads()) == ["few", "many", "older", "ü 'quoted'"]
    assert names(checkpointer.threads(order="last")) == names(checkpointer.threads())
    assert names(checkpointer.threads(order="thread_id")) == sorted(COUNTS)
    by_size = list(checkpointer.threads(order="size"))
    assert [each.bytes for each in by_size] == sorted((each.bytes for each in by_size), reverse=True)
    assert by_size[0].thread_id == "many"


def test_limits_times_and_filters(checkpointer):
    fill(checkpointer)
    assert names(checkpointer.threads(limit=2)) == ["few", "many"]
    assert names(checkpointer.threads(limit=0)) == []
    assert names(checkpointer.threads(limit=9)) == list(COUNTS)
    assert names(checkpointer.threads(before=NOW - timedelta(days=15))) == ["older", "ü 'quoted'"]
    assert names(checkpointer.threads(before=NOW - timedelta(days=15), limit=1)) == ["older"]
    assert names(checkpointer.threads(before=timedelta(days=100 * 365))) == []
    assert names(checkpointer.threads(filter={"owner": "o2"})) == ["older"]
    # Of the latest checkpoint, here that of the subgraph.
    assert names(checkpointer.threads(filter={"step": 9})) == ["many"]
    assert names(checkpointer.threads(filter={"step": 4})) == []


def test_more_threads_than_fit_a_batch(checkpointer, monkeypatch):
    fill(checkpointer)
    whole = list(checkpointer.threads())
    monkeypatch.setattr(threads_listed, "BATCH", 1)
    assert list(checkpointer.threads()) == whole
    assert names(checkpointer.threads(filter={"owner": "o3"}, limit=1)) == ["ü 'quoted'"]
    assert asyncio.run(gathered(checkpointer.athreads(limit=3))) == whole[:3]


def test_what_is_deleted_meanwhile_is_left_out_and_nothing_is_held(checkpointer, path, monkeypatch):
    monkeypatch.setattr(threads_listed, "BATCH", 1)
    fill(checkpointer)
    listing = checkpointer.threads()
    assert next(listing).thread_id == "few"
    checkpointer.delete_thread("many")
    with connected(path) as conn:
        conn.execute("PRAGMA busy_timeout = 0")
        conn.execute("BEGIN EXCLUSIVE")
        conn.execute("ROLLBACK")
    assert names(listing) == ["older", "ü 'quoted'"]


def test_pending_writes_alone_make_no_thread(checkpointer):
    checkpointer.put_writes(config("1", at=3), [("channel", 1)], "task")
    assert list(checkpointer.threads()) == []


def test_an_id_that_langgraph_did_not_make_has_no_time(checkpointer):
    checkpointer.put(config("1", at=None), {**checkpoint(1), "id": "mine"}, METADATA, {})
    (found,) = checkpointer.threads()
    assert (found.last_checkpoint_id, found.last_checkpoint) == ("mine", None)
    # A thread whose age nobody knows is not old.
    assert list(checkpointer.threads(before=0)) == []


def test_nothing_and_memory():
    with RustSQLiteCheckpointer(":memory:") as saver:
        assert list(saver.threads()) == list(saver.threads(order="size")) == []
        fill(saver)
        assert names(saver.threads(limit=1)) == ["few"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": -1}, "limit must be 0 or more, not -1"),
        ({"limit": True}, "limit must be 0 or more, not True"),
        ({"order": "age"}, "order must be one of 'last', 'size', 'thread_id', not 'age'"),
        ({"before": -1}, "before must not be negative"),
        ({"before": "2024"}, "before must be a timedelta, a number of seconds or a datetime"),
    ],
    ids=str,
)
def test_other_arguments_are_refused(options, said, checkpointer):
    for call in (
        lambda: list(checkpointer.threads(**options)),
        lambda: asyncio.run(gathered(checkpointer.athreads(**options))),
    ):
        with pytest.raises((ValueError, TypeError)) as raised:
            call()
        assert str(raised.value) == said


def test_after_close_it_is_told(path):
    saver = RustSQLiteCheckpointer(path)
    fill(saver)
    saver.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        list(saver.threads())
