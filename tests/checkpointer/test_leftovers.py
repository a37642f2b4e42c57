"""What is left behind and has to go: pending writes without checkpoints, a long log; and pruning that stays linear."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from fast_langgraph import RustSQLiteCheckpointer
from samples.moments import id_of

METADATA = {"source": "loop", "step": 1, "parents": {}}
NOW = datetime.now(timezone.utc)
LONG_AGO = NOW - timedelta(days=40)
JUST_NOW = NOW - timedelta(minutes=5)


def config(thread: str, at: str | None = None) -> dict:
    named = {"thread_id": thread, "checkpoint_ns": ""}
    return {"configurable": {**named, "checkpoint_id": at} if at else named}


def state(checkpoint_id: str, size: int = 100) -> dict:
    return {
        "v": 4,
        "ts": "",
        "id": checkpoint_id,
        "channel_values": {"messages": ["x" * size]},
        "channel_versions": {},
        "versions_seen": {},
    }


def fill(saver: RustSQLiteCheckpointer, thread: str, moment: datetime) -> None:
    saver.put(config(thread), state(id_of(moment)), METADATA, {})
    saver.put_writes(config(thread, id_of(moment)), [("messages", f"of {thread}")], "task")


@pytest.fixture(params=["standard", "compact"])
def path(request, tmp_path) -> Path:
    path = tmp_path / "checkpoints.db"
    with RustSQLiteCheckpointer(path, layout=request.param) as saver:
        for number in range(10):
            fill(saver, f"old-{number}", LONG_AGO)
        fill(saver, "new", JUST_NOW)
        fill(saver, "kept", LONG_AGO)
        # Written by a node of a run that goes on, before its checkpoint.
        saver.put_writes(config("kept", id_of(JUST_NOW)), [("messages", "in flight")], "task")
    # The documented clean-up, which looks at checkpoints alone.
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("DELETE FROM checkpoints WHERE thread_id LIKE 'old-%' OR thread_id = 'new'")
    assert len(writes(path)) == 13
    return path


def writes(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as conn:
        return set(conn.execute("SELECT thread_id, checkpoint_id FROM writes").fetchall())


STAY = {("new", id_of(JUST_NOW)), ("kept", id_of(LONG_AGO)), ("kept", id_of(JUST_NOW))}

WAYS = {
    "prune what is old": lambda saver: saver.prune(older_than=timedelta(days=400)),
    "prune to the latest": lambda saver: saver.prune(keep_last=1),
    "prune old threads": lambda saver: saver.prune(strategy="delete", older_than=timedelta(days=400)),
    "prune these": lambda saver: saver.prune([f"old-{number}" for number in range(10)]),
    "vacuum": lambda saver: saver.vacuum(),
    "delete them": lambda saver: [saver.delete_thread(f"old-{number}") for number in range(10)],
}


@pytest.mark.parametrize("way", WAYS)
def test_pending_writes_of_threads_without_checkpoints_go_and_those_of_a_run_that_goes_on_stay(way, path):
    with RustSQLiteCheckpointer(path) as saver:
        WAYS[way](saver)
        assert writes(path) == STAY
        assert saver.get_tuple(config("kept")).pending_writes == [("task", "messages", "of kept")]


async def test_they_go_in_an_event_loop_too(path):
    async with RustSQLiteCheckpointer(path) as saver:
        await saver.avacuum()
    assert writes(path) == STAY


test_they_go_in_an_event_loop_too = pytest.mark.asyncio(test_they_go_in_an_event_loop_too)


def test_pending_writes_whose_ids_tell_no_time_stay(tmp_path):
    path = tmp_path / "checkpoints.db"
    with RustSQLiteCheckpointer(path) as saver:
        saver.put_writes(config("odd", "an-id-of-its-own"), [("messages", 1)], "task")
        saver.vacuum()
        saver.prune(keep_last=1)
        assert writes(path) == {("odd", "an-id-of-its-own")}


# The write-ahead log


def wal_bytes(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_after_vacuum_the_log_is_short(layout, tmp_path):
    path = tmp_path / "checkpoints.db"
    with RustSQLiteCheckpointer(path, layout=layout, max_wal_bytes=4 << 20) as saver:
        for number in range(60):
            saver.put(config(f"{number}"), state(id_of(LONG_AGO), 500_000 + number), METADATA, {})
        with closing(sqlite3.connect(path)) as conn:
            version = conn.execute("PRAGMA user_version").fetchone()
        saver.prune([f"{number}" for number in range(30)], strategy="delete")
        saver.vacuum()
        assert path.stat().st_size > 12 << 20
        assert wal_bytes(path) < 100_000
        assert saver.stats().wal_file_bytes == wal_bytes(path)
        # It grows again, and is kept near its bound.
        for number in range(20):
            saver.put(config(f"more-{number}"), state(id_of(NOW), 500_000 + number), METADATA, {})
        assert wal_bytes(path) < 6 << 20
        assert len(list(saver.list(None))) == 50
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert conn.execute("PRAGMA user_version").fetchone() == version


def test_a_log_that_a_snapshot_kept_long_is_cut_once_the_snapshot_is_gone(tmp_path):
    path, bound = tmp_path / "checkpoints.db", 4 << 20
    with RustSQLiteCheckpointer(path, max_wal_bytes=bound) as saver:
        saver.put(config("first"), state(id_of(NOW)), METADATA, {})
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM checkpoints").fetchone()
            for number in range(60):
                saver.put(config(f"{number}"), state(id_of(NOW), 500_000), METADATA, {})
            assert wal_bytes(path) > 20 << 20
        for number in range(100):
            saver.put(config(f"more-{number}"), state(id_of(NOW), 100_000), METADATA, {})
        assert wal_bytes(path) <= bound + (1 << 20)
        assert len(list(saver.list(None))) == 161


def test_vacuum_beside_a_snapshot_leaves_the_log_and_is_no_error(tmp_path):
    path = tmp_path / "checkpoints.db"
    with RustSQLiteCheckpointer(path, busy_timeout=0.2) as saver:
        saver.put(config("first"), state(id_of(NOW), 3_000_000), METADATA, {})
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
            saver.vacuum()
            assert wal_bytes(path) > 1 << 20
            assert reader.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
        saver.vacuum()
        assert wal_bytes(path) < 100_000


# Pruning one long thread


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_of_a_long_thread_all_keys_are_looked_at_a_few_times_however_long_it_is(layout, tmp_path):
    path, count = tmp_path / "checkpoints.db", 6_000
    scans = {}
    for kept in (5_900, 10):
        with RustSQLiteCheckpointer(path, layout=layout, synchronous="off") as saver:
            for number in range(count if kept == 5_900 else 100):
                saver.put(config("long"), state(f"{number:08}", 500), METADATA, {})
            before = saver.stats(0).counters["thread_scans"]
            saver.prune(["long"], keep_last=kept)
            assert saver.stats(0).checkpoints == kept
            scans[kept] = saver.stats(0).counters["thread_scans"] - before
        if layout == "compact":
            with closing(sqlite3.connect(path)) as conn:
                [(pieces,)] = conn.execute("SELECT count(*) FROM fl_pieces")
                assert pieces <= kept
    # In 1 transaction of 500 checkpoints, and in 12.
    assert scans == {5_900: 1, 10: 1}


def test_what_others_put_in_between_is_seen(tmp_path):
    from fast_langgraph._checkpointer import pruning

    path = tmp_path / "checkpoints.db"
    with RustSQLiteCheckpointer(path, synchronous="off") as saver, RustSQLiteCheckpointer(path) as other:
        for number in range(2_000):
            saver.put(config("long"), state(f"{number:08}"), METADATA, {})
        puts = iter([(saver, "long"), (other, "long"), (saver, "another"), (other, "another")])
        steps = pruning.prune(saver._way(False, None), ["long"], "keep_latest", 1, None)
        request, added = next(steps), 0
        deletions = 0
        while True:
            answer = saver._engine.run(request)
            if isinstance(answer, tuple) and answer[0] == pruning.CHUNK:
                deletions += 1
                who, thread = next(puts, (None, None))
                if who is not None:
                    added += 1
                    who.put(config(thread), state(f"9999{added:04}"), METADATA, {})
            try:
                request = steps.send(answer)
            except StopIteration:
                break
        assert deletions >= 3
        left = {found.checkpoint["id"] for found in saver.list(config("long"))}
        assert left == {"00001999", "99990001", "99990002"}
        assert saver.stats(0).counters["thread_scans"] >= 3
