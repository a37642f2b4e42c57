"""``retention``: what need not be kept goes, behind the puts; what is needed stays; and it is in nobody's way."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta
from itertools import pairwise

import pytest

from apps.databases import connected
from beside_stock.new_process import in_new_process
from fast_langgraph import Retention, RustSQLiteCheckpointer
from fast_langgraph._checkpointer import retention as module
from samples import graphs
from samples.checkpoints import METADATA, WRITES, checkpoint, config
from samples.moments import NOW, id_of

DAY = timedelta(days=1)
LAYOUTS = ("standard", "compact")


def opened(path, layout="standard", **kept) -> RustSQLiteCheckpointer:
    return RustSQLiteCheckpointer(path, layout=layout, synchronous="off", retention=Retention(**kept))


def put(saver, thread, moment=NOW, ns="", last=1, text="") -> str:
    state = {**checkpoint(last, text=text), "id": id_of(moment, last)}
    saved = saver.put(config(thread, ns), state, METADATA, {})
    saver.put_writes(saved, WRITES, "task")
    return state["id"]


def until(holds, seconds=20.0) -> None:
    """Waits until it is so."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.02)


def ids(saver, thread, ns="") -> list[str]:
    return [found.checkpoint["id"] for found in saver.list(config(thread, ns))]


