"""What a process does that is going to be killed, and what it reports before."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from apps.numbered_checkpoints import THREE_WRITES, aput, config_of, latest, put
from fast_langgraph import RustSQLiteCheckpointer
from threads import PATIENCE, all_at_once


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
            saver.put_writes(config_of(thread, checkpoint_id), THREE_WRITES, "task")

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
            await saver.aput_writes(config_of(thread, checkpoint_id), THREE_WRITES, "task")

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
