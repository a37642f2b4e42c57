"""stats() beside plain SQL, vacuum() and backup() while it is written, and what is logged."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from langgraph.checkpoint.base.id import uuid6

import samples
from apps.databases import connected, opened
from apps.entry_points import ENTRIES, call
from fast_langgraph import RustSQLiteCheckpointer
from samples import graphs
from samples.checkpoints import METADATA, WRITES, checkpoint, checkpoint_id, config
from samples.moments import NOW, id_of


@pytest.fixture
def filled(checkpointer):
    for thread in range(7):
        for n in range(thread + 1):
            saved = checkpointer.put(config(str(thread)), checkpoint(n, text="é" * 1000 * thread), METADATA, {})
            checkpointer.put_writes(saved, WRITES, f"task-{n}")
    return checkpointer


# --- stats ---


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_figures_are_those_of_a_count(entry, filled, sql, path):
    stats = call(entry, filled, "stats")
    one = {
        "threads": "SELECT count(DISTINCT thread_id) FROM checkpoints",
        "checkpoints": "SELECT count(*) FROM checkpoints",
        "writes": "SELECT count(*) FROM writes",
        "standard_bytes": "SELECT sum(length(CAST(checkpoint AS BLOB)) + length(CAST(metadata AS BLOB))) FROM checkpoints",
        "write_bytes": "SELECT sum(length(CAST(value AS BLOB))) FROM writes",
        "database_bytes": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "free_bytes": "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
    }
    assert {name: getattr(stats, name) for name in one} == {name: sql(text)[0][0] for name, text in one.items()}
    assert stats.threads == 7
    if stats.layout == "standard":
        assert stats.checkpoint_bytes == stats.standard_bytes
    else:
        # The long values, which are all alike in a thread, once.
        assert stats.checkpoint_bytes < stats.standard_bytes / 2
    assert stats.wal_file_bytes == os.stat(f"{path}-wal").st_size > 0
    per_thread = sql(
        "SELECT thread_id, count(*), sum(length(CAST(checkpoint AS BLOB)) + length(CAST(metadata AS BLOB))) AS bytes "
        "FROM checkpoints GROUP BY thread_id ORDER BY bytes DESC"
    )
    assert [(each.thread_id, each.checkpoints, each.bytes) for each in stats.largest_threads] == per_thread[:5]
    assert len(call(entry, filled, "stats", largest=2).largest_threads) == 2
    assert len(call(entry, filled, "stats", largest=0).largest_threads) == 0
    assert len(call(entry, filled, "stats", largest=100).largest_threads) == 7


def test_the_last_checkpoint_is_told_by_its_time(checkpointer):
    assert checkpointer.stats().last_checkpoint is None
    for thread, moment in (("a", NOW), ("b", NOW.replace(year=NOW.year - 1))):
        checkpointer.put(config(thread), {**checkpoint(1), "id": id_of(moment)}, METADATA, {})
    assert checkpointer.stats().last_checkpoint == NOW
    assert json.loads(json.dumps(checkpointer.stats().to_dict()))["last_checkpoint"] == NOW.isoformat()


def test_stats_of_an_empty_database_are_zero(checkpointer, tmp_path):
    for saver in (checkpointer, RustSQLiteCheckpointer(":memory:")):
        stats = saver.stats()
        assert (stats.threads, stats.checkpoints, stats.writes, stats.checkpoint_bytes, stats.write_bytes) == (0,) * 5
        assert stats.largest_threads == ()
    (tmp_path / "empty.db").touch()
    stats = RustSQLiteCheckpointer(tmp_path / "empty.db", read_only=True).stats()
    assert (stats.threads, stats.database_bytes) == (0, 0)


def test_counters_count_what_was_done(checkpointer):
    checkpointer.setup()
    for n in range(5):
        checkpointer.put(config(), checkpoint(n), METADATA, {})
        checkpointer.get(config())

    async def many():
        await asyncio.gather(*(checkpointer.aput(config(str(n)), checkpoint(n), METADATA, {}) for n in range(50)))

    asyncio.run(many())
    counters = checkpointer.stats().counters
    assert counters["operations"] == 55
    assert counters["reads"] == 5
    assert 5 < counters["commits"] <= 55
    assert 1 <= counters["most_queued"] <= 50
    assert counters["largest_batch"] > 1, "what came at once was committed together"
    assert counters["commits"] < counters["operations"]
    assert counters["queued"] == 0
    assert counters["connections_opened"] >= 2
    assert counters["wal_bytes"] > 0


@pytest.mark.parametrize("place", ["file", "memory"])
def test_what_writes_nothing_is_no_commit(place, path):
    with RustSQLiteCheckpointer(path if place == "file" else ":memory:") as checkpointer:
        for n in range(3):
            checkpointer.put(config(), checkpoint(n), METADATA, {})
            checkpointer.get(config())
            assert len(list(checkpointer.list(None))) == n + 1
        counters = checkpointer.stats().counters
        assert (counters["operations"], counters["commits"]) == (3, 3)
        # It removes pending writes of no checkpoint, if there are any: one operation.
        checkpointer.vacuum()
        counters = checkpointer.stats().counters
        assert (counters["operations"], counters["commits"]) == (4, 4)


#: in place of the C library's, in a process that is started with it
SYNCS = """
#define _GNU_SOURCE
#include <dlfcn.h>
static _Atomic long syncs;
long count_of_syncs(void) { return syncs; }
int fsync(int file) { syncs++; return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file); }
int fdatasync(int file) { syncs++; return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file); }
"""

COUNT_SYNCS = """
import ctypes, sys, time
sys.path.append({folder!r})
from samples.checkpoints import METADATA, checkpoint, config
from fast_langgraph import RustSQLiteCheckpointer
count = ctypes.CDLL(None).count_of_syncs
def now():
    time.sleep(0.3)  # what is moved beside the last put
    counters = checkpointer.stats().counters
    return counters["fsyncs"], count(), counters["wal_checkpoints"]
