"""``move``: what it would do, the question before it, and the comparison at its end."""

from __future__ import annotations

import sys
from typing import Any

from fast_langgraph._cli.output import CommandError, ask, print_json, progress, say, size, table
from fast_langgraph._move.refusals import MoveRefusedError
from fast_langgraph._move.report import MoveReport
from fast_langgraph._move.session import move
from fast_langgraph._shared.wording import number

#: threads that are listed, of those that are the same on both sides
LISTED = 20

#: characters of a digest that are shown
DIGEST = 12


def carry_out(
    source: str, target: str, *, dry_run: bool, yes: bool, as_json: bool, **options: Any
) -> MoveReport | None:
    """None if nothing was done but to look."""
    if dry_run or not yes:
        with progress("look", as_json) as tell:
            foreseen = _moved(source, target, progress=tell, dry_run=True, **options)
        told = f"{_counted(foreseen.moved_checkpoints, foreseen.moved_writes)} of {_all(foreseen)}"
        if dry_run:
            if as_json:
                print_json(foreseen.to_dict())
            else:
                say(f"would move {told} to {foreseen.target}")
                _say_marked(foreseen)
            return None
        ask(f"Move {told} to {foreseen.target}?", yes)
    with progress("move", as_json) as tell:
        return _moved(source, target, progress=tell, **options)


def _moved(*places: str, **options: Any) -> MoveReport:
    try:
        return move(*places, **options)
    except MoveRefusedError as refused:
        lines = [*refused.reasons, *([f"and {refused.more:,} more"] if refused.more else [])]
        raise CommandError(
            "\n  ".join(["nothing can be moved as it is:", *lines] if len(lines) > 1 else lines)
        ) from None
    except _errors_of_postgresql() as error:
        raise CommandError(f"PostgreSQL: {' '.join(str(error).split())}") from None


def _errors_of_postgresql() -> tuple[type[Exception], ...]:
    """None where it is not in use."""
    loaded = sys.modules.get("psycopg")
    return (loaded.Error,) if loaded else ()


def report(done: MoveReport, as_json: bool) -> None:
    if as_json:
        print_json(done.to_dict())
        return
    say(
        f"moved {_counted(done.moved_checkpoints, done.moved_writes)} from {done.source} to {done.target} "
        f"in {done.seconds:,.1f} s"
    )
    _say_marked(done)
    differing = [each for each in done.threads if not each.is_equal]
    alike = [each for each in done.threads if each.is_equal]
    shown = [*differing, *alike[:LISTED]]
    if shown:
        columns = [
            ("thread", "left"),
            ("checkpoints", "right"),
            ("writes", "right"),
            ("digest", "fixed"),
            ("", "fixed"),
        ]
        rows = [
            (
                each.thread_id,
                _both(each.checkpoints, each.target_checkpoints),
                _both(each.writes, each.target_writes),
                each.source_digest[:DIGEST],
                "the same" if each.is_equal else f"differs: {each.target_digest[:DIGEST]}",
            )
            for each in shown
        ]
        table(columns, rows)
    if len(alike) > LISTED:
        say(f"{len(alike) - LISTED:,} more are the same; --json lists all", "dim")
    if differing:
        say(f"{number(len(differing), 'thread')} differ: move again, or look whether somebody writes there", "red")
    else:
        say(f"compared: {_all(done)}, the same on both sides", "green")


def _both(source: int, target: int) -> str:
    return f"{source:,}" if source == target else f"{source:,}, there {target:,}"


def _counted(checkpoints: int, writes: int) -> str:
    return f"{number(checkpoints, 'checkpoint')} and {number(writes, 'pending write')}"


def _all(found: MoveReport) -> str:
    counted = _counted(found.checkpoints, found.writes)
    return f"{number(len(found.threads), 'thread')} ({counted}, {size(found.bytes)})"


def _say_marked(found: MoveReport) -> None:
    if found.marked_versions:
        say(
            f"{number(found.marked_versions, 'version')} of channels get a mark in PostgreSQL, because another "
            "checkpoint has another value under the same version",
            "dim",
        )
