"""What the processes of these tests do, and how they are started and looked at."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from fast_langgraph import RustSQLiteCheckpointer

#: `make soak` runs the same tests, longer
SOAK = os.environ.get("SOAK") == "1"

#: children begin with everything imported, and with nothing open: forked from a process that has never used SQLite
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["fast_langgraph.checkpointer", "langgraph.graph", "langgraph.checkpoint.sqlite.aio"])

#: a hang is a failure; nothing is expected to take so long
PATIENCE = 300


def scaled(usual: int, soak: int) -> int:
    return soak if SOAK else usual


def figures(story: str, **found: object) -> None:
    """A line of `make soak`'s output."""
    print(f"\n  {story}: " + ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in found.items()))


def config_of(thread: object, checkpoint_id: str | None = None) -> dict[str, Any]:
    configurable = {"thread_id": str(thread), "checkpoint_ns": ""}
    return {"configurable": configurable if checkpoint_id is None else {**configurable, "checkpoint_id": checkpoint_id}}


def state(n: int, payload: object = None) -> dict[str, Any]:
    """A checkpoint that holds ``n``."""
    return {**empty_checkpoint(), "channel_values": {"n": n, "payload": payload}}


def put(saver: RustSQLiteCheckpointer, thread: object, n: int, payload: object = None) -> str:
    """The id of the checkpoint that was put."""
    saved = saver.put(config_of(thread), state(n, payload), {"step": n}, {})
    return saved["configurable"]["checkpoint_id"]


async def aput(saver: RustSQLiteCheckpointer, thread: object, n: int, payload: object = None) -> str:
    saved = await saver.aput(config_of(thread), state(n, payload), {"step": n}, {})
    return saved["configurable"]["checkpoint_id"]


#: pending writes of one call, which are written as a whole or not at all
WRITES = [("a", 1), ("b", b"two"), ("c", [3])]


def latest(saver: RustSQLiteCheckpointer, thread: object) -> int:
    """What the latest checkpoint of a thread holds; 0 where there is none."""
    found = saver.get_tuple(config_of(thread))
    return found.checkpoint["channel_values"]["n"] if found else 0


