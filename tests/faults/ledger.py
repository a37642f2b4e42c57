"""What was acknowledged to an app, in a file that no fault reaches, and the states that belong to it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A checkpoint (``put``), its pending writes (``writes``), or an operation (``done``) that has returned."""

    kind: str
    thread: str
    n: int


class Ledger:
    """One short write for each entry, which a kill does not cut in two."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, kind: str, thread: str = "-", n: int = 0) -> None:
        os.write(self._handle, f"{kind} {thread} {n}\n".encode())


def entries(path: Path) -> Iterator[Entry]:
    for line in path.read_text().splitlines():
        kind, thread, n = line.split()
        yield Entry(kind, thread, int(n))


# Everything about a checkpoint follows from its thread and its number.


def checkpoint_id(n: int) -> str:
    """Of a time that lies ahead: pending writes without a checkpoint are kept for an hour."""
    return f"28000000-0000-6000-8000-{n:012d}"


def config(thread: str, n: int | None = None) -> dict[str, Any]:
    configurable = {"thread_id": thread, "checkpoint_ns": ""}
    return {"configurable": configurable if not n else {**configurable, "checkpoint_id": checkpoint_id(n)}}


def checkpoint(thread: str, n: int) -> dict[str, Any]:
    """A conversation of ``n`` messages, and something that changes as a whole."""
    messages = [f"{thread}:{i}:" + random.Random(f"{thread}{i}").randbytes(300).hex() for i in range(n + 6)]
    size = 120_000 if thread == "large" else 4_000
    return {
        "v": 4,
        "ts": f"2026-01-01T00:00:{n:02d}+00:00",
        "id": checkpoint_id(n),
        "channel_values": {"n": n, "messages": messages, "blob": random.Random(f"{thread}/{n}").randbytes(size)},
        "channel_versions": {"n": n, "messages": n},
        "versions_seen": {"node": {"n": n}},
        "updated_channels": ["messages"],
    }


def metadata(thread: str, n: int) -> dict[str, Any]:
    return {"source": "loop", "step": n, "parents": {}, "thread": thread}


def writes(thread: str, n: int) -> list[tuple[str, Any]]:
    """Of one call: all are there, or none is."""
    return [("a", n), ("b", random.Random(f"{thread}-{n}").randbytes(3_000)), ("c", [thread] * 3)]


#: of the task that has the pending writes
TASK = "task"
