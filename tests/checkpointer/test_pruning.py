"""prune, delete_for_runs and copy_thread: what goes, what stays, and what they refuse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from datetime import timedelta

import pytest
from langgraph.checkpoint.base.id import uuid6

from apps.databases import opened, without_task_path
from apps.entry_points import ENTRIES, call
from beside_stock.equality import difference
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._checkpointer import pruning
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config
from samples.moments import NOW, id_of

pytestmark = pytest.mark.parametrize("entry", ENTRIES)

DAY = timedelta(days=1)


def put(saver, thread, moment, ns="", last=1, run="run"):
    """A checkpoint of that moment, with writes."""
    given = {**checkpoint(last), "id": id_of(moment, last)}
    saved = saver.put(config(thread, ns), given, {**METADATA, "run_id": run}, {})
    saver.put_writes(saved, WRITES, "task", "~p")
    saver.put_writes(saved, SPECIAL, "other")
    return given["id"]


def ids(saver, thread, ns="") -> list[str]:
    return [found.checkpoint["id"] for found in saver.list(config(thread, ns))]


def orphan(saver, thread, moment, ns="", checkpoint_id=None) -> str:
    """Writes of a checkpoint that is not there."""
    at = checkpoint_id or id_of(moment, 77)
    saver.put_writes({"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": at}}, WRITES, "task")
    return at


@pytest.fixture
def filled(path):
    """Two threads of two namespaces, a checkpoint a day for twenty days."""
    with RustSQLiteCheckpointer(path, synchronous="off") as checkpointer:
        for thread in ("a", "b"):
            for ns in ("", "child:1"):
                for n in range(20):
                    put(checkpointer, thread, NOW - n * DAY, ns)
        yield checkpointer


# --- prune ---


def test_an_old_thread_that_goes_on_meanwhile_is_not_deleted(entry, path):
    for moment in range(3):
        with RustSQLiteCheckpointer(path, synchronous="off") as checkpointer:
            thread = f"thread {moment}"
            put(checkpointer, thread, NOW - 60 * DAY)
            steps = pruning.prune(checkpointer._way(False, None), [thread], "delete", None, 30 * DAY)
            request = next(steps)
            for _ in range(moment):
                with contextlib.suppress(StopIteration):
                    request = steps.send(checkpointer._engine.run(request))
            new = put(checkpointer, thread, NOW)
            with contextlib.suppress(StopIteration):
                while True:
                    request = steps.send(checkpointer._engine.run(request))
            assert ids(checkpointer, thread)[0] == new


@pytest.mark.asyncio
async def test_old_threads_that_go_on_while_they_are_pruned_lose_nothing_new(entry, path):
    async with RustSQLiteCheckpointer(path, synchronous="off") as checkpointer:
        for n in range(60):
            put(checkpointer, str(n), NOW - 60 * DAY)

        async def go_on(n):
            for _ in range(n % 4):
                await asyncio.sleep(0)
            given = {**checkpoint(n), "id": id_of(NOW, n)}
            await checkpointer.aput(config(str(n)), given, METADATA, {})
            return given["id"]

        for n in range(60):
            pruned = checkpointer.aprune([str(n)], older_than=30 * DAY, strategy="delete")
            new, _ = await asyncio.gather(go_on(n), pruned)
            assert ids(checkpointer, str(n))[0] == new


def test_the_latest_of_each_namespace_stays(entry, filled, sql):
    before = list(filled.list(config("b")))
    latest = {ns: filled.get_tuple(config("a", ns)) for ns in ("", "child:1")}
    call(entry, filled, "prune", ["a"])
    for ns, expected in latest.items():
        assert difference([expected], list(filled.list(config("a", ns)))) is None
        assert len(expected.pending_writes) == len(WRITES) + len(SPECIAL)
    assert difference(before, list(filled.list(config("b")))) is None
    writes = sql("SELECT DISTINCT checkpoint_ns, checkpoint_id FROM writes WHERE thread_id = 'a'")
    assert len(writes) == 2, "pending writes go with their checkpoints"


def test_the_last_few_of_each_namespace_stay(entry, filled):
    expected = {ns: ids(filled, "a", ns)[:3] for ns in ("", "child:1")}
    call(entry, filled, "prune", ["a"], keep_last=3)
    assert {ns: ids(filled, "a", ns) for ns in expected} == expected
    call(entry, filled, "prune", ["a"], keep_last=100)
    assert {ns: ids(filled, "a", ns) for ns in expected} == expected
    assert len(ids(filled, "b")) == 20


@pytest.mark.parametrize("older_than", [5 * DAY + DAY / 2, 5.5 * 86400, NOW - 5 * DAY - DAY / 2])
def test_what_is_older_goes_and_the_latest_never(entry, older_than, filled):
    put(filled, "old", NOW - 100 * DAY)
    expected = ids(filled, "a")[:6]
    call(entry, filled, "prune", ["a", "old"], older_than=older_than)
    assert ids(filled, "a") == ids(filled, "a", "child:1") == expected
    assert ids(filled, "old") == [id_of(NOW - 100 * DAY)]
    assert len(ids(filled, "b")) == 20


def test_a_moment_without_a_zone_is_local_time(entry, filled):
    call(entry, filled, "prune", ["a"], older_than=(NOW - 5 * DAY - DAY / 2).astimezone().replace(tzinfo=None))
    assert len(ids(filled, "a")) == 6


def test_both_limits_together_take_what_both_would(entry, filled):
    call(entry, filled, "prune", ["a"], keep_last=10, older_than=5 * DAY)
    call(entry, filled, "prune", ["b"], keep_last=2, older_than=15.5 * DAY)
    assert len(ids(filled, "a")) == 10
    assert len(ids(filled, "b")) == 16


def test_all_threads_are_pruned_where_it_says_how_far(entry, filled):
    call(entry, filled, "prune", keep_last=2)
    assert [len(ids(filled, thread, ns)) for thread in "ab" for ns in ("", "child:1")] == [2] * 4


@pytest.mark.parametrize("strategy", ["delete", "delete_all"])
def test_whole_threads_are_deleted(entry, strategy, filled, sql):
    orphan(filled, "a", NOW)
    call(entry, filled, "prune", ["a"], strategy=strategy)
    assert sql("SELECT DISTINCT thread_id FROM checkpoints UNION SELECT thread_id FROM writes") == [("b",)]


def test_whole_threads_are_deleted_where_their_latest_is_older(entry, filled):
    put(filled, "c", NOW - 40 * DAY)
    put(filled, "c", NOW - 29 * DAY, "child:1", last=2)
    put(filled, "d", NOW - 40 * DAY)
    call(entry, filled, "prune", strategy="delete", older_than=30 * DAY)
    assert {thread: bool(ids(filled, thread)) for thread in "abcd"} == {"a": True, "b": True, "c": True, "d": False}


def test_ids_without_a_time_are_never_older(entry, checkpointer):
    for n in range(5):
        checkpointer.put(config(), {**checkpoint(n), "id": f"id-{n}"}, METADATA, {})
    call(entry, checkpointer, "prune", ["1"], older_than=0)
    call(entry, checkpointer, "prune", strategy="delete", older_than=timedelta(0))
    assert len(ids(checkpointer, "1")) == 5
    call(entry, checkpointer, "prune", ["1"])
    assert ids(checkpointer, "1") == ["id-4"]


def test_threads_that_do_not_exist_and_no_threads_change_nothing(entry, filled, sql):
    before = sql("SELECT count(*) FROM checkpoints") + sql("SELECT count(*) FROM writes")
    for thread_ids in ([], ["nobody"], ("nobody",)):
        for strategy in ("keep_latest", "delete"):
            call(entry, filled, "prune", thread_ids, strategy=strategy)
    assert sql("SELECT count(*) FROM checkpoints") + sql("SELECT count(*) FROM writes") == before


def test_a_thread_id_of_another_type_is_taken_as_text(entry, checkpointer):
    for n in range(3):
        put(checkpointer, 7, NOW - n * DAY)
    call(entry, checkpointer, "prune", [7])
    assert len(ids(checkpointer, "7")) == 1


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "says"),
    [
        ((), {}, ValueError, "would affect every thread: pass thread_ids, keep_last or older_than"),
        ((), {"strategy": "delete"}, ValueError, "would affect every thread: pass thread_ids, keep_last or older_than"),
        (("a",), {}, TypeError, "a sequence of thread ids, not one id"),
        ((["a"],), {"strategy": "delete_latest"}, ValueError, "'keep_latest' or 'delete', not 'delete_latest'"),
        ((["a"],), {"keep_last": 0}, ValueError, "keep_last must be 1 or more"),
        ((["a"],), {"keep_last": -1}, ValueError, "keep_last must be 1 or more"),
        ((["a"],), {"keep_last": True}, ValueError, "keep_last must be 1 or more"),
        ((["a"],), {"keep_last": 2, "strategy": "delete"}, ValueError, "needs strategy 'keep_latest'"),
        ((["a"],), {"older_than": "1 day"}, TypeError, "a timedelta, a number of seconds or a datetime"),
        ((["a"],), {"older_than": -1}, ValueError, "must not be negative"),
        ((["a"],), {"older_than": True}, TypeError, "a timedelta, a number of seconds or a datetime"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_goes(entry, arguments, settings, error, says, checkpointer):
    expected = [put(checkpointer, "a", NOW - n * DAY) for n in range(3)]
    with pytest.raises(error, match=says):
        call(entry, checkpointer, "prune", *arguments, **settings)
    assert ids(checkpointer, "a") == expected


def test_pending_writes_without_a_checkpoint_go_only_when_they_are_old_and_passed_by(entry, checkpointer, sql):
    hour = timedelta(hours=1)
    put(checkpointer, "a", NOW - 2 * hour)
    put(checkpointer, "a", NOW - 10 * hour, "child:1", last=2)
    put(checkpointer, "b", NOW)
    goes = {orphan(checkpointer, "a", NOW - 3 * hour), orphan(checkpointer, "a", NOW - 11 * hour, "child:1")}
    stays = {
        # Not past the grace period, though a later checkpoint is there.
        orphan(checkpointer, "b", NOW - hour / 2),
        # Newer than the latest of its namespace: the run that wrote it may be going on.
        orphan(checkpointer, "a", NOW - 90 * timedelta(minutes=1)),
        orphan(checkpointer, "a", NOW - 9 * hour, "child:1"),
        # A namespace that has no checkpoint yet, a thread that was not asked for, and an id without a time.
        orphan(checkpointer, "a", NOW - 20 * hour, "child:2"),
        orphan(checkpointer, "c", NOW - 21 * hour),
        orphan(checkpointer, "a", NOW, checkpoint_id="0"),
    }
    call(entry, checkpointer, "prune", ["a", "b"])
    left = {found for (found,) in sql("SELECT DISTINCT checkpoint_id FROM writes")}
    assert not left & goes
    assert left >= stays
    assert sql("SELECT count(*) FROM checkpoints") == [(3,)]


def test_what_was_removed_is_logged(entry, filled, caplog):
    with caplog.at_level(logging.INFO, "fast_langgraph"):
        call(entry, filled, "prune", keep_last=5)
    assert "pruned 60 checkpoints of 2 threads" in caplog.text


# --- delete_for_runs ---


def test_the_checkpoints_of_a_run_go_with_their_writes(entry, checkpointer, sql):
    for n in range(6):
        put(checkpointer, "a", NOW - n * DAY, run=f"run-{n % 3}")
        put(checkpointer, "b", NOW - n * DAY, "child:1", run=f"run-{n % 3}")
    call(entry, checkpointer, "delete_for_runs", ["run-0", "none", "run-2"])
    for thread, ns in (("a", ""), ("b", "child:1")):
        assert {found.metadata["run_id"] for found in checkpointer.list(config(thread, ns))} == {"run-1"}
    assert sql("SELECT count(DISTINCT checkpoint_id || thread_id) FROM writes") == [(4,)]
    call(entry, checkpointer, "delete_for_runs", [])
    assert sql("SELECT count(*) FROM checkpoints") == [(4,)]


def test_one_run_id_is_not_a_sequence_of_them(entry, filled):
    with pytest.raises(TypeError, match="a sequence of run ids, not one id"):
        call(entry, filled, "delete_for_runs", "run")
    assert len(ids(filled, "a")) == 20


# --- copy_thread ---


@pytest.mark.parametrize("layout", ["with task_path", "without"])
def test_a_copy_has_all_of_the_thread(entry, layout, path):
    with opened("stock", path) as stock:
        for n in range(5):
            put(stock, "a", NOW - n * DAY)
            put(stock, "a", NOW - n * DAY, "child:1", last=2)
        orphan(stock, "a", NOW)
    if layout == "without":
        without_task_path(path)
    with RustSQLiteCheckpointer(path) as saver:
        call(entry, saver, "copy_thread", "a", "b")
        originals, copies = list(saver.list({"configurable": {"thread_id": "a"}})), []
        for found in saver.list({"configurable": {"thread_id": "b"}}):
            copies.append(found._replace(config=config_in("a", found.config)))
        assert len(copies) == 10
        assert difference(originals, copies) is None
        rows = saver.stats()
        assert (rows.checkpoints, rows.writes) == (20, 10 * 5 * 2 + 3 * 2)
        # Each goes its own way from there.
        saver.delete_thread("a")
        assert len(ids(saver, "b")) == 5


def config_in(thread, own):
    return {"configurable": {**own["configurable"], "thread_id": thread}}


def test_a_copy_over_an_existing_thread_is_refused_and_changes_nothing(entry, filled, sql):
    before = sql("SELECT * FROM checkpoints ORDER BY 1, 2, 3")
    for target in ("b", "a"):
        with pytest.raises(sqlite3.IntegrityError, match="has checkpoints already"):
            call(entry, filled, "copy_thread", "a", target)
    orphan(filled, "c", NOW)
    with pytest.raises(sqlite3.IntegrityError, match="has checkpoints already"):
        call(entry, filled, "copy_thread", "a", "c")
    assert sql("SELECT * FROM checkpoints ORDER BY 1, 2, 3") == before
    call(entry, filled, "copy_thread", "nobody", "d")
    assert sql("SELECT * FROM checkpoints ORDER BY 1, 2, 3") == before


def test_what_is_put_while_it_prunes_stays(entry, filled):
    """Between the look at a thread and the deletion others write."""
    steps = []
    inner = filled._engine

    class Between:
        """The engine, with a put of somebody else's before each request."""

        def run(self, request):
            self.put()
            return inner.run(request)

        def start(self, request, *rest):
            self.put()
            return inner.start(request, *rest)

        def put(self):
            filled._engine = inner
            given = {**checkpoint(1), "id": str(uuid6())}
            steps.append(filled.put(config("a"), given, METADATA, {})["configurable"]["checkpoint_id"])
            filled._engine = self

    filled._engine = Between()
    call(entry, filled, "prune", ["a"])
    filled._engine = inner
    assert len(steps) >= 3
    assert set(steps[1:]) <= set(ids(filled, "a"))
