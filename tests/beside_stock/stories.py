"""Tells one story to stock's savers and to ours, each on a database of its own, and compares.

Stock's side runs with nothing patched. What a story does must not depend on chance or on the clock.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from beside_stock.outcomes import Outcome, assert_same, observe
from beside_stock.sites import falls_back, runs_native
from fast_langgraph import _native
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config

SYNC = [f"SqliteSaver.{name}" for name in ("put", "put_writes", "get_tuple")]
ALL_SYNC = [*SYNC, "SqliteSaver.list", "SqliteSaver.delete_thread"]
#: reads that patch() may leave as they are; where it has a site for them, the site must run native
MAY_BE_STOCK = ("list", "alist", "get_delta_channel_history", "aget_delta_channel_history")
PRIMARY_KEYS = {
    "checkpoints": "thread_id, checkpoint_ns, checkpoint_id",
    "writes": "thread_id, checkpoint_ns, checkpoint_id, task_id, idx",
}


class Story:
    """What was done, step by step, and what came of it."""

    def __init__(self, directory: Path, layout: str) -> None:
        self.directory = directory
        self.layout = layout
        self.path = str(directory / "test.db")
        self.steps: list[tuple[str, Outcome]] = []
        self.open: list[sqlite3.Connection] = []
        if layout == "compact":
            with closing(sqlite3.connect(self.path)) as conn:
                assert _native.make_compact(conn) is None

    def connect(self, path: str | None = None, **settings: Any) -> sqlite3.Connection:
        """A connection to the story's database, closed at its end."""
        settings = {"check_same_thread": False, **settings}
        conn = sqlite3.connect(path or self.path, **settings)
        self.open.append(conn)
        return conn

    def saver(self, conn: sqlite3.Connection | None = None, **settings: Any) -> SqliteSaver:
        return SqliteSaver(conn or self.connect(), **settings)

    def do(self, name: str, call: Callable[[], Any], scrub: str = "") -> Any:
        """Calls and keeps what comes. What ``scrub`` matches in an error's text may differ."""
        outcome = observe(call)
        if scrub and outcome.error is not None:
            outcome.error.args = tuple(
                re.sub(scrub, "#", arg) if isinstance(arg, str) else arg for arg in outcome.error.args
            )
        self.steps.append((name, outcome))
        return outcome.value

    async def ado(self, name: str, awaitable: Awaitable[Any]) -> Any:
        """Awaits and keeps what comes."""
        outcome = Outcome()
        try:
            outcome.value = await awaitable
        except BaseException as error:
            outcome.error = error
        self.steps.append((name, outcome))
        return outcome.value

    def note(self, name: str, value: Any) -> None:
        """Keeps something to compare."""
        self.steps.append((name, Outcome(value=value)))

    def rows(self, name: str = "rows", conn: sqlite3.Connection | None = None) -> None:
        """Keeps everything that the database holds, as another connection sees it."""
        other = conn or sqlite3.connect(self.path)
        try:
            self.note(name, all_rows(other))
        finally:
            if conn is None:
                other.close()


#: columns of ours in ``checkpoints``: `created_at`, and in the compact layout's view the rowid by its three names
OURS = ("created_at", "rowid", "oid", "_rowid_")


def all_rows(conn: sqlite3.Connection) -> dict[str, list[Any]]:
    """Every row of a saver's tables by primary key, each value with its storage class."""
    tables = {}
    for table, key in PRIMARY_KEYS.items():
        if not conn.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            continue
        # A generated column of ours is hidden in a table, and not in a view.
        names = [row[1] for row in conn.execute(f"PRAGMA table_info({table})") if row[1] not in OURS]
        # A cast to blob shows text that is no UTF-8 as it is.
        columns = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in names)
        tables[table] = conn.execute(f"SELECT {columns} FROM {table} ORDER BY {key}").fetchall()
    return tables


LAYOUTS = ("standard", "compact")
#: for stories that no view can be part of: they change or drop the table, or count the bytes that are written
STANDARD = ("standard",)


def same_story(
    tell: Callable[[Story], Any],
    directory: Path,
    native: list[str] | tuple[str, ...] = (),
    stock: list[str] | tuple[str, ...] = (),
    layouts: tuple[str, ...] = LAYOUTS,
) -> Story:
    """Tells the story on both sides and compares step by step, on files of each layout.

    In the compact layout stock's savers write through the view, and what comes of that is what ours have to do.
    ``native``: sites that must run without going back to stock; ``stock``: sites that must go back.
    """
    told = [_same_story(tell, directory / layout, layout, native, stock) for layout in layouts]
    return told[0]


def _same_story(
    tell: Callable[[Story], Any], directory: Path, layout: str, native: Sequence[str], stock: Sequence[str]
) -> Story:
    sides = []
    for side in ("stock", "ours"):
        home = directory / side
        home.mkdir(parents=True)
        story = Story(home, layout)
        fast_langgraph.unpatch()
        assert not fast_langgraph.is_patched()
        with ExitStack() as checks:
            if side == "ours":
                fast_langgraph.patch()
                sites = fast_langgraph.status().sites
                checked = [site for site in native if site in sites or site.split(".")[1] not in MAY_BE_STOCK]
                if checked:
                    checks.enter_context(runs_native(*checked))
                for site in stock:
                    checks.enter_context(falls_back(site))
            try:
                told = tell(story)
                if asyncio.iscoroutine(told):
                    asyncio.run(told)
            finally:
                for conn in story.open:
                    conn.close()
        sides.append(story)
    first, second = sides
    assert [name for name, _ in first.steps] == [name for name, _ in second.steps]
    assert first.steps, "a story without steps compares nothing"
    for (name, there), (_, here) in zip(first.steps, second.steps, strict=True):
        assert_same(there, here, name)
    return second


def everything(story: Story, saver: SqliteSaver, at: int = 0) -> None:
    """Each method once, on a database that may be in any state."""
    story.do("put", lambda: saver.put(config(), checkpoint(at), METADATA, {}))
    story.do("put_writes", lambda: saver.put_writes(config(at=at), WRITES, "task"))
    story.do("put special writes", lambda: saver.put_writes(config(at=at), SPECIAL, "task", "~p"))
    story.do("get_tuple", lambda: saver.get_tuple(config(at=at)))
    story.do("get latest", lambda: saver.get_tuple(config()))
    story.do("get none", lambda: saver.get_tuple(config("nobody")))
    story.do("list", lambda: list(saver.list(config())))
    if "get_delta_channel_history" in vars(SqliteSaver):
        story.do("history", lambda: saver.get_delta_channel_history(config=config(at=at), channels=["count", "x"]))
    story.do("delete_thread", lambda: saver.delete_thread("other"))
