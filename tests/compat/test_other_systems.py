"""Where Rust does not reach SQLite yet, as on Windows: what that lacks is hidden from an interpreter here."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import fast_langgraph
from beside_stock.new_process import in_new_process
from fast_langgraph import _native

pytestmark = pytest.mark.unpatched

REASON = "storage in Rust is not there yet on windows"
STUB = (Path(fast_langgraph.__file__).parent / "_native.pyi").read_text()
UNIX = ast.parse(STUB.partition("only there on Unix.\n")[2]).body
HIDDEN = sorted(node.name for node in UNIX if isinstance(node, (ast.ClassDef, ast.FunctionDef)))

HIDE = f"""
import os
del os.fork, os.register_at_fork
from fast_langgraph import _native
for name in {HIDDEN}:
    delattr(_native, name)
def bind(*arguments):
    raise _native.BindError({REASON!r})
_native.bind = bind
"""


def on_windows(script: str) -> str:
    done = in_new_process(HIDE + script, "-W", "error", common=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_stub_says_what_is_only_there_on_unix():
    assert {"Request", "Engine", "Completions", "before_fork", "close_all"} <= set(HIDDEN)
    for name in HIDDEN:
        assert name not in {"Operation", "execute", "fetch_checkpoint", "bind", "eligible", "dumps_blob"}
        assert hasattr(_native, name)


RUN = """
import asyncio, contextlib, logging, sqlite3
import aiosqlite
from samples.graphs import CONFIG
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from beside_stock.graph_runs import RUNS, ahistory, history, sent
from beside_stock.stories import all_rows
from beside_stock.tee import AsyncTee, Tee
import fast_langgraph

def same(pair):
    assert pair.calls and pair.differences == []
    databases = [sqlite3.connect(path) for path in PATHS]
    stock, ours = map(all_rows, databases)
    assert stock["checkpoints"] and stock == ours
    for conn in databases:
        conn.execute("DELETE FROM checkpoints")
        conn.execute("DELETE FROM writes")
        conn.commit()
        conn.close()

async def run(build, inputs):
    async with contextlib.AsyncExitStack() as opened:
        connections = [await opened.enter_async_context(aiosqlite.connect(path)) for path in PATHS]
        pair = AsyncTee(*map(AsyncSqliteSaver, connections))
        app = build().compile(checkpointer=pair)
        for given in inputs:
            with contextlib.suppress(RuntimeError, ValueError):
                await app.ainvoke(given, CONFIG)
        assert await ahistory(app, pair)
    same(pair)

logging.getLogger("langgraph").setLevel("ERROR")  # stock's words on types that are not registered
fast_langgraph.patch()
for build, inputs in RUNS.values():
    with contextlib.ExitStack() as opened:
        savers = [opened.enter_context(SqliteSaver.from_conn_string(path)) for path in PATHS]
        pair = Tee(*savers)
        app = build().compile(checkpointer=pair)
        for given in inputs:
            sent(app, given)
        assert history(app, pair)
    same(pair)
    asyncio.run(run(build, inputs))
"""

STATUS = """
import json
status = fast_langgraph.status()
print(json.dumps(status.to_dict()))
print(status)
"""


def test_runs_leave_the_rows_of_stock_with_the_codec_in_rust_and_the_storage_by_sqlite3(tmp_path):
    paths = [str(tmp_path / name) for name in ("stock.db", "ours.db")]
    told, _, shown = on_windows(f"PATHS = {paths}\n{RUN}{STATUS}").partition("\n")
    status = json.loads(told)
    assert status["patched"]
    assert status["sqlite"] == {"sqlite3": ["python", REASON]}
    assert f"sqlite3: not reached: {REASON}" in shown
    reason = f"sqlite3 does the storage, Rust the codec: {REASON}"
    for name, site in status["sites"].items():
        if name.startswith("JsonPlusSerializer."):
            assert (site["state"], site["fallbacks"]) == ("active", {})
            assert site["calls"] > 500
        else:
            assert (site["state"], site["reason"], site["calls"]) == ("skipped", reason, 0), name
    assert reason in " ".join(shown.split())


REFUSED = """
import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph.checkpointer import RustSQLiteCheckpointer as same
assert same is RustSQLiteCheckpointer
fast_langgraph.patch()
for path in (":memory:", "checkpoints.db"):
    try:
        RustSQLiteCheckpointer(path)
    except RuntimeError as error:
        print(error)
"""


def test_the_checkpointer_says_in_one_sentence_that_it_is_not_there_and_names_patch():
    sentence = (
        f"RustSQLiteCheckpointer can't reach SQLite from Rust ({REASON}): use SqliteSaver under "
        "fast_langgraph.patch(), where Python's sqlite3 does the storage and Rust the encoding\n"
    )
    assert on_windows(REFUSED) == sentence * 2


COMMAND = """
import sys
from fast_langgraph import __main__
from fast_langgraph._patching import environment
environment.unread = lambda: ("", "")
program = "import os, sys; print(sys.argv, os.environ['FAST_LANGGRAPH_AUTO_PATCH'], flush=True); sys.exit(3)"
sys.argv = ["fast_langgraph", "-c", program, "two words", 'a "quote"']
sys.orig_argv = [sys.executable, "-B", "-m", "fast_langgraph", *sys.argv[1:]]
os.name = "nt"
code = __main__.main()
os.name = "posix"
print("waited for", code)
"""


def test_the_command_waits_for_the_program_where_exec_does_not():
    assert on_windows(COMMAND).splitlines() == ["['-c', 'two words', 'a \"quote\"'] 1", "waited for 3"]
