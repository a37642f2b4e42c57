"""``move()`` of chats, to PostgreSQL and back: seconds per GB and memory, beside the copy of a file.

The server is one of the tests' own, on this machine's disk, without fsync. Both sides are compared before anything is
printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from chat import GRAPH, config, question
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer
from postgres_server import running

#: runs in a process of its own, whose memory is what the move takes
MOVE = """
import json, resource, sys, time
import fast_langgraph
began = time.perf_counter()
report = fast_langgraph.move(*sys.argv[1:])
assert report.is_equal
seconds = time.perf_counter() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([seconds, time.process_time(), memory, report.bytes]))
"""


def converse(path: Path, threads: int, turns: int) -> None:
    fast_langgraph.patch()
    with SqliteSaver.from_conn_string(str(path)) as saver:
        app = GRAPH.compile(checkpointer=saver)
        for thread in range(threads):
            for turn in range(turns):
                app.invoke(question(turn), config(f"{thread}"))
    fast_langgraph.unpatch()


def moved(name: str, source: object, target: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MOVE, str(source), str(target)], check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, cpu, memory, size = json.loads(done.stdout)
    print(
        f"{name:<34}{seconds:>8.1f} s{seconds / size * 1e9:>8.1f} s/GB{cpu:>8.1f} s CPU{memory / 1e6:>8.0f} MB",
        flush=True,
    )


def last(cls: type, place: object, thread: int) -> object:
    with cls.from_conn_string(str(place)) as saver:  # type: ignore[attr-defined]
        return saver.get_tuple(config(f"{thread}")).checkpoint["channel_values"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--turns", type=int, default=250)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running() as server:
        path, compact, back = (Path(folder, name) for name in ("chats.db", "compact.db", "back.db"))
        converse(path, arguments.threads, arguments.turns)
        print(f"{arguments.threads} chats of {arguments.turns} turns, {path.stat().st_size / 1e6:,.0f} MB")
        address = server.address()
        moved("SQLite to PostgreSQL", path, address)
        for thread in range(arguments.threads):
            assert last(SqliteSaver, path, thread) == last(PostgresSaver, address, thread)
        moved("the same once more, nothing new", path, address)
        moved("PostgreSQL to SQLite", address, back)
        moved("SQLite to SQLite", path, Path(folder, "copy.db"))
        began = time.perf_counter()
        with RustSQLiteCheckpointer(path) as saver:
            saver.backup(compact)
        print(f"{'backup(), for comparison':<34}{time.perf_counter() - began:>8.1f} s")
        with RustSQLiteCheckpointer(compact) as saver:
            saver.convert("compact")
        moved("compact to PostgreSQL", compact, server.create("of_compact"))


if __name__ == "__main__":
    main()
