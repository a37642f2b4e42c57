"""Many at once on one file: threads, processes, event loops; nothing is lost, and nobody is refused."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from apps.chat import graph
from apps.numbered_checkpoints import THREE_WRITES, aput, config_of, held, latest, put, state
from apps.processes import processes
from apps.soak import figures, scaled
from beside_stock.new_process import in_new_process
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._checkpointer import options, requests
from fast_langgraph._checkpointer.maintenance import Progress
from threads import PATIENCE, all_at_once

PUTS = scaled(100, 2_000)


def write_in_threads(path: str, process: int, threads: int, puts: int, start: Any) -> None:
    """What one of several processes does: each thread a conversation."""
    saver = RustSQLiteCheckpointer(path)

    def conversation(thread: int) -> None:
        start.wait(PATIENCE)
        for n in range(1, puts + 1):
            checkpoint_id = put(saver, f"{process}-{thread}", n, b"x" * (n % 50) * 100)
            saver.put_writes(config_of(f"{process}-{thread}", checkpoint_id), THREE_WRITES, "task")

    all_at_once(conversation, threads)
    saver.close()


@pytest.mark.soak
def test_four_processes_of_four_threads_lose_nothing_and_none_is_refused(tmp_path):
    path = tmp_path / "shared.db"
    start = processes.Barrier(16)
    children = [processes.Process(target=write_in_threads, args=(str(path), n, 4, PUTS, start)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(scaled(PATIENCE, 3_600))
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    everything = set(range(1, PUTS + 1))
    assert held(path) == {f"{process}-{thread}": everything for process in range(4) for thread in range(4)}
    figures("4 processes of 4 threads", puts=16 * PUTS, lost=0, busy_errors=0)


@pytest.mark.soak
def test_two_hundred_conversations_at_once_on_one_loop(tmp_path):
    turns = scaled(3, 30)

    async def conversation(app: Any, thread: int) -> None:
        for turn in range(turns):
            message = HumanMessage(f"{thread}: {turn}")
            found = await app.ainvoke({"messages": [message]}, {"configurable": {"thread_id": str(thread)}})
            assert len(found["messages"]) == 2 * turn + 2

    async def main() -> None:
        async with RustSQLiteCheckpointer(tmp_path / "chat.db") as saver:
            app = graph.compile(checkpointer=saver)
            await asyncio.wait_for(asyncio.gather(*(conversation(app, thread) for thread in range(200))), 3_600)
            figures("200 conversations on one loop", turns=200 * turns, **(await saver.astats()).counters)

    asyncio.run(main())
    with RustSQLiteCheckpointer(tmp_path / "chat.db") as saver:
        app = graph.compile(checkpointer=saver)
        for thread in range(200):
            messages = app.get_state(config_of(thread)).values["messages"]
            asked = [message.content for message in messages if message.type == "human"]
            assert asked == [f"{thread}: {turn}" for turn in range(turns)]
            # A checkpoint for the input and one for each step.
            assert len(list(saver.list(config_of(thread)))) == 3 * turns


def test_two_loops_in_two_threads_share_one_checkpointer(tmp_path):
    saver = RustSQLiteCheckpointer(tmp_path / "loops.db")

    async def main(loop: int) -> None:
        async def conversation(thread: int) -> None:
            for n in range(1, 21):
                await aput(saver, f"{loop}-{thread}", n)

        await asyncio.gather(*(conversation(thread) for thread in range(10)))

    loops = [threading.Thread(target=asyncio.run, args=(main(loop),)) for loop in range(2)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join(PATIENCE)
    assert all(latest(saver, f"{loop}-{thread}") == 20 for loop in range(2) for thread in range(10))
    saver.close()


def replace_writes(path: str, stop: Any) -> None:
    """Writes state and pending writes of one checkpoint over and over, in one call each."""
    with RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20) as saver:
        n = 0
        while not stop.is_set():
            n += 1
            put(saver, "t", n, b"x" * 20_000)
            # All of one call hold the same number: a special channel has its rows replaced.
            saver.put_writes(config_of("t", "fixed"), [("__interrupt__", n), ("__resume__", n), ("__error__", n)], "a")


@pytest.mark.soak
def test_readers_see_calls_as_a_whole_while_another_process_writes(tmp_path):
    path = tmp_path / "read.db"
    stop = processes.Event()
    with RustSQLiteCheckpointer(path) as saver:
        fixed = {**state(0), "id": "fixed"}
        saver.put(config_of("t"), fixed, {"step": 0}, {})
        child = processes.Process(target=replace_writes, args=(str(path), stop))
        child.start()
        seen: set[int] = set()
        try:
            while len(seen) < scaled(200, 5_000):
                assert child.is_alive()
                writes = saver.get_tuple(config_of("t", "fixed")).pending_writes
                numbers = {value for _, _, value in writes}
                assert (len(numbers), len(writes)) in ((0, 0), (1, 3)), writes
                seen |= numbers
                for found in saver.list(config_of("t"), limit=3):
                    assert found.metadata["step"] == found.checkpoint["channel_values"]["n"]
        finally:
            stop.set()
            child.join(PATIENCE)
    assert child.exitcode == 0
    figures("readers beside a writer", states_seen=len(seen), torn=0)


def test_a_checkpoint_is_seen_with_the_writes_that_went_before_it(tmp_path):
    """LangGraph writes a task's results, then the next checkpoint: who sees this sees those."""
    path = tmp_path / "order.db"
    with RustSQLiteCheckpointer(path) as saver:
        done = threading.Event()

        def write() -> None:
            checkpoint_id = put(saver, "t", 0)
            for n in range(1, 301):
                saver.put_writes(config_of("t", checkpoint_id), THREE_WRITES, "task")
                checkpoint_id = put(saver, "t", n)
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            listed = list(saver.list(config_of("t"), limit=5))
            for older in listed[1:]:
                assert len(older.pending_writes) == len(THREE_WRITES)
        writer.join()


