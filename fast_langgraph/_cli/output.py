"""How commands print: to a terminal of any width, to a pipe, or JSON; and how they end."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fast_langgraph._shared.wording import number

#: columns where no terminal says how many it has, so that what goes to a file or to grep stays in one line
WITHOUT_TERMINAL = 200

#: blanks between two columns; what may be cut off keeps so many characters
GAP, LEAST = 2, 16

FOUND_PROBLEMS = 1
REFUSED = 2
INTERRUPTED = 130


class CommandError(Exception):
    """What is asked for can't be done: the message goes to the user, the exit code is ``code``."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code


class _Unpadded:
    """A stream that is no terminal, without the blanks that fill the last column of a table."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(re.sub(" +$", "", text, flags=re.MULTILINE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _console(stream: Any) -> Console:
    has_width = stream.isatty() or "COLUMNS" in os.environ
    if not stream.isatty():
        stream = _Unpadded(stream)
    # Numbers and ids are not coloured by what they look like.
    return Console(file=stream, width=None if has_width else WITHOUT_TERMINAL, highlight=False, emoji=False)


def out() -> Console:
    return _console(sys.stdout)


def err() -> Console:
    return _console(sys.stderr)


def say(text: str = "", style: str = "") -> None:
    out().print(Text(printable(text), style=style))


def warn(text: str) -> None:
    print(printable(text), file=sys.stderr)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=not _is_utf8(), default=str))


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def printable(text: str) -> str:
    """Escapes what would act on a terminal: names and texts come from a database."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return "    " if character == "\t" else ascii(character)[1:-1]


def cell(value: Any, style: str = "") -> Text:
    return Text(printable(value if isinstance(value, str) else str(value)), style=style)


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
    """Columns are a heading and "left", which may be cut off, or "right" or "fixed".

    What comes last is left out first where a terminal is narrow.
    """
    console = out()
    natural = [max([len(name), *(len(str(row[at])) for row in rows)]) for at, (name, _) in enumerate(columns)]
    least = [min(width, LEAST) if kind == "left" else width for width, (_, kind) in zip(natural, columns, strict=True)]
    shown = len(columns)
    while shown > 3 and sum(least[:shown]) + GAP * (shown - 1) > console.width:
        shown -= 1
    room = console.width - sum(least[:shown]) - GAP * (shown - 1)
    found = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for at in range(shown):
        more = max(0, min(room, natural[at] - least[at]))
        room -= more
        justify: Any = "right" if columns[at][1] == "right" else "left"
        found.add_column(columns[at][0], justify=justify, no_wrap=True, overflow="ellipsis", width=least[at] + more)
    for row in rows:
        found.add_row(*(cell(each) for each in row[:shown]))
    console.print(found)


def size(count: int) -> str:
    return decimal(count)


def when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    seconds = (datetime.now(timezone.utc) - moment).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return f"{number(int(seconds / length), unit)} ago"
    return "just now" if seconds >= 0 else "in the future"


def span(text: str) -> timedelta | datetime:
    """``30d``, ``12h``, ``2w``, ``90m``, ``45s``, or a time as ISO 8601."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    text = text.strip()
    try:
        if text[-1:].lower() in units and not text[:-1].endswith(("-", ":")):
            return timedelta(**{units[text[-1].lower()]: float(text[:-1])})
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        raise CommandError(
            f"{text!r} is neither an age, such as 30d, 12h or 90m, nor a time, such as 2026-01-31"
        ) from None


def ask(question: str, yes: bool) -> None:
    """Goes on if the user says so; refuses where nobody can be asked."""
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(f"{question} There is nobody to ask here: pass --yes, or --dry-run to see what would go")
    err().print(Text(f"{question} [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was done", 1)


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar with what remains, on a terminal's standard error; elsewhere nothing."""
    console = err()
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
