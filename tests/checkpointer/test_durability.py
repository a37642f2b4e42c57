"""A process is killed at a random moment: whatever it was told is saved is there, and the next one goes on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.killed import Acknowledged, close_down, converse, converse_async, converse_beside_maintenance, set_up
from apps.numbered_checkpoints import held
from apps.processes import processes
from apps.soak import figures, scaled
from fast_langgraph import RustSQLiteCheckpointer

KILLS = scaled(20, 200)
FEWER = scaled(8, 200)


def killed(acknowledged: Acknowledged, story: Callable[..., None], *arguments: Any, wait: bool, within: float) -> None:
    """Runs ``story`` in a process that is killed at a random moment, counted from its first report if ``wait``."""
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=story, args=(theirs, *arguments))
    child.start()
    theirs.close()
    if wait:
        assert ours.poll(60)
    time.sleep(random.uniform(0, within))
    child.kill()
    acknowledged.drain(ours)
    child.join()
    ours.close()
    assert child.exitcode == -9, "it ended by itself"


def check(path: Path, acknowledged: Acknowledged) -> None:
    """Every acknowledged put is there, and nothing but these and what was under way."""
    acknowledged.puts = {(thread, n) for thread, n in acknowledged.puts if thread != "begun"}
    found = held(path) if path.exists() else {}
    assert not acknowledged.missing(found)
    for steps in found.values():
        # Each went on where the one before had come to: no gap, not even where a process ended.
        assert steps == set(range(1, max(steps) + 1))


STORIES = {
    "one_thread": (converse, 1, {}, KILLS),
    "threads_that_commit_together": (converse, 8, {}, FEWER),
    "threads_while_the_log_is_moved": (converse, 4, {"max_wal_bytes": 1 << 20}, FEWER),
    "threads_while_it_is_vacuumed_and_backed_up": (converse_beside_maintenance, 2, {}, FEWER),
    "an_event_loop": (converse_async, 8, {}, KILLS),
}


@pytest.mark.soak
@pytest.mark.parametrize("name", STORIES)
def test_no_acknowledged_put_is_lost_when_the_process_is_killed(tmp_path, name):
    story, conversations, options, kills = STORIES[name]
    path = tmp_path / "killed.db"
    acknowledged = Acknowledged()
    for _ in range(kills):
        killed(acknowledged, story, str(path), conversations, options, wait=True, within=0.15)
        check(path, acknowledged)
    assert len(acknowledged.puts) > kills
    # And this process continues each conversation.
    with RustSQLiteCheckpointer(path) as saver:
        for found in saver.list(None):
            assert found.checkpoint["channel_values"]["n"] == found.metadata["step"]
        for thread in range(conversations):
            newest = saver.get_tuple({"configurable": {"thread_id": str(thread)}})
            assert newest.checkpoint["channel_values"]["n"] >= max(
                n for of, n in acknowledged.puts if of == str(thread)
            )
    figures(name, kills=kills, acknowledged_puts=len(acknowledged.puts), lost=0)


@pytest.mark.soak
def test_a_new_file_is_whole_when_the_process_is_killed_while_it_is_set_up(tmp_path):
    made = 0
    for n in range(FEWER):
        path = tmp_path / f"new{n}.db"
        acknowledged = Acknowledged()
        killed(acknowledged, set_up, str(path), wait=True, within=0.02)
        made += path.exists()
        check(path, acknowledged)
        # The next process sets up what is missing, and goes on.
        killed(acknowledged, set_up, str(path), wait=True, within=0.1)
        check(path, acknowledged)
    figures("setup of a new file", kills=2 * FEWER, files_there_at_the_first_kill=made, lost=0)


@pytest.mark.soak
def test_no_acknowledged_put_is_lost_when_the_process_is_killed_while_it_closes(tmp_path):
    path = tmp_path / "closing.db"
    acknowledged = Acknowledged()
    for _ in range(FEWER):
        before = len(acknowledged.puts)
        killed_while_closing(acknowledged, path)
        check(path, acknowledged)
        assert len(acknowledged.puts) == before + 8
    figures("close()", kills=FEWER, acknowledged_puts=len(acknowledged.puts), lost=0)


def killed_while_closing(acknowledged: Acknowledged, path: Path) -> None:
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=close_down, args=(theirs, str(path)))
    child.start()
    theirs.close()
    while (told := ours.recv_bytes().decode()) != "begun:0":
        thread, n = told.split(":")
        acknowledged.puts.add((thread, int(n)))
    time.sleep(random.uniform(0, 0.012))
    child.kill()
    child.join()
    ours.close()
    assert child.exitcode == -9