@pytest.mark.soak
@pytest.mark.parametrize("writers", [1, 4])
def test_every_commit_is_found_after_a_tight_loop_with_checkpoints_in_the_background(tmp_path, writers):
    """SQLite up to 3.51.2 can lose a commit when a checkpoint meets a log that starts over."""
    path = tmp_path / "tight.db"
    puts = scaled(6_000, 60_000) // writers

    with RustSQLiteCheckpointer(path, synchronous="off", max_wal_bytes=1 << 20) as saver:

        def work(thread: int) -> None:
            for n in range(1, puts + 1):
                put(saver, thread, n, b"x" * 3_000)

        all_at_once(work, writers)
        counters = saver.stats().counters
        # It is about checkpoints in the background: there have to be some, beside the loop.
        assert counters["wal_checkpoints"] > 10
        everything = {str(thread): set(range(1, puts + 1)) for thread in range(writers)}
        assert held_beside(path) == everything
    assert held(path) == everything
    figures(
        f"tight loop of {writers} threads", commits=counters["commits"], lost=0, checkpoints=counters["wal_checkpoints"]
    )


def held_beside(path: Path) -> dict[str, set[int]]:
    """As ``held``, in a process of its own while this one has the file open."""
    with processes.Pool(1) as pool:
        return pool.apply(held, (path,))


def write_beside_checkpoints(path: str, process: int, puts: int, start: Any) -> None:
    # A bound so low has each process move the log, and have it start over, every few commits.
    options.LEAST_WAL = 0
    with RustSQLiteCheckpointer(path, synchronous="off", max_wal_bytes=40_000) as saver:
        start.wait(PATIENCE)
        for n in range(1, puts + 1):
            put(saver, process, n, b"x" * 3_000)


