"""What is done while a fault strikes: each operation with what is set up before, and what it may remove."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

from .ledger import TASK, Ledger, checkpoint, config, metadata, writes

COMPACT, STANDARD, PATCHED, PATCHED_COMPACT = "compact", "standard", "patched", "patched, compact"
OURS = (STANDARD, COMPACT)
ANY = (*OURS, PATCHED, PATCHED_COMPACT)

#: what every database has before: by thread, how many checkpoints
SEED = {"kept": 3, "worked": 5, "gone": 4}


@dataclass
class App:
    """A process that has opened a database and keeps book of what was acknowledged."""

    folder: Path
    layout: str
    ledger: Ledger
    saver: Any = None
    #: another connection to the file
    other: Any = None

    @property
    def is_patched(self) -> bool:
        """Whether it has stock's saver, under ``patch()``."""
        return self.layout in (PATCHED, PATCHED_COMPACT)

    @property
    def path(self) -> Path:
        return self.folder / "checkpoints.db"

    @property
    def copy(self) -> Path:
        return self.folder / "copy.db"

    def open(self, **options: Any) -> None:
        if self.is_patched:
            fast_langgraph.patch(layout=COMPACT if self.layout == PATCHED_COMPACT else STANDARD)
            self.saver = SqliteSaver(sqlite3.connect(self.path, check_same_thread=False))
            self.saver.setup()
        else:
            self.saver = RustSQLiteCheckpointer(self.path, layout=self.layout, **options)

    def close(self) -> None:
        (self.saver.conn if self.is_patched else self.saver).close()

    def put(self, thread: str, n: int) -> None:
        self.saver.put(config(thread, n - 1), checkpoint(thread, n), metadata(thread, n), {})
        self.ledger.add("put", thread, n)

    def put_writes(self, thread: str, n: int) -> None:
        self.saver.put_writes(config(thread, n), writes(thread, n), TASK)
        self.ledger.add("writes", thread, n)

    def seed(self, **options: Any) -> None:
        self.open(**options)
        for thread, last in SEED.items():
            for n in range(1, last + 1):
                self.put(thread, n)
                self.put_writes(thread, n)


Step = Callable[[App], None]


@dataclass(frozen=True)
class Operation:
    """``repeatable``: it succeeds when it is called again after it has failed or succeeded."""

    perform: Step
    prepare: Step = App.seed
    layouts: tuple[str, ...] = OURS
    #: by thread, up to which checkpoint it removes it
    removes: dict[str, int] = field(default_factory=dict)
    #: whether all of that goes, or nothing
    as_a_whole: bool = False
    repeatable: bool = False
    #: whether ``perform`` ends with the object closed
    closes: bool = False


def with_a_lock(app: App) -> None:
    """Another connection has the file locked, so that those who write queue."""
    app.seed()
    app.other = sqlite3.connect(app.path, isolation_level=None)
    app.other.execute("BEGIN IMMEDIATE")


def in_a_group(app: App) -> None:
    """Eight threads write in a transaction or two; their exceptions come out as one of them."""
    raised: list[BaseException] = []

    def work(write: Step) -> None:
        try:
            write(app)
        except BaseException as error:
            raised.append(error)

    writes: list[Step] = [lambda app, i=i: app.put(f"group{i}", 1) for i in range(4)]
    writes += [lambda app, i=i: app.put_writes(f"group{i}", 2) for i in range(4)]
    threads = [threading.Thread(target=work, args=(write,)) for write in writes]
    for thread in threads:
        thread.start()
    # Most have queued by then. It can't be asked without calls of SQLite's that would be counted.
    time.sleep(0.02)
    app.other.close()
    for thread in threads:
        thread.join()
    for error in sorted(raised, key=lambda error: isinstance(error, (sqlite3.Error, MemoryError))):
        raise error


def first_opening(app: App) -> None:
    app.open()
    app.put("first", 1)


def left_by_a_kill(app: App) -> None:
    """Another process has left a log."""
    child = os.fork()
    if not child:
        app.seed()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def opening_after_a_kill(app: App) -> None:
    app.open()
    app.put("worked", SEED["worked"] + 1)


def with_room(app: App) -> None:
    """A third of the database is free pages."""
    app.seed()
    app.saver.delete_thread("gone")
    app.ledger.add("done")


def backup(app: App) -> None:
    if not app.copy.exists():
        app.saver.backup(app.copy)
    app.ledger.add("copied")


def with_small_log(app: App) -> None:
    app.seed(max_wal_bytes=1 << 20)


def moves_the_log(app: App) -> None:
    """The log passes the size from which it is moved into the database."""
    for n in range(1, 6):
        app.put("large", n)


def read(app: App) -> None:
    """Everything, in ways that every saver has."""
    for found in list(app.saver.list(None)):
        assert app.saver.get_tuple(found.config) is not None
    if not app.is_patched:
        app.saver.stats()


def acknowledged(perform: Callable[[App], Any]) -> Step:
    """The operation is in the ledger once it has returned."""

    def performed(app: App) -> None:
        perform(app)
        app.ledger.add("done")

    return performed


OPERATIONS: dict[str, Operation] = {
    "put": Operation(lambda app: app.put("worked", SEED["worked"] + 1), layouts=ANY),
    "put_writes": Operation(lambda app: app.put_writes("worked", SEED["worked"] + 1), layouts=ANY),
    "reading": Operation(read, layouts=ANY, repeatable=True),
    "group commit": Operation(in_a_group, prepare=with_a_lock, layouts=ANY),
    "log moved": Operation(moves_the_log, prepare=with_small_log),
    "delete_thread": Operation(
        acknowledged(lambda app: app.saver.delete_thread("gone")),
        layouts=ANY,
        removes={"gone": SEED["gone"]},
        as_a_whole=True,
        repeatable=True,
    ),
    "prune": Operation(
        acknowledged(lambda app: app.saver.prune(["worked"], keep_last=2)),
        removes={"worked": SEED["worked"] - 2},
        repeatable=True,
    ),
    "convert to compact": Operation(lambda app: app.saver.convert(COMPACT), layouts=(STANDARD,), repeatable=True),
    "convert to standard": Operation(lambda app: app.saver.convert(STANDARD), layouts=(COMPACT,), repeatable=True),
    "vacuum": Operation(
        lambda app: app.saver.vacuum(), prepare=with_room, removes={"gone": SEED["gone"]}, repeatable=True
    ),
    "backup": Operation(backup, repeatable=True),
    "close": Operation(App.close, layouts=ANY, closes=True),
    "first opening": Operation(first_opening, prepare=lambda app: None, layouts=ANY),
    "opening after a kill": Operation(opening_after_a_kill, prepare=left_by_a_kill, layouts=ANY),
}