with RustSQLiteCheckpointer({path!r}, synchronous={synchronous!r}, max_wal_bytes={bound}) as checkpointer:
    # Opens all connections.
    for n in range(60):
        checkpointer.put(config(), checkpoint(n, text="x" * {size} * 4), METADATA, {{}})
    before = now()
    for n in range(60, 360):
        checkpointer.put(config(), checkpoint(n, text="x" * {size}), METADATA, {{}})
    print(*(after - before for before, after in zip(before, now())))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD")
@pytest.mark.parametrize("synchronous", ["full", "normal", "off"])
@pytest.mark.parametrize("moved", [False, True])
def test_fsyncs_are_as_many_as_the_system_is_asked_for(synchronous, moved, path, tmp_path):
    shim = tmp_path / "syncs.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", shim, "-"], input=SYNCS, text=True, check=True)
    script = COUNT_SYNCS.format(
        folder=str(Path(samples.__file__).parents[1]),
        path=str(path),
        synchronous=synchronous,
        bound=1 << (20 if moved else 25),
        size=10_000 if moved else 100,
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"LD_PRELOAD": str(shim)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counted, asked_for, moves = map(int, done.stdout.split())
    assert (moves > 3) if moved else (moves == 0)
    assert counted >= 300 if synchronous == "full" else counted < 100
    assert counted + moves <= asked_for <= counted + 2 * moves


def test_in_the_compact_layout_states_at_hand_and_states_that_were_read_are_told(path):
    def looked_up(checkpointer):
        counters = checkpointer.stats().counters
        return counters["cache_hits"], counters["cache_misses"]

    with RustSQLiteCheckpointer(path, layout="compact") as checkpointer:
        saved = config()
        for n in range(5):
            saved = checkpointer.put(saved, checkpoint(n, text="x" * 1_000), METADATA, {})
        # The first has nothing to be compared with.
        assert looked_up(checkpointer) == (4, 0)
    with RustSQLiteCheckpointer(path) as checkpointer:
        for n in range(5, 8):
            saved = checkpointer.put(saved, checkpoint(n, text="x" * 1_000), METADATA, {})
        assert looked_up(checkpointer) == (2, 1)


def test_the_log_is_moved_in_the_background_and_its_size_is_told(path):
    with RustSQLiteCheckpointer(path, synchronous="off", max_wal_bytes=1 << 20) as checkpointer:
        for n in range(60):
            checkpointer.put(config(), checkpoint(n, text="x" * 200_000), METADATA, {})
        stats = checkpointer.stats()
        assert stats.counters["wal_checkpoints"] + stats.counters["wal_checkpoints_waited_for"] > 0
        # 12 MB were written; the bound is kept but for the commits that go over it.
        assert stats.wal_file_bytes < 4 << 20


# --- vacuum ---


@pytest.mark.parametrize("entry", ENTRIES)
def test_vacuum_gives_room_back_and_keeps_everything(entry, filled, path):
    before = list(filled.list(None))
    for n in range(40):
        filled.put(config("doomed"), checkpoint(n, text=str(n) * 50_000), METADATA, {})
    filled.delete_thread("doomed")
    full = filled.stats()
    call(entry, filled, "vacuum")
    after = filled.stats()
    assert after.free_bytes == 0
    assert after.database_bytes < full.database_bytes - (1 << 20)
    assert path.stat().st_size == after.database_bytes, "the file itself, not only the log"
    assert list(filled.list(None)) == before


# --- backup ---


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_backup_is_the_database_as_it_was(entry, filled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for target in ("relative.db", tmp_path / "absolute.db"):
        assert call(entry, filled, "backup", target) is None
        copy = tmp_path / os.path.basename(target)
        with opened("stock", copy) as stock:
            assert list(stock.list(None)) == list(filled.list(None))
        with RustSQLiteCheckpointer(copy) as ours:
            assert ours.put(config(), checkpoint(99), METADATA, {})
    assert {each.name for each in tmp_path.iterdir() if "partial" in each.name} == set()
    assert filled.get(config(at=99)) is None


def test_a_backup_of_a_database_in_memory_is_a_file(tmp_path):
    with RustSQLiteCheckpointer(":memory:") as saver:
        saver.put(config(), checkpoint(1), METADATA, {})
        saver.backup(tmp_path / "copy.db")
    with RustSQLiteCheckpointer(tmp_path / "copy.db", read_only=True) as copy:
        assert copy.get(config()) == checkpoint(1)


def test_a_backup_takes_no_name_that_is_taken(filled, path, tmp_path):
    before = path.stat().st_size
    for target in (path, tmp_path):
        with pytest.raises(sqlite3.OperationalError, match="exists already"):
            filled.backup(target)
    with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
        filled.backup(tmp_path / "none" / "copy.db")
    assert path.stat().st_size == before
    # What a backup that was killed has left behind is in nobody's way.
    (tmp_path / "copy.db.partial").write_bytes(b"half a copy" * 1000)
    filled.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db.partial").exists()


def test_backups_while_it_is_written_hold_whole_checkpoints_of_one_moment(checkpointer, tmp_path):
    acknowledged = {"sync": 0, "async": 0}
    stop = threading.Event()

    def written(name, n):
        given = {**checkpoint(n, text="x" * 20_000), "id": checkpoint_id(n)}
        return config(name), given, {**METADATA, "step": n}, {}

    def write():
        while not stop.is_set():
            n = acknowledged["sync"]
            checkpointer.put_writes(checkpointer.put(*written("sync", n)), WRITES, "task")
            acknowledged["sync"] = n + 1

    async def awrite():
        while not stop.is_set():
            n = acknowledged["async"]
            await checkpointer.aput_writes(await checkpointer.aput(*written("async", n)), WRITES, "task")
            acknowledged["async"] = n + 1

    writers = [threading.Thread(target=write), threading.Thread(target=lambda: asyncio.run(awrite()))]
    for writer in writers:
        writer.start()
    bounds = []
    try:
        for number in range(8):
            before = dict(acknowledged)
            checkpointer.backup(tmp_path / f"copy-{number}.db")
            bounds.append((before, dict(acknowledged)))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    for number, (before, after) in enumerate(bounds):
        copy = tmp_path / f"copy-{number}.db"
        assert not (tmp_path / f"{copy.name}-wal").exists()
        with connected(copy) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            for name in ("sync", "async"):
                rows = "SELECT checkpoint_id FROM {} WHERE thread_id = ? GROUP BY 1 ORDER BY 1"
                puts = [found for (found,) in conn.execute(rows.format("checkpoints"), (name,))]
                writes = [found for (found,) in conn.execute(rows.format("writes"), (name,))]
                assert puts == [checkpoint_id(n) for n in range(len(puts))], "nothing is missing in between"
                # The last one's pending writes may be still to come; all others have theirs.
                assert len(puts) - 1 <= len(writes) <= len(puts)
                assert before[name] <= len(writes) <= after[name] + 1
        with RustSQLiteCheckpointer(copy, read_only=True) as ours:
            assert all(len(each.checkpoint["channel_values"]["text"]) == 20_000 for each in ours.list(None))
    assert bounds[-1][0] != {"sync": 0, "async": 0}


# --- logging ---


def test_nothing_is_logged_while_all_is_well_but_under_its_own_name(checkpointer, caplog, tmp_path):
    with caplog.at_level(logging.DEBUG):
        app = graphs.fan_out().compile(checkpointer=checkpointer)
        app.invoke({"items": [1, 2], "results": []}, graphs.CONFIG)
        asyncio.run(app.ainvoke({"items": [3]}, graphs.CONFIG))
        checkpointer.put(config("other"), {**checkpoint(1), "id": str(uuid6())}, METADATA, {})
        checkpointer.prune(keep_last=1)
        checkpointer.vacuum()
        checkpointer.backup(tmp_path / "copy.db")
    ours = [record for record in caplog.records if record.name == "fast_langgraph"]
    assert any(record.getMessage().startswith("pruned ") for record in ours)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
