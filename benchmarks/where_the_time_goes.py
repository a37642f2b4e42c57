"""Where the time of a long conversation goes, on stock and under ``patch()``.

How each part is measured, all in one run of each kind:

- encode, decode: the serializer's two methods, wrapped; under ``patch()`` the savers' codec, wrapped
- collector: ``gc.callbacks``, on the thread that it runs on
- SQLite: the saver's calls into its connection, wrapped: statements, commits and waiting for the GIL to
  come back; it runs beside the graph's own thread, so it is not part of the sum
- fsync: of the same, what commits took on a database with ``synchronous`` full less what they took with off
- LangGraph itself: the same conversation on a saver that keeps references
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from agent import ReferenceSaver, converse, timed
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from fast_langgraph import _native
from fast_langgraph._replacements import group_commit
from fast_langgraph._shared import codec


class Clock:
    """Adds up seconds by name, from any thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.lock = threading.Lock()

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed_call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.add(name, time.perf_counter() - began)

        return timed_call

    def add(self, name: str, seconds: float) -> None:
        with self.lock:
            self.seconds[name] += seconds
            self.calls[name] += 1

    def collector(self) -> Callable[[str, dict[str, int]], None]:
        began = 0.0

        def callback(phase: str, info: dict[str, int]) -> None:
            nonlocal began
            if phase == "start":
                began = time.perf_counter()
            else:
                self.add("collector", time.perf_counter() - began)

        return callback


class TimedConnection:
    """A connection whose statements and commits are timed: a proxy, which stock takes and ours hands to stock."""

    def __init__(self, conn: Any, clock: Clock) -> None:
        self._conn, self._clock = conn, clock
        self.commit = clock.around("SQLite", conn.commit)

    def cursor(self) -> Any:
        return TimedCursor(self._conn.cursor(), self._clock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


class TimedCursor:
    def __init__(self, cursor: Any, clock: Clock) -> None:
        self._cursor = cursor
        self.execute = clock.around("SQLite", cursor.execute)
        self.executemany = clock.around("SQLite", cursor.executemany)
        self.fetchone = clock.around("SQLite", cursor.fetchone)

    def __iter__(self) -> Any:
        return iter(self._cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def conversation(path: Path, turns: int, clock: Clock, patched: bool, synchronous: str = "full") -> float:
    callback = clock.collector()
    with SqliteSaver.from_conn_string(str(path)) as saver:
        saver.setup()
        saver.conn.execute(f"PRAGMA synchronous={synchronous}")
        if patched:
            names = {"dumps": "encode", "loads": "decode"}
            patches = [
                mock.patch.object(codec.Codec, name, clock.around(part, getattr(codec.Codec, name)))
                for name, part in names.items()
            ]
            patches += [
                mock.patch.object(group_commit, "execute", clock.around("SQLite", group_commit.execute)),
                mock.patch.object(_native, "fetch_checkpoint", clock.around("SQLite", _native.fetch_checkpoint)),
            ]
        else:
            saver.conn = TimedConnection(saver.conn, clock)
            names = {"dumps_typed": "encode", "loads_typed": "decode"}
            patches = [
                mock.patch.object(JsonPlusSerializer, name, clock.around(part, getattr(JsonPlusSerializer, name)))
                for name, part in names.items()
            ]
        for patch in patches:
            patch.start()
        gc.callbacks.append(callback)
        try:
            return timed(saver, turns)
        finally:
            gc.callbacks.remove(callback)
            for patch in patches:
                patch.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=250)
    turns = parser.parse_args().turns
    expected = len(converse(ReferenceSaver(), 3))
    assert expected == 12, "four messages a turn"
    floor = timed(ReferenceSaver(), turns)
    print(f"{turns} turns; seconds")
    print(f"{'':<28} {'stock':>9} {'patch()':>9}")
    columns: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for patched in (False, True):
            (fast_langgraph.patch if patched else fast_langgraph.unpatch)()
            clock, without_fsync = Clock(), Clock()
            total = conversation(Path(folder, f"{patched}.db"), turns, clock, patched)
            conversation(Path(folder, f"{patched} off.db"), turns, without_fsync, patched, "off")
            assert clock.calls["SQLite"] > turns, "nothing was timed"
            parts = clock.seconds
            columns.append(
                {
                    "total": total,
                    "encode": parts["encode"],
                    "decode": parts["decode"],
                    "collector": parts["collector"],
                    "SQLite, beside the graph": parts["SQLite"],
                    "of that, fsync": max(0.0, parts["SQLite"] - without_fsync.seconds["SQLite"]),
                    "LangGraph itself": floor,
                }
            )
    for name in columns[0]:
        print(f"{name:<28} {columns[0][name]:>9.3f} {columns[1][name]:>9.3f}")


if __name__ == "__main__":
    main()
