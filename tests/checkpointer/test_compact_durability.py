"""The compact layout beside kills and other processes: each checkpoint that was acknowledged reads as it was put."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from apps.numbered_checkpoints import config_of, put
from apps.processes import in_a_process, processes
from apps.soak import figures, scaled
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._native import Request

KILLS = scaled(10, 100)


def said(thread: object, n: int) -> list[str]:
    return [f"message {number} of thread {thread}: " + "word " * 40 for number in range(4 * n % 120)]


def talk(pipe: Connection | None, path: str, threads: list[str], count: int = 1 << 30) -> None:
    """Puts states whose list grows, and now and then begins anew."""
    with RustSQLiteCheckpointer(path, layout="compact") as saver:
        talk_with(saver, pipe, threads, count)


def talk_with(saver: Any, pipe: Connection | None, threads: list[str], count: int = 1 << 30) -> None:
    first = {thread: last(saver, thread) + 1 for thread in threads}
    for turn in range(count):
        for thread in threads:
            n = first[thread] + turn
            put(saver, thread, n, said(thread, n))
            if pipe is not None:
                pipe.send((thread, n))


def talk_patched(pipe: Connection | None, path: str, threads: list[str], count: int = 1 << 30) -> None:
    """The same with SqliteSaver under ``patch()``."""
    fast_langgraph.patch()
    with closing(sqlite3.connect(path, timeout=60, check_same_thread=False)) as conn:
        talk_with(SqliteSaver(conn), pipe, threads, count)


def last(saver: Any, thread: str) -> int:
    found = saver.get_tuple(config_of(thread))
    return 0 if found is None else found.metadata["step"]


def prune(pipe: Connection, path: str, threads: list[str]) -> None:
    with RustSQLiteCheckpointer(path) as saver:
        for turn in itertools.count():
            saver.prune(threads, keep_last=1 + turn % 3)
            for thread in threads:
                for n in range(3):
                    put(saver, thread, last(saver, thread) + 1, said(thread, last(saver, thread) + 1))
                    pipe.send((thread, n))


def convert(pipe: Connection, path: str, _threads: list[str]) -> None:
    with RustSQLiteCheckpointer(path) as saver:
        for layout in itertools.cycle(["standard", "compact"]):
            saver.convert(layout)
            pipe.send((layout, 0))


def killed(story: Any, *arguments: Any) -> list[tuple[str, int]]:
    """What the process had reported when it was killed."""
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=story, args=(theirs, *arguments))
    child.start()
    theirs.close()
    assert ours.poll(60)
    time.sleep(random.uniform(0, 0.1))
    child.kill()
    reported = []
    try:
        while True:
            reported.append(ours.recv())
    except EOFError:
        pass
    child.join()
    ours.close()
    assert child.exitcode == -9, "it ended by itself"
    return reported


def check(path: Path) -> dict[str, set[int]]:
    """The steps that are there, by thread; stock reads each as it was put."""
    found: dict[str, set[int]] = {}
    with closing(sqlite3.connect(path, timeout=20)) as conn:
        for each in SqliteSaver(conn).list(None):
            thread, n = each.config["configurable"]["thread_id"], each.metadata["step"]
            assert each.checkpoint["channel_values"]["payload"] == said(thread, n)
            found.setdefault(thread, set()).add(n)
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return found


@pytest.mark.soak
def test_no_acknowledged_put_is_lost_when_the_process_is_killed(tmp_path):
    path = tmp_path / "killed.db"
    threads = ["a", "b"]
    acknowledged: dict[str, set[int]] = {thread: set() for thread in threads}
    for _ in range(KILLS):
        for thread, n in killed(talk, str(path), threads):
            acknowledged[thread].add(n)
    found = check(path)
    assert all(acknowledged[thread] <= found[thread] for thread in threads)
    figures("compact: puts", kills=KILLS, acknowledged_puts=sum(map(len, acknowledged.values())), lost=0)


@pytest.mark.soak
@pytest.mark.parametrize("story", [prune, convert], ids=lambda story: story.__name__)
def test_a_file_is_whole_wherever_work_on_it_is_killed(tmp_path, story):
    path = tmp_path / "killed.db"
    threads = ["a", "b", "c"]
    in_a_process(talk, None, str(path), threads, 60)
    before = check(path)
    for _ in range(KILLS):
        killed(story, str(path), threads)
        found = check(path)
        if story is convert:
            assert found == before
        else:
            assert all(max(found[thread]) >= max(before[thread]) for thread in threads)
            before = found
    with RustSQLiteCheckpointer(path) as saver:
        saver.convert("compact")
        saver.prune(threads)
    assert {thread: len(steps) for thread, steps in check(path).items()} == dict.fromkeys(threads, 1)
    figures(f"compact: {story.__name__}", kills=KILLS)


@pytest.mark.soak
def test_no_put_of_a_patched_saver_is_lost_while_another_process_converts(tmp_path):
    path = tmp_path / "killed.db"
    threads = ["a", "b"]
    acknowledged: dict[str, set[int]] = {thread: set() for thread in threads}
    with RustSQLiteCheckpointer(path, layout="compact"):
        pass
    in_a_process(talk_patched, None, str(path), threads, 4)
    with closing(sqlite3.connect(path)) as conn:
        (in_pieces,) = conn.execute("SELECT count(*) FROM fl_checkpoints WHERE ranges NOT NULL").fetchone()
    assert in_pieces > 3, "while it is alone, its way into the file is the one that is meant here"
    for _ in range(KILLS):
        ours, theirs = processes.Pipe(duplex=False)
        converter = processes.Process(target=convert, args=(theirs, str(path), threads))
        converter.start()
        try:
            for thread, n in killed(talk_patched, str(path), threads):
                acknowledged[thread].add(n)
        finally:
            converter.kill()
            converter.join()
            ours.close()
            theirs.close()
    found = check(path)
    assert all(acknowledged[thread] <= found[thread] for thread in threads)
    figures("patched beside conversions", kills=KILLS, acknowledged_puts=sum(map(len, acknowledged.values())), lost=0)


def test_a_conversion_that_another_has_undone_behind_it_loses_nothing(tmp_path):
    path = tmp_path / "converted.db"
    in_a_process(talk, None, str(path), ["a", "b"], 30)
    before = check(path)
    with RustSQLiteCheckpointer(path) as saver:
        # It had come to its end, as it thinks, when all rows before that were cut again.
        while (tally := saver._engine.run(Request.convert("standard", 1 << 40))) and tally[3]:
            pass
        assert saver.stats().layout == "standard"
    assert check(path) == before


@pytest.mark.soak
def test_processes_on_one_file_and_one_thread(tmp_path):
    path = tmp_path / "together.db"
    in_a_process(talk, None, str(path), ["shared"], 1)
    children = [processes.Process(target=share, args=(str(path), number)) for number in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    found = check(path)
    # Of the thread that they shared others may have put the same number; their own have all.
    for number in range(4):
        assert len(found[f"own {number}"]) == scaled(30, 500)
    figures("compact: 4 processes on one file", puts=8 * scaled(30, 500), lost=0)


def share(path: str, number: int) -> None:
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(1, scaled(30, 500) + 1):
            put(saver, f"own {number}", n, said(f"own {number}", n))
            put(saver, "shared", n, said("shared", n))
            if n % 10 == 0:
                saver.prune(["shared"], keep_last=5)