def held(path: Path) -> dict[str, set[int]]:
    """By thread, what its checkpoints hold, by the eyes of Python's sqlite3. The file has to be whole."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found: dict[str, set[int]] = {}
        if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'checkpoints'").fetchone()[0]:
            query = "SELECT thread_id, json_extract(CAST(metadata AS TEXT), '$.step') FROM checkpoints"
            for thread, step in connection.execute(query):
                found.setdefault(thread, set()).add(step)
            counts = "SELECT DISTINCT count(*) FROM writes WHERE task_id = 'task' GROUP BY thread_id, checkpoint_id"
            assert connection.execute(counts).fetchall() in ([], [(len(WRITES),)])
        return found
    finally:
        connection.close()


class Acknowledged:
    """What a child has reported: thread and number of each put that returned."""

    def __init__(self) -> None:
        self.puts: set[tuple[str, int]] = set()

    def drain(self, pipe: Connection) -> None:
        """Reads until the child is gone."""
        try:
            while True:
                thread, n = pipe.recv_bytes().decode().split(":")
                self.puts.add((thread, int(n)))
        except (EOFError, ConnectionResetError):
            pass

    def missing(self, found: dict[str, set[int]]) -> set[tuple[str, int]]:
        return {(thread, n) for thread, n in self.puts if n not in found.get(thread, ())}


def report(pipe: Connection, thread: object, n: int) -> None:
    """One write of few bytes, which a kill does not cut in two."""
    pipe.send_bytes(f"{thread}:{n}".encode())


def all_at_once(work: Any, count: int) -> None:
    """Calls ``work`` with 0, 1, ... in as many threads; what one raises is raised."""
    failed: list[BaseException] = []

    def guarded(n: int) -> None:
        try:
            work(n)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread hangs"
    if failed:
        raise failed[0]


# The conversations of a process that is going to be killed.


def converse(pipe: Connection, path: str, threads: int, options: dict[str, Any]) -> None:
    """Goes on with as many conversations, each in a thread of its own."""
    saver = RustSQLiteCheckpointer(path, **options)
    lock = threading.Lock()

    def conversation(thread: int) -> None:
        n = latest(saver, thread)
        while True:
            n += 1
            checkpoint_id = put(saver, thread, n, os.urandom(random.choice((10, 2_000, 60_000))))
            with lock:
                report(pipe, thread, n)
            saver.put_writes(config_of(thread, checkpoint_id), WRITES, "task")

    all_at_once(conversation, threads)


def converse_async(pipe: Connection, path: str, tasks: int, options: dict[str, Any]) -> None:
    """The same, each in a task of one loop."""

    async def conversation(saver: RustSQLiteCheckpointer, thread: int) -> None:
        found = await saver.aget_tuple(config_of(thread))
        n = found.checkpoint["channel_values"]["n"] if found else 0
        while True:
            n += 1
            checkpoint_id = await aput(saver, thread, n, os.urandom(random.choice((10, 2_000, 60_000))))
            report(pipe, thread, n)
            await saver.aput_writes(config_of(thread, checkpoint_id), WRITES, "task")

    async def main() -> None:
        saver = RustSQLiteCheckpointer(path, **options)
        await asyncio.gather(*(conversation(saver, thread) for thread in range(tasks)))

    asyncio.run(main())


def converse_beside_maintenance(pipe: Connection, path: str, threads: int, options: dict[str, Any]) -> None:
    """The same, while the database is vacuumed and backed up."""
    saver = RustSQLiteCheckpointer(path, **options)

    def maintain() -> None:
        while True:
            saver.vacuum()
            backup = f"{path}.{os.getpid()}"
            saver.backup(backup)
            os.unlink(backup)

    threading.Thread(target=maintain, daemon=True).start()
    converse(pipe, path, threads, options)


def set_up(pipe: Connection, path: str) -> None:
    """A new file: its tables, and the first of a conversation."""
    saver = RustSQLiteCheckpointer(path)
    report(pipe, "begun", 0)
    saver.setup()
    n = latest(saver, "t")
    while True:
        n += 1
        put(saver, "t", n)
        report(pipe, "t", n)


def close_down(pipe: Connection, path: str) -> None:
    """Leaves a log for ``close()`` to move into the database."""
    with RustSQLiteCheckpointer(path, max_wal_bytes=1 << 30) as saver:
        begun = latest(saver, "t")
        for n in range(begun + 1, begun + 9):
            put(saver, "t", n, os.urandom(300_000))
            report(pipe, "t", n)
        report(pipe, "begun", 0)
    time.sleep(PATIENCE)


def lock(path: str, pipe: Connection) -> None:
    """Keeps everybody else from reading and writing, until the other end of the pipe is gone."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    pipe.send("locked")
    try:
        pipe.recv()
    except EOFError:
        pass
    connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def locked(path: Path | str) -> Iterator[None]:
    """Another process has the file locked inside."""
    ours, theirs = processes.Pipe()
    child = processes.Process(target=lock, args=(str(path), theirs))
    child.start()
    theirs.close()
    assert ours.recv() == "locked"
    try:
        yield
    finally:
        ours.close()
        child.join(PATIENCE)


# Processes that are forked, and what they have open.


def in_a_process(story: Any, *arguments: Any) -> None:
    """Calls ``story`` in a process of its own, which must end well."""
    child = processes.Process(target=story, args=arguments)
    child.start()
    child.join(PATIENCE)
    if child.exitcode is None:
        child.kill()
    assert child.exitcode == 0, f"{story.__name__}: {child.exitcode}"


class Fork:
    """A child, forked here and now, that does ``work`` and ends; how it ended is heard of by ``join``."""

    def __init__(self, work: Any) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        status = 1
        try:
            # What hangs is told of on stderr, and ended.
            faulthandler.register(signal.SIGALRM, chain=True)
            signal.alarm(60)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def join(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        assert status == 0, f"the child of a fork ended with {status}"


def opened(path: Path | str) -> list[str]:
    """What this process has open of a database: file, log, shared memory."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith(str(path)):
            found.append(target)
    return found


# Interpreters of their own, for what happens when one ends.


def interpreter(story: Any, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Calls ``story``, a function of a module here, in a new interpreter, which has ended when this returns."""
    path = [entry for entry in sys.path if entry]
    called = f"{story.__name__}({', '.join(map(repr, arguments))})"
    source = f"import sys\nsys.path[:] = {path!r}\nfrom {story.__module__} import {story.__name__}\n{called}"
    return subprocess.run(
        [sys.executable, *options, "-c", source], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


#: something was reported
SAID = threading.Event()


def say(thread: object, n: int) -> None:
    """Reports a put, in one write, whatever becomes of the interpreter."""
    os.write(1, f"{thread}:{n}\n".encode())
    SAID.set()


def said(output: str) -> Acknowledged:
    acknowledged = Acknowledged()
    acknowledged.puts = {(line.split(":")[0], int(line.split(":")[1])) for line in output.split()}
    return acknowledged


def without_privileges() -> None:
    """From here on the modes of files hold for root as well."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    assert libc.capset(version_3, nothing) == 0
