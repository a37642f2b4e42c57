"""Processes, forks and interpreters of their own: how they are started, what they have open, how they end."""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from beside_stock.new_process import in_new_process
from threads import PATIENCE

#: children begin with everything imported, and with nothing open: forked from a process that has never used SQLite
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["fast_langgraph.checkpointer", "langgraph.graph", "langgraph.checkpoint.sqlite.aio"])


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


def open_files(path: Path | str) -> list[str]:
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
    called = f"{story.__name__}({', '.join(map(repr, arguments))})"
    script = f"from {story.__module__} import {story.__name__}\n{called}"
    return in_new_process(script, *options, common=False, timeout=PATIENCE)


def without_privileges() -> None:
    """From here on the modes of files hold for root as well."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    assert libc.capset(version_3, nothing) == 0