def writes(path) -> set[str]:
    with connected(path) as conn:
        return {row[0] for row in conn.execute("SELECT DISTINCT checkpoint_id FROM writes")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_latest_of_each_namespace_stay(path, layout):
    expected = {}
    with opened(path, layout, keep_last=3) as saver:
        for thread in ("a", "b"):
            for ns in ("", "child:1"):
                made = [put(saver, thread, NOW - (20 - n) * DAY, ns, n) for n in range(20)]
                expected[thread, ns] = made[-3:][::-1]
        until(lambda: all(ids(saver, *where) == kept for where, kept in expected.items()))
        until(lambda: writes(path) == {each for kept in expected.values() for each in kept})
        until(lambda: saver.stats().removed.checkpoints == 4 * 17)
        assert saver.stats().removed.writes == 4 * 17 * 3


def test_what_was_there_before_goes_too_once_something_is_put(path):
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(10):
            put(saver, "before", NOW - (10 - n) * DAY, last=n)
    with opened(path, keep_last=2) as saver:
        time.sleep(0.5)
        assert len(ids(saver, "before")) == 10, "nothing is removed where nothing is put"
        put(saver, "another")
        until(lambda: len(ids(saver, "before")) == 2)


def test_what_is_too_old_goes_but_not_the_latest_of_a_thread_that_goes_on(path):
    with opened(path, max_age=7 * DAY) as saver:
        for n in range(5):
            put(saver, "over", NOW - (30 - n) * DAY, last=n)
            put(saver, "goes on", NOW - (30 - n) * DAY, last=n)
        latest = [put(saver, "goes on", NOW - n * DAY, last=10 - n) for n in (3, 2, 1)]
        # As an hour later.
        saver._keeper._swept = None
        put(saver, "another")
        until(lambda: ids(saver, "over") == [] and ids(saver, "goes on") == latest[::-1])


def test_threads_left_alone_for_longest_go_where_there_is_too_much(path):
    with opened(path, max_bytes=600_000) as saver:
        for n in range(20):
            put(saver, f"t{n}", NOW - (40 - n) * DAY, text=f"{n}" * 60_000)
        for n in range(4):
            put(saver, f"now {n}", NOW, text=f"{n}" * 60_000)

        def used():
            stats = saver.stats()
            return stats.database_bytes - stats.free_bytes

        until(lambda: used() <= 600_000)
        left = [thread.thread_id for thread in saver.threads()]
        assert {f"now {n}" for n in range(4)} < set(left)
        assert left[4:] == [f"t{n}" for n in range(19, 19 - len(left[4:]), -1)], "the others went in order"
        assert len(left) > 4


def test_what_is_in_use_stays_however_large_it_is(path):
    with opened(path, max_bytes=1) as saver:
        kept = [put(saver, f"now {n}", NOW, text="x" * 60_000) for n in range(4)]
        put(saver, "old", NOW - DAY)
        until(lambda: ids(saver, "old") == [])
        time.sleep(0.5)
        assert [ids(saver, f"now {n}") for n in range(4)] == [[each] for each in kept]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_delta_channels_are_rebuilt_as_before(path, layout):
    if graphs.delta() is None:
        pytest.skip("this release has no delta channels")
    IN = {"configurable": {"thread_id": "1"}}
    with opened(path, layout, keep_last=1) as saver, RustSQLiteCheckpointer(":memory:") as whole:
        for n in range(12):
            expected = graphs.delta().compile(checkpointer=whole).invoke({"items": [n]}, IN)
            found = graphs.delta().compile(checkpointer=saver).invoke({"items": [n]}, IN)
            assert len(found["items"]) == len(expected["items"])
        until(lambda: saver.stats().removed.checkpoints > 10)
        values = [graphs.delta().compile(checkpointer=each).get_state(IN).values for each in (saver, whole)]
        assert [str(each) for each in values[0]["items"]] == [str(each) for each in values[1]["items"]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_put_is_lost_while_many_put(path, layout, monkeypatch):
    # It comes in between all the time.
    monkeypatch.setattr(module, "PUTS", 1)
    latest: dict[str, str] = {}
    with opened(path, layout, keep_last=2) as saver:

        def talk(thread: str) -> None:
            chance = random.Random(thread)
            for n in range(80):
                latest[thread] = put(
                    saver, thread, NOW + timedelta(seconds=n), last=n, text="x" * chance.randrange(5000)
                )
                assert ids(saver, thread)[0] == latest[thread]

        threads = [threading.Thread(target=talk, args=(f"t{n}",)) for n in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(latest) == 6
        until(lambda: all(len(ids(saver, thread)) == 2 for thread in latest))
        assert {thread: ids(saver, thread)[0] for thread in latest} == latest
        until(lambda: saver.stats().removed.checkpoints == 6 * 78)


def test_async_puts_are_followed_too(path):
    async def talk():
        async with opened(path, keep_last=1) as saver:
            for n in range(10):
                state = {**checkpoint(n), "id": id_of(NOW + timedelta(seconds=n), n)}
                await saver.aput(config("a"), state, METADATA, {})
            end = time.monotonic() + 20
            while len([each async for each in saver.alist(config("a"))]) > 1:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            while (await saver.astats()).removed.checkpoints < 9:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)

    asyncio.run(talk())


def test_a_lock_of_somebody_else_s_is_told_and_it_goes_on_later(path, caplog):
    caplog.set_level(logging.WARNING, "fast_langgraph")
    with RustSQLiteCheckpointer(path, busy_timeout=0.05, retention=Retention(keep_last=1)) as saver:
        put(saver, "a", NOW - DAY, last=1)
        put(saver, "a", NOW, last=2)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            until(lambda: "retention goes on with the next put: database is locked" in caplog.text)
            other.execute("ROLLBACK")
        latest = put(saver, "a", NOW + DAY, last=3)
        saver._keeper._swept = None
        put(saver, "b", NOW)
        until(lambda: ids(saver, "a") == [latest])


def test_its_thread_ends_with_the_checkpointer_and_when_nothing_comes(path, monkeypatch):
    def alive():
        return [each for each in threading.enumerate() if each.name == "fast_langgraph retention"]

    saver = opened(path, keep_last=1)
    assert alive() == []
    put(saver, "a")
    assert len(alive()) == 1
    saver.close()
    assert alive() == []
    monkeypatch.setattr(module, "LINGER", 0.1)
    with opened(path, keep_last=1) as saver:
        put(saver, "a")
        until(lambda: alive() == [])
        put(saver, "a", NOW + DAY, last=2)
        until(lambda: len(ids(saver, "a")) == 1)
    left_alone = opened(path, keep_last=1)
    put(left_alone, "a", NOW + 2 * DAY, last=3)
    del left_alone
    gc.collect()
    until(lambda: alive() == [])


def test_copies_share_it(path):
    with opened(path, keep_last=1) as saver:
        other = saver.with_allowlist([("a", "b")]) if hasattr(saver, "with_allowlist") else saver
        put(other, "a", NOW, last=1)
        put(other, "a", NOW + DAY, last=2)
        until(lambda: len(ids(saver, "a")) == 1)
        until(lambda: saver.stats().removed.checkpoints == 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_it_goes_on_in_a_child(path):
    done = in_new_process(f"""
        import os, time
        from datetime import timedelta
        from fast_langgraph import Retention, RustSQLiteCheckpointer
        from samples.checkpoints import METADATA, checkpoint, config
        from samples.moments import NOW, id_of

        def put(saver, n):
            saver.put(config("a"), {{**checkpoint(n), "id": id_of(NOW + timedelta(seconds=n), n)}}, METADATA, {{}})

        saver = RustSQLiteCheckpointer({str(path)!r}, retention=Retention(keep_last=1))
        put(saver, 1)
        pid = os.fork()
        put(saver, 2 if pid else 3)
        end = time.monotonic() + 20
        while len(list(saver.list(config("a")))) > 1:
            if time.monotonic() > end:
                os._exit(1)
            time.sleep(0.02)
        if not pid:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        print("both")
    """)
    assert (done.returncode, done.stdout) == (0, "both\n"), done.stderr


@pytest.mark.parametrize(
    "ends", ["", "sys.exit(3)", "raise KeyboardInterrupt", "saver.close()"], ids=["end", "exit", "interrupt", "close"]
)
def test_an_interpreter_that_ends_neither_hangs_nor_crashes(path, ends):
    import subprocess
    import sys

    code = f"""
import sys
from fast_langgraph import Retention, RustSQLiteCheckpointer
saver = RustSQLiteCheckpointer({str(path)!r}, retention=Retention(keep_last=1))
for n in range(300):
    state = {{"v": 4, "id": f"{{n:08}}", "ts": "", "channel_values": {{"x": "y" * 5000}}, "channel_versions": {{}}, "versions_seen": {{}}}}
    saver.put({{"configurable": {{"thread_id": "t", "checkpoint_ns": ""}}}}, state, {{}}, {{}})
{ends}
"""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        expected = {"sys.exit(3)": 3, "raise KeyboardInterrupt": -2}.get(ends, 0)
        assert done.returncode == expected, done.stderr
        assert "KeyboardInterrupt" in done.stderr or not done.stderr
    with RustSQLiteCheckpointer(path) as saver:
        assert saver.get_tuple(config("t")).checkpoint["id"] == "00000299"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "would keep everything"),
        ({"keep_last": 0}, "keep_last must be an int of at least 1, not 0"),
        ({"keep_last": True}, "keep_last must be an int of at least 1, not True"),
        ({"max_bytes": 1.5}, "max_bytes must be an int of at least 1, not 1.5"),
        ({"max_age": -1}, "max_age must not be negative"),
        ({"max_age": "7 days"}, "max_age must be a timedelta, a number of seconds or a datetime"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises((ValueError, TypeError), match=said):
        Retention(**given)


def test_what_is_no_retention_is_refused(path):
    with pytest.raises(TypeError, match="retention must be a Retention, not 5"):
        RustSQLiteCheckpointer(path, retention=5)
    with RustSQLiteCheckpointer(path):
        pass
    with pytest.raises(ValueError, match="read_only does not allow"):
        RustSQLiteCheckpointer(path, read_only=True, retention=Retention(keep_last=1))


def test_of_a_hundred_puts_not_one_waits_for_it(path, monkeypatch):
    """Between two of its transactions there lie 150 puts, or a moment without one."""
    puts: list[float] = []
    began: list[float] = []
    run = module.Keeper._wait_for_room

    def noted(self, request):
        # A change that follows a mark comes with it.
        waits = request.marks or (request.writes and not self._is_marked)
        found = run(self, request)
        if waits:
            began.append(time.monotonic())
        return found

    monkeypatch.setattr(module.Keeper, "_wait_for_room", noted)
    with opened(path, keep_last=1) as saver:
        for n in range(2000):
            thread = f"t{n % 3}"
            state = {**checkpoint(n), "id": id_of(NOW + timedelta(seconds=n), n)}
            saver.put(config(thread), state, METADATA, {})
            puts.append(time.monotonic())
        during = [each for each in began if each <= puts[-1]]
        idle = [b - a for a, b in pairwise(puts)]
        if max(idle) < module.IDLE:
            # One may come before the first put is counted.
            assert 1 <= len(during) <= len(puts) / module.PUTS + 2
        until(lambda: all(len(ids(saver, thread)) == 1 for thread in ("t0", "t1", "t2")))
