"""An interpreter that ends with work in flight: it does not hang or crash, and what was acknowledged is there."""

from __future__ import annotations

import asyncio
import atexit
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.killed import SAID, said, say
from apps.numbered_checkpoints import aput, held, put
from apps.processes import interpreter, locked
from apps.soak import scaled
from fast_langgraph import RustSQLiteCheckpointer
from threads import all_at_once


@contextmanager
def until_closed() -> Iterator[None]:
    """A thread that goes on at the interpreter's end hears that the database is closed, and nothing else."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        assert str(error).startswith("Cannot operate on a closed database.")


def conversation(saver: RustSQLiteCheckpointer, thread: object, count: int = 1 << 30) -> None:
    with until_closed():
        for n in range(1, count + 1):
            put(saver, thread, n, b"x" * 2_000)
            say(thread, n)


def started(work: object, *arguments: object, daemon: bool) -> None:
    threading.Thread(target=work, args=arguments, daemon=daemon).start()


def threads(path: str) -> None:
    """Python waits for them before anything is closed."""
    saver = RustSQLiteCheckpointer(path)
    for thread in range(4):
        started(conversation, saver, thread, 100, daemon=False)


def daemon_threads(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    for thread in range(4):
        started(conversation, saver, thread, daemon=True)
    time_passes()


def daemon_threads_that_read(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    conversation(saver, "t", 20)

    def read() -> None:
        with until_closed():
            while True:
                list(saver.list(None))

    for _ in range(4):
        started(read, daemon=True)
    time_passes()


def threads_of_a_library(path: str) -> None:
    """Threads that close what others use."""
    for n in range(20):
        saver = RustSQLiteCheckpointer(path)
        started(conversation, saver, n, daemon=True)
        if n % 2:
            started(saver.close, daemon=True)
        del saver
    time_passes()


def time_passes() -> None:
    """Until something is under way for certain."""
    assert SAID.wait(60)
    time.sleep(0.1)


async def converse(saver: RustSQLiteCheckpointer, thread: object) -> None:
    n = 0
    with until_closed():
        while True:
            n += 1
            await aput(saver, thread, n, b"x" * 2_000)
            say(thread, n)


def tasks(path: str) -> None:
    """``asyncio.run`` cancels them."""

    async def main() -> None:
        saver = RustSQLiteCheckpointer(path)
        running = [asyncio.create_task(converse(saver, thread)) for thread in range(8)]
        while not SAID.is_set():
            await asyncio.sleep(0.01)
        assert not any(task.done() for task in running)

    asyncio.run(main())


def a_loop_that_nobody_ends(path: str) -> None:
    async def main() -> None:
        saver = RustSQLiteCheckpointer(path)
        await asyncio.gather(*(converse(saver, thread) for thread in range(8)))

    started(lambda: asyncio.run(main()), daemon=True)
    time_passes()


def a_loop_that_is_stopped(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    loop = asyncio.new_event_loop()
    kept = [loop.create_task(converse(saver, thread)) for thread in range(8)]

    async def some_time() -> None:
        while not SAID.is_set():
            await asyncio.sleep(0.01)

    loop.run_until_complete(some_time())
    for task in kept:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*kept, return_exceptions=True))
    loop.close()


def an_exception(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    started(conversation, saver, "t", daemon=True)
    time_passes()
    sys.exit(0)


def puts_at_exit(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    atexit.register(conversation, saver, "exit", 5)
    conversation(saver, "t", 5)


STORIES = [
    threads,
    daemon_threads,
    daemon_threads_that_read,
    threads_of_a_library,
    tasks,
    a_loop_that_nobody_ends,
    a_loop_that_is_stopped,
    an_exception,
    puts_at_exit,
]


@pytest.mark.soak
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_an_interpreter_ends_with_work_in_flight(tmp_path, story):
    for n in range(scaled(1, 25)):
        path = tmp_path / f"exit{n}.db"
        done = interpreter(story, str(path))
        assert (done.returncode, done.stderr) == (0, "")
        acknowledged = said(done.stdout)
        assert acknowledged.puts
        assert not acknowledged.missing(held(path))


def test_threads_that_python_waits_for_and_functions_at_exit_find_it_open(tmp_path):
    done = interpreter(threads, str(tmp_path / "threads.db"))
    assert (done.returncode, done.stderr) == (0, "")
    assert held(tmp_path / "threads.db") == {str(thread): set(range(1, 101)) for thread in range(4)}
    done = interpreter(puts_at_exit, str(tmp_path / "exit.db"))
    assert (done.returncode, done.stderr) == (0, "")
    assert held(tmp_path / "exit.db") == {name: set(range(1, 6)) for name in ("t", "exit")}


def waits_for_a_lock(path: str) -> None:
    saver = RustSQLiteCheckpointer(path, busy_timeout=3_600)
    started(conversation, saver, "t", daemon=True)
    time.sleep(0.2)


def test_an_exit_does_not_wait_for_a_lock_for_as_long_as_a_put_would(tmp_path):
    path = tmp_path / "locked.db"
    with RustSQLiteCheckpointer(path) as saver:
        put(saver, "before", 1)
    with locked(path):
        done = interpreter(waits_for_a_lock, str(path))
    assert done.returncode == 0, done.stderr
    assert held(path) == {"before": {1}}


def sessions(path: str) -> None:
    """Threads that come and go, as those of a server do."""
    saver = RustSQLiteCheckpointer(path)
    for n in range(1, 51):
        all_at_once(lambda thread, n=n: put(saver, thread, n), 4)
    for n in range(51, 101):
        all_at_once(lambda thread, n=n: put(saver, thread, n), 4)
    saver.close()
    # A thread is seen for a moment after it was joined.
    for _ in range(600):
        if len(os.listdir("/proc/self/task")) == 1:
            return
        time.sleep(0.1)
    raise AssertionError("threads are left")


def test_threads_that_end_leave_nothing_behind_and_close_ends_ours(tmp_path):
    done = interpreter(sessions, str(tmp_path / "sessions.db"), options=("-X", "dev", "-W", "error"))
    assert (done.returncode, done.stderr) == (0, "")
    assert held(tmp_path / "sessions.db") == {str(thread): set(range(1, 101)) for thread in range(4)}


def loops_that_end(path: str) -> None:
    """Each ``asyncio.run`` is cancelled with puts under way."""
    saver = RustSQLiteCheckpointer(path)

    async def main() -> None:
        running = [asyncio.create_task(converse(saver, thread)) for thread in range(4)]
        await asyncio.sleep(0.005)
        assert not any(task.done() for task in running)

    def run(count: int) -> None:
        for _ in range(count):
            asyncio.run(main())

    def sockets() -> int:
        # Files that are open may be more in the end: the log is moved by connections of its own.
        return sum(os.path.realpath(f"/proc/self/fd/{fd}").count("/socket:") for fd in os.listdir("/proc/self/fd"))

    run(5)
    before = sockets()
    run(40)
    # The last loops' are let go once their puts are done.
    ends = time.monotonic() + 30
    while sockets() > before + 4:
        assert time.monotonic() < ends, "a loop that has ended keeps its sockets"
        time.sleep(0.01)


def test_loops_that_end_with_puts_under_way_are_let_go(tmp_path):
    done = interpreter(loops_that_end, str(tmp_path / "loops.db"), options=("-X", "dev", "-W", "error"))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
