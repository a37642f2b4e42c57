"""Files in the compact layout, read and written by plain SQL in other releases of SQLite.

``SQLITE_MODULES`` names folders with an ``apsw`` each, for ``make test-matrix``: that has a wheel for every release.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from apps import plain_sql
from apps.databases import connected
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import METADATA, checkpoint

#: the first in which ``group_concat`` does not end at a NUL
OLDEST = (3, 37, 0)

OTHERS = [("sqlite3", ""), ("pysqlite3", "")] if find_spec("pysqlite3") else [("sqlite3", "")]
OTHERS += [("apsw", folder) for folder in os.environ.get("SQLITE_MODULES", "").split(":") if folder]


def fill(saver: RustSQLiteCheckpointer) -> None:
    for thread in ("chat", "gone"):
        saved: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        said: list[Any] = []
        for n in range(12):
            said += [
                HumanMessage(f"question {n} \0 é — 😀 " * 9, id=f"q{n}"),
                AIMessage(f"answer {n}" * 30, id=f"a{n}"),
            ]
            values = {
                "messages": list(said),
                "bytes": [bytes([n, 0, 255]) * 200, *[bytes(range(256))] * n],
                "documents": [{"text": f"text {at} " * 50, "page": at} for at in range(n, n + 6)],
                "arrays": [numpy.arange(n + 100, dtype="float32")],
                "long": "the same " * 400,
                "none": [],
            }
            state = {**checkpoint(n), "channel_values": values}
            saved = saver.put(saved, state, METADATA, {})


def run(module: str, folder: str, path: Path) -> subprocess.CompletedProcess[str]:
    script = plain_sql.__file__
    return subprocess.run(
        [sys.executable, script, module, str(path)],
        env=os.environ | ({"PYTHONPATH": folder} if folder else {}),
        capture_output=True,
        text=True,
        check=False,
    )


def rows(path: Path) -> list[list[Any]]:
    with connected(path) as conn:
        return plain_sql.rows(lambda sql: conn.execute(sql).fetchall())


def version_of(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


@pytest.mark.parametrize(("module", "folder"), OTHERS)
def test_each_release_reads_and_writes_what_the_standard_layout_has(module, folder, tmp_path):
    found = {}
    for layout in ("standard", "compact"):
        path = tmp_path / f"{layout}.db"
        with RustSQLiteCheckpointer(path, layout=layout, created_at=False) as saver:
            fill(saver)
            stats = saver.stats()
            assert stats.layout == layout
            assert (stats.checkpoint_bytes < stats.standard_bytes / 2) is (layout == "compact")
        expected = rows(path)
        done = run(module, folder, path)
        assert done.returncode == 0, done.stderr
        found[layout] = json.loads(done.stdout)
        assert found[layout]["before"] == expected
        assert found[layout]["after"] != expected
        assert rows(path) == found[layout]["after"], "this release sees what that one left"
    assert version_of(found["compact"]["version"]) >= OLDEST
    assert found["compact"] == found["standard"]
    with RustSQLiteCheckpointer(tmp_path / "compact.db") as saver:
        saver.prune(["chat", "gone"], keep_last=3)
    assert rows(tmp_path / "compact.db") == found["compact"]["after"][-3:]
