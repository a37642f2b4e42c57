"""``prune``, ``vacuum``, ``convert``: what they would do, the question before it, and what they have done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fast_langgraph._checkpointer.maintenance import MaintenanceResult
from fast_langgraph._cli.output import ask, print_json, progress, say, size
from fast_langgraph._shared.wording import number
from fast_langgraph.checkpointer import RustSQLiteCheckpointer

Work = Callable[..., MaintenanceResult]


def bytes_on_disk(path: Path) -> int:
    """Of the database and its log."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def removed(found: MaintenanceResult) -> str:
    return (
        f"{number(found.checkpoints, 'checkpoint')} and {number(found.writes, 'pending write')} "
        f"of {number(found.threads, 'thread')}, {size(found.bytes)}"
    )


def carry_out(
    work: Work, what: str, told: Callable[[MaintenanceResult], str], *, dry_run: bool, yes: bool, as_json: bool
) -> MaintenanceResult | None:
    """Says what ``work`` would do, asks, and does it. None if nothing was done."""
    foreseen = work(dry_run=True)
    if dry_run:
        report(foreseen, f"would {what} {told(foreseen)}", as_json, dry_run=True)
        return None
    if foreseen == MaintenanceResult():
        report(foreseen, f"nothing to {what}", as_json)
        return None
    ask(f"{what.capitalize()} {told(foreseen)}?", yes)
    with progress(what, as_json) as tell:
        return work(progress=tell)


def report(done: MaintenanceResult, line: str, as_json: bool, dry_run: bool = False, **more: Any) -> None:
    if as_json:
        print_json({"dry_run": dry_run, **done.to_dict(), **more})
    else:
        say(line)


def free_room(database: RustSQLiteCheckpointer, path: Path) -> str:
    """What is to be said after rows were removed: the file is as long as before."""
    free = database.stats(0).free_bytes
    return f"; {size(free)} of the file are free now, `fast-langgraph vacuum {path}` gives them back" if free else ""