@pytest.mark.soak
def test_every_commit_is_found_after_six_processes_have_moved_the_log_at_once(tmp_path):
    """Without the snapshot that our checkpoints hold, SQLite 3.40.1 made one of four such files malformed."""
    puts, rounds = scaled(300, 10_000), scaled(1, 10)
    for n in range(rounds):
        path = tmp_path / f"moved{n}.db"
        start = processes.Barrier(6)
        children = [
            processes.Process(target=write_beside_checkpoints, args=(str(path), n, puts, start)) for n in range(6)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join(scaled(PATIENCE, 3_600))
        assert [child.exitcode for child in children] == [0] * 6
        assert held(path) == {str(process): set(range(1, puts + 1)) for process in range(6)}
    figures("6 processes that move the log", commits=6 * puts * rounds, lost=0)


@pytest.mark.soak
@pytest.mark.parametrize("synchronous", ["full", "off"])
def test_the_log_stays_near_its_bound_under_steady_load(tmp_path, synchronous):
    """A busy writer whose log is moved in the background alone would never let it start over."""

    path = tmp_path / "bounded.db"
    wal = path.with_name(path.name + "-wal")
    bound, each = 8 << 20, 100_000
    peak = 0
    with RustSQLiteCheckpointer(path, max_wal_bytes=bound, synchronous=synchronous) as saver:

        def work(thread: int) -> None:
            nonlocal peak
            for n in range(1, scaled(250, 5_000) + 1):
                put(saver, thread, n, b"x" * each)
                # By its name: opening and closing it would drop locks.
                peak = max(peak, wal.stat().st_size)

        all_at_once(work, 4)
        written = 4 * scaled(250, 5_000) * each
    # A bound is looked at before a commit: the log may be over it by what is committed at once.
    assert peak <= bound + 8 * each + (1 << 20)
    assert written > 5 * bound
    figures(f"log, synchronous {synchronous}", bound_bytes=bound, peak_bytes=peak, written_bytes=written)


def write_much(path: str, process: int, puts: int, start: Any) -> None:
    with RustSQLiteCheckpointer(path, max_wal_bytes=4 << 20) as saver:
        start.wait(PATIENCE)
        for n in range(1, puts + 1):
            put(saver, process, n, b"x" * 100_000)


@pytest.mark.soak
def test_the_log_stays_near_its_bound_while_two_processes_write(tmp_path):
    """None of the two would ever have all of the log moved, for the other makes it longer meanwhile."""
    path = tmp_path / "bounded.db"
    wal = path.with_name(path.name + "-wal")
    puts, peak = scaled(400, 10_000), 0
    start = processes.Barrier(3)
    children = [processes.Process(target=write_much, args=(str(path), n, puts, start)) for n in range(2)]
    for child in children:
        child.start()
    start.wait(PATIENCE)
    while any(child.is_alive() for child in children):
        if wal.exists():
            peak = max(peak, wal.stat().st_size)
        time.sleep(0.002)
    assert [child.exitcode for child in children] == [0, 0]
    assert peak < 3 * (4 << 20)
    assert held(path) == {str(process): set(range(1, puts + 1)) for process in range(2)}
    figures("log of two processes", bound_bytes=4 << 20, peak_bytes=peak, written_bytes=2 * puts * 100_000)


def move_the_log(path: str, stop: Any) -> None:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    while not stop.is_set():
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def test_a_writer_at_the_bound_and_another_who_moves_the_log_do_not_wait_for_one_another(tmp_path):
    """The other waits for the right to write, which the writer must not keep while it waits for the other."""
    path = tmp_path / "moved.db"
    with RustSQLiteCheckpointer(path, synchronous="off", max_wal_bytes=1 << 20, busy_timeout=60) as saver:
        put(saver, "t", 1)
        stop = processes.Event()
        other = processes.Process(target=move_the_log, args=(str(path), stop))
        other.start()
        # They met after some 30 puts, and then waited for as long as a busy_timeout.
        began = time.monotonic()
        for n in range(2, 302):
            put(saver, "t", n % 20, b"x" * 300_000)
        took = time.monotonic() - began
        stop.set()
        other.join(PATIENCE)
        assert other.exitcode == 0
    assert took < 60


def test_the_log_of_a_steady_writer_starts_over_long_before_its_bound(tmp_path):
    """To make a file longer costs at each commit; what is written over again does not."""
    with RustSQLiteCheckpointer(tmp_path / "steady.db") as saver:
        for n in range(1, 2_501):
            put(saver, "t", n, b"x" * 2_000)
        # Together some 40 MB; moved from 4 MB on.
        assert saver.stats().wal_file_bytes < 16 << 20
        assert saver.stats().counters["wal_checkpoints_waited_for"] == 0


def test_a_reader_that_holds_a_snapshot_has_the_log_grow_and_nobody_wait(tmp_path):
    path = tmp_path / "pinned.db"
    with RustSQLiteCheckpointer(path, max_wal_bytes=1 << 20) as saver:
        put(saver, "t", 1)
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM checkpoints").fetchall()
        for n in range(2, 102):
            put(saver, "t", n, b"x" * 50_000)
        assert reader.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
        reader.close()
        grown = saver.stats().wal_file_bytes
        # With the snapshot gone it starts over: the file stays as large as it was, and grows no more.
        for n in range(102, 302):
            put(saver, "t", n, b"x" * 50_000)
        assert saver.stats().wal_file_bytes < 2 * grown
        assert latest(saver, "t") == 301


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="sqlite3 no longer has the setting")
def test_connections_have_caches_of_their_own_although_the_app_shares_its(tmp_path):
    code = f"""
        import sqlite3, warnings
        from apps.numbered_checkpoints import latest, put
        from fast_langgraph import RustSQLiteCheckpointer
        from threads import all_at_once

        warnings.simplefilter("ignore")
        sqlite3.enable_shared_cache(True)
        with RustSQLiteCheckpointer({str(tmp_path / "test.db")!r}) as saver:
            def work(thread):
                for n in range(1, 200):
                    put(saver, str(thread), n, b"x" * 5000)
                    assert latest(saver, str(thread)) == n
            all_at_once(work, 3)

        # The constructor looks at the file by a connection that can only read, and takes no locks.
        sqlite3.connect({str(tmp_path / "test.db")!r}).execute("CREATE TABLE app (x)")
        def beside(what):
            for _ in range(300):
                if what:
                    RustSQLiteCheckpointer({str(tmp_path / "test.db")!r}).close()
                else:
                    conn = sqlite3.connect({str(tmp_path / "test.db")!r}, isolation_level=None, timeout=60)
                    conn.execute("INSERT INTO app VALUES (1)")
                    conn.close()
        all_at_once(beside, 2)
    """
    process = in_new_process(code, common=False)
    assert process.returncode == 0, process.stderr


