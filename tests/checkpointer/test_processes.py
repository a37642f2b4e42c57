"""Several processes on one file: workers of a server that preloads the app, of multiprocessing, of one's own."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import apps
import servers
from apps.numbered_checkpoints import held, latest, put
from apps.processes import interpreter, processes
from fast_langgraph import RustSQLiteCheckpointer
from threads import PATIENCE

FOLDER = Path(apps.__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="no gunicorn on Windows")
def test_workers_of_a_server_that_preloads_the_app_go_on_with_its_checkpointer(tmp_path):
    database, log = tmp_path / "chat.db", tmp_path / "log"
    environment = {**os.environ, "DATABASE": str(database), "PYTHONDONTWRITEBYTECODE": "1"}

    def serving():
        return servers.serving(sys.executable, "gunicorn", "apps.preloaded_chat:app", FOLDER, log, environment)

    with serving() as server:
        assert len(server.statuses()) == 2
        assert server.process.pid not in server.statuses()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: server.say(f"thread{n}", "first"), range(40)))
            again = list(pool.map(lambda n: server.say(f"thread{n}", "second"), range(40)))
        assert len({answer["pid"] for answer in answers + again}) == 2
        assert all(answer["messages"] == ["first", "1: first", "second", "3: second"] for answer in again)
    # And after a restart.
    with serving() as server:
        third = server.say("thread7", "third")["messages"]
        assert third == ["first", "1: first", "second", "3: second", "third", "5: third"]
    assert "Error" not in log.read_text()
    found = held(database)
    # The master's own, once for each start; a checkpoint for each input and two steps.
    assert len([thread for thread in found if thread.startswith("master")]) == 2
    assert all(len(found[f"thread{n}"]) == (9 if n == 7 else 6) for n in range(40))


saver: RustSQLiteCheckpointer | None = None


def work(path: str, thread: int) -> None:
    """With the object that a fork has handed down, else with one of its own."""
    own = saver or RustSQLiteCheckpointer(path)
    for n in range(1, 51):
        put(own, thread, n, b"x" * 1_000)
    if saver is None:
        own.close()


def with_workers(path: str, method: str) -> None:
    """A process that uses the database before, while and after its workers do."""
    global saver
    saver = RustSQLiteCheckpointer(path)
    put(saver, "parent", 1)
    context = get_context(method)
    children = [context.Process(target=work, args=(path, thread)) for thread in range(4)]
    for child in children:
        child.start()
    for n in range(2, 51):
        put(saver, "parent", n)
    for child in children:
        child.join(PATIENCE)
    assert [child.exitcode for child in children] == [0] * 4
    with context.Pool(2) as pool:
        pool.starmap(work, [(path, thread) for thread in range(4, 8)])
    assert latest(saver, 7) == 50
    saver.close()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing(tmp_path, method):
    path = tmp_path / "workers.db"
    # The workers that are spawned run this module, in which `saver` is not made.
    done = interpreter(with_workers, str(path), method)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr, done.stderr
    everything = set(range(1, 51))
    assert held(path) == {"parent": everything, **{str(thread): everything for thread in range(8)}}


def take_turns(path: str, process: int, turns: object) -> None:
    """Each continues what the other has written."""
    own = RustSQLiteCheckpointer(path)
    for n in range(1, 41):
        if n % 2 == process:
            assert latest(own, "t") == n - 1
            put(own, "t", n)
        turns.wait(PATIENCE)
    own.close()


def test_two_processes_see_at_once_what_the_other_has_put(tmp_path):
    path = tmp_path / "turns.db"
    turns = processes.Barrier(2)
    children = [processes.Process(target=take_turns, args=(str(path), n, turns)) for n in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
    assert [child.exitcode for child in children] == [0, 0]
    assert held(path) == {"t": set(range(1, 41))}


def open_and_close(path: str, process: int, start: object) -> None:
    start.wait(PATIENCE)
    for n in range(1, 41):
        with RustSQLiteCheckpointer(path) as own:
            put(own, process, n)


def test_processes_that_open_and_close_a_new_file_all_the_time_lose_nothing(tmp_path):
    """The last to close moves the log and deletes it; the next to open begins another."""
    path = tmp_path / "coming.db"
    start = processes.Barrier(4)
    children = [processes.Process(target=open_and_close, args=(str(path), n, start)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
    assert [child.exitcode for child in children] == [0] * 4
    assert held(path) == {str(process): set(range(1, 41)) for process in range(4)}
