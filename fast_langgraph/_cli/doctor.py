"""``doctor``: what is wrong with a database, what it means, and the command that mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fast_langgraph import _native
from fast_langgraph._cli.database import check, opened, reading
from fast_langgraph._cli.output import printable, progress, size
from fast_langgraph._cli.stored import AsData
from fast_langgraph._shared.wording import number
from fast_langgraph.checkpointer import RustSQLiteCheckpointer

#: a log beyond this is worth a word: SQLite moves it at 4 MB, RustSQLiteCheckpointer keeps it below 32 MB
LARGE_LOG = 64 << 20
#: free pages are worth a word if they are so many bytes and this share of the file
LARGE_ROOM, SHARE = 16 << 20, 0.25
#: damaged rows that are named
NAMED = 8

COLUMNS = {
    "checkpoints": {
        "thread_id",
        "checkpoint_ns",
        "checkpoint_id",
        "parent_checkpoint_id",
        "type",
        "checkpoint",
        "metadata",
    },
    "writes": {
        "thread_id",
        "checkpoint_ns",
        "checkpoint_id",
        "task_id",
        "idx",
        "channel",
        "type",
        "value",
        "task_path",
    },
}
#: ours: of RustSQLiteCheckpointer, of the view, and those that a conversion back leaves empty
KNOWN = {"created_at", "rowid", "oid", "_rowid_", "ranges", "base", "size"}


@dataclass(frozen=True)
class Finding:
    #: "bad": data is damaged or missing; "note": worth knowing
    kind: str
    what: str
    means: str
    #: a command, or what to do
    mend: str = ""


@dataclass(frozen=True)
class Report:
    looked_at: list[str]
    findings: list[Finding]

    @property
    def is_well(self) -> bool:
        return not any(finding.kind == "bad" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {"well": self.is_well, **asdict(self)}


def examine(path: Path, quick: bool, quiet: bool) -> Report:
    """Looks at everything; reads each row unless ``quick``."""
    name = str(path)
    looked_at: list[str] = []
    with suppress(sqlite3.DatabaseError):  # its integrity is looked at next
        check(path)
    findings = list(_integrity(path, quick))
    looked_at.append("integrity of the file")
    if findings:
        return Report(looked_at, findings)  # what else would be said of it can't be relied upon
    with opened(path) as database:
        stats = database.stats(0)
        findings += _files(path, stats.wal_file_bytes)
        findings += _schema(path, name)
        findings += _layout(stats.layout, name)
        findings += _room(stats.free_bytes, stats.database_bytes, name)
        orphans = database.vacuum(dry_run=True).writes
        if orphans:
            findings.append(
                Finding(
                    "note",
                    f"{number(orphans, 'pending write')} without a checkpoint",
                    "A script has deleted checkpoints, but not their pending writes: they hold what was said.",
                    f"fast-langgraph vacuum {name}",
                )
            )
        looked_at += ["schema", "layout", "free space", "orphans"]
        if not quick:
            with progress("reading", quiet) as tell:
                findings += _rows(path, database, tell)
            looked_at.append(f"{number(stats.checkpoints, 'checkpoint')} and {number(stats.writes, 'pending write')}")
    return Report(looked_at, findings)


def _integrity(path: Path, quick: bool) -> Iterator[Finding]:
    check = "quick_check" if quick else "integrity_check"
    try:
        with reading(path) as conn:
            said = [str(row[0]) for row in conn.execute(f"PRAGMA {check}({NAMED})")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    if said != ["ok"]:
        yield Finding(
            "bad",
            f"SQLite finds the file damaged: {'; '.join(said)}",
            "Pages are wrong: a disk failed, or something wrote into the file, or copied it while it was in use.",
            "go back to a backup; or sqlite3 broken.db .recover | sqlite3 new.db, and look at the new one",
        )


def _files(path: Path, log: int) -> Iterator[Finding]:
    if log > LARGE_LOG:
        yield Finding(
            "note",
            f"the log {path.name}-wal is {size(log)}",
            "It was not moved into the database: some process held an old snapshot of it, or was killed.",
            f"fast-langgraph vacuum {path}",
        )
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists() and journal.stat().st_size:
        yield Finding(
            "note",
            f"a rollback journal {journal.name} is there",
            "A process writes just now, or one was killed. Who writes next rolls back what that one had not finished.",
            "keep the journal beside the database, whatever you do with it",
        )


def _schema(path: Path, name: str) -> Iterator[Finding]:
    with reading(path) as conn:
        for table, expected in COLUMNS.items():
            columns = {row[1] for row in conn.execute(f"PRAGMA table_xinfo({table})")}
            missing = expected - columns
            if missing == {"task_path"}:
                yield Finding(
                    "note",
                    "the table writes has no column task_path",
                    "A release of LangGraph's before task paths has made it. Both work; the app adds the column.",
                    "nothing: the next start of the app does it",
                )
            elif missing:
                yield Finding(
                    "bad",
                    f"the table {table} has no column {', '.join(sorted(missing))}",
                    "LangGraph can't save or read anything here.",
                    "go back to a backup",
                )
            own = columns - expected - KNOWN
            if own:
                yield Finding(
                    "note",
                    f"columns of your own in {table}: {printable(', '.join(sorted(own)))}",
                    "They are left alone.",
                )
        own_triggers = [
            row[0]
            for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            if not str(row[0]).startswith("fl_")
        ]
        if own_triggers:
            yield Finding(
                "note",
                f"triggers of your own: {printable(', '.join(own_triggers))}",
                f"They run when {name} is written.",
            )


def _layout(layout: str, name: str) -> Iterator[Finding]:
    if "half converted" in layout:
        yield Finding(
            "note",
            f"the layout is {layout}",
            "A conversion was stopped. Everything can be read and written as it is.",
            f"fast-langgraph convert {name} --to standard (or --to compact, to take it back)",
        )


def _room(free: int, total: int, name: str) -> Iterator[Finding]:
    if free > LARGE_ROOM and free > SHARE * total:
        yield Finding(
            "note",
            f"{size(free)} of {size(total)} are free pages",
            "Rows were deleted; SQLite keeps their space for new ones.",
            f"fast-langgraph vacuum {name}",
        )


def _rows(path: Path, database: RustSQLiteCheckpointer, tell: Callable[[int, int], None]) -> Iterator[Finding]:
    """Reads every checkpoint with its metadata, and every pending write, as data."""
    keys = database._engine.run(_native.Request.keys())
    damaged: list[str] = []
    for place in range(len(keys)):
        thread, namespace, checkpoint_id = keys[place]
        named = {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
        try:
            database.get_tuple({"configurable": named})
        except Exception as error:
            in_namespace = f" in namespace {namespace!r}" if namespace else ""
            damaged.append(f"{checkpoint_id} of thread {thread!r}{in_namespace} ({error})")
        if place % 64 == 0 or place + 1 == len(keys):
            tell(place + 1, len(keys))
    if damaged:
        shown = "; ".join(damaged[:NAMED]) + (f"; and {len(damaged) - NAMED:,} more" if len(damaged) > NAMED else "")
        yield Finding(
            "bad",
            f"{number(len(damaged), 'checkpoint')} can't be read: {shown}",
            "The row or one of its pending writes is damaged. All others can be read, and a run may go on from them.",
            f"go back to a backup, or sqlite3 {path} \"DELETE FROM checkpoints WHERE checkpoint_id = '...'\"",
        )
    unknown = _unknown_kinds(path)
    if unknown:
        yield Finding(
            "note",
            f"what is stored is in part {', '.join(unknown)}",
            "A serializer of the app's own, an encrypted one or pickle: it was not looked into here.",
        )


def _unknown_kinds(path: Path) -> list[str]:
    with reading(path) as conn:
        kinds = {row[0] for table, _ in COLUMNS.items() for row in conn.execute(f"SELECT DISTINCT type FROM {table}")}
    serializer = AsData()
    found = []
    for kind in sorted(str(each) for each in kinds if each):
        if kind not in ("json", "msgpack", "null", "bytes", "bytearray"):
            found.append(printable(str(serializer.loads_typed((kind, b""))).partition(", 0 bytes")[0]))
    return found