def convert_to_and_fro(path: str) -> None:
    with RustSQLiteCheckpointer(path) as saver:
        saver.convert("compact")
        saver.convert("standard")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_another_process_writes_while_a_file_is_converted(way, tmp_path):
    """SQLite's busy handler looks ever more seldom. It has to find the file free long before the conversion ends."""
    path = tmp_path / "converted.db"
    with RustSQLiteCheckpointer(path, layout="standard") as saver:
        put(saver, "a", 1, [f"message {n} " + "word " * 30 for n in range(20)])
    columns = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
    with sqlite3.connect(path) as conn:
        conn.execute(
            f"INSERT INTO checkpoints ({columns}) WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 6000) "
            "SELECT thread_id, n, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints, n"
        )
    conn.close()
    child = processes.Process(target=convert_to_and_fro if way == "sync" else aconvert_to_and_fro, args=(str(path),))
    conn = sqlite3.connect(path, timeout=60, isolation_level=None)
    child.start()
    between = set()
    while child.is_alive():
        conn.execute("UPDATE writes SET value = NULL")
        # How many rows are in pieces then, if it is not all or none.
        names = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
        if "fl_checkpoints" in names:
            between.add(conn.execute("SELECT count(*) FROM fl_checkpoints WHERE ranges IS NULL").fetchone()[0])
    conn.close()
    assert child.exitcode == 0
    assert len(between - {0, 6001}) > 5


def test_a_conversion_does_not_pause_for_long_because_it_had_to_wait(monkeypatch):
    seconds = iter(range(0, 1000, 60))
    monkeypatch.setattr(requests.time, "monotonic", lambda: next(seconds))
    steps = requests.conversion("compact", Progress(None), dry_run=False)
    next(steps)
    steps.send((1, 1000, 10**6))
    assert steps.send((256, 0, 10**5, 256)) == 1.0


def aconvert_to_and_fro(path: str) -> None:
    async def both() -> None:
        async with RustSQLiteCheckpointer(path) as saver:
            await saver.aconvert("compact")
            await saver.aconvert("standard")

    asyncio.run(both())
