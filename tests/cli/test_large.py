"""Commands on a large file: they end well, and need no more memory for it. 2 GB in `make soak`."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.commands import COMMAND
from apps.conversations import graph
from apps.soak import figures, scaled

#: of stock's rows
BYTES = scaled(60_000_000, 2_000_000_000)
#: In bytes, of a command's process: Python, LangGraph and SQLite's page caches, beyond which nothing may grow.
RESIDENT = 250 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat that stock's SqliteSaver has saved, and copies of its rows under other names."""
    path = tmp_path_factory.mktemp("large") / "large.db"
    texts = random.Random(7)
    with SqliteSaver.from_conn_string(str(path)) as saver:
        app = graph(saver)
        for turn in range(40):
            said = f"turn {turn} " + " ".join(f"{texts.getrandbits(32):x}" for _ in range(60))
            app.invoke({"messages": [HumanMessage(said)]}, {"configurable": {"thread_id": "thread-0"}})
    with closing(sqlite3.connect(path)) as conn:
        (one,) = conn.execute("SELECT sum(length(checkpoint)) FROM checkpoints").fetchone()
        for number in range(1, BYTES // one + 2):
            for table in ("checkpoints", "writes"):
                columns = ", ".join(
                    name for _, name, *_ in conn.execute(f"PRAGMA table_info({table})") if name != "thread_id"
                )
                conn.execute(
                    f"INSERT INTO {table} (thread_id, {columns}) SELECT ?, {columns} FROM {table} WHERE thread_id = ?",
                    (f"thread-{number}", "thread-0"),
                )
            conn.commit()
    return path


#: Linux counts for a process what the one had that started it: this one is small.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss << 10, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(*arguments: Any) -> tuple[str, int]:
    """What a command prints, and the most memory that it had, in bytes."""
    began = time.monotonic()
    command = [sys.executable, "-S", "-c", MEASURED, str(COMMAND), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr)
    resident = int(done.stderr.splitlines()[-1])
    figures(str(arguments[0]), seconds=round(time.monotonic() - began, 1), MB_resident=resident // 1_000_000)
    return done.stdout, resident


@pytest.mark.soak
@pytest.mark.timeout(scaled(300, 7200))
def test_the_commands_read_and_care_for_a_large_file_in_little_memory(large):
    resident = []

    def done(*arguments: Any) -> str:
        printed, most = run(*arguments)
        resident.append((arguments[0], most))
        return printed

    listed = json.loads(done("threads", large, "--order", "size", "--limit", "3", "--json"))
    assert len(listed) == 3
    before = json.loads(done("stats", large, "--json"))
    assert "It is 21 °C in Paris" in done("show", large, "thread-7")
    assert "thread-7: 200 checkpoints" in done("history", large, "thread-7")
    assert "no data is damaged" in done("doctor", large)
    foreseen = json.loads(done("prune", large, "--keep-last", 10, "--dry-run", "--json"))
    pruned = json.loads(done("prune", large, "--keep-last", 10, "--yes", "--json"))
    assert pruned["checkpoints"] == foreseen["checkpoints"] > 0
    done("convert", large, "--to", "compact", "--yes")
    done("vacuum", large)
    assert "no data is damaged" in done("doctor", large)
    after = json.loads(done("stats", large, "--json"))
    assert after["threads"] == before["threads"]
    assert after["checkpoints"] == before["checkpoints"] - pruned["checkpoints"]
    assert after["database_bytes"] < before["database_bytes"] / 20
    figures("the file", bytes_before=before["database_bytes"], bytes_after=after["database_bytes"])
    with SqliteSaver.from_conn_string(str(large)) as saver:
        assert len(graph(saver).get_state({"configurable": {"thread_id": "thread-7"}}).values["messages"]) == 160
    assert [one for one in resident if one[1] > RESIDENT] == []
