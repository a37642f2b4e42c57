"""One story of each kind under ``python -X dev -W error``: no warning of ours, nothing unraisable, nothing left open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import test_exit
import test_fork

from apps.chat import graph
from apps.numbered_checkpoints import aput, config_of, latest, put
from apps.processes import interpreter
from fast_langgraph import RustSQLiteCheckpointer


def graphs(path: str) -> None:
    """Sync and async on one object, which is closed."""
    with RustSQLiteCheckpointer(path) as saver:
        app = graph.compile(checkpointer=saver)
        for turn in range(3):
            assert len(app.invoke({"messages": [("user", "x")]}, config_of("sync"))["messages"]) == 2 * turn + 2

    async def main() -> None:
        async with RustSQLiteCheckpointer(path) as saver:
            app = graph.compile(checkpointer=saver)
            for turn in range(3):
                found = await app.ainvoke({"messages": [("user", "x")]}, config_of("async"))
                assert len(found["messages"]) == 2 * turn + 2
            assert len([found async for found in saver.alist(None)]) == 18

    asyncio.run(main())


def nobody_closes(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    put(saver, "t", 1)
    other = RustSQLiteCheckpointer(path)
    assert latest(other, "t") == 1
    del other

    async def main() -> None:
        await aput(RustSQLiteCheckpointer(path), "t", 2)
        await aput(saver, "t", 3)

    asyncio.run(main())


def used_after_close(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    put(saver, "t", 1)
    listing = saver.list(None)
    saver.close()
    saver.close()
    for work in (lambda: put(saver, "t", 2), lambda: latest(saver, "t"), lambda: next(listing)):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            work()

    async def main() -> None:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            await aput(saver, "t", 2)
        await saver.aclose()

    asyncio.run(main())


def generators_left(path: str) -> None:
    """Listings that nobody iterates to the end."""
    saver = RustSQLiteCheckpointer(path)
    for n in range(200):
        put(saver, "t", n)
    assert next(saver.list(None)).metadata["step"] == 199

    async def main() -> None:
        async for found in saver.alist(None):
            assert found.metadata["step"] == 199
            break

    asyncio.run(main())
    saver.close()


def faults(path: str) -> None:
    saver = RustSQLiteCheckpointer(path)
    Path(path).write_text("no database" * 1_000)
    with pytest.raises(sqlite3.DatabaseError):
        RustSQLiteCheckpointer(path)
    with pytest.raises(sqlite3.DatabaseError):
        put(saver, "t", 1)

    async def main() -> None:
        with pytest.raises(sqlite3.DatabaseError):
            await aput(saver, "t", 1)

    asyncio.run(main())
    os.unlink(path)
    saver = RustSQLiteCheckpointer(path)
    put(saver, "t", 1)
    os.unlink(path)
    with pytest.raises(sqlite3.OperationalError, match="deleted"):
        put(saver, "t", 2)


STORIES = [
    graphs,
    nobody_closes,
    used_after_close,
    generators_left,
    faults,
    test_exit.threads,
    test_exit.tasks,
    test_exit.puts_at_exit,
    test_exit.a_loop_that_is_stopped,
    test_fork.used_before,
    test_fork.generations,
    test_fork.busy_loop,
]


#: what a dependency of LangGraph's warns of when it is imported, on CPython 3.14 and later
LANGSMITH_S = "'asyncio.iscoroutinefunction' is deprecated", "DeprecationWarning", "langsmith._internal._beta_decorator"
OPTIONS = ("-X", "dev", "-W", "error", "-W", ":".join(("ignore", *LANGSMITH_S)))


@pytest.mark.skipif(sys.version_info < (3, 14), reason="asyncio.iscoroutinefunction is not deprecated yet")
def test_the_one_warning_that_is_let_pass_is_langsmith_s_own():
    script = "import langgraph.graph, sys; assert 'fast_langgraph' not in sys.modules"
    done = [
        subprocess.run([sys.executable, *options, "-c", script], capture_output=True, text=True, check=False)
        for options in (OPTIONS[:-2], OPTIONS)
    ]
    assert [process.returncode for process in done] == [1, 0], done
    assert f"DeprecationWarning: {LANGSMITH_S[0]}" in done[0].stderr


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_nothing_is_complained_of_in(tmp_path, story):
    done = interpreter(story, str(tmp_path / "dev.db"), options=OPTIONS)
    # asyncio tells of what takes long, as it does on a machine that is busy.
    told = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, told) == (0, [])
