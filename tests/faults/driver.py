"""Strikes an operation at each of its calls, and judges what comes of it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import shim
from .shim import COUNT, EFFECTS, EIO, ENOSPC, FULL, KILL_AFTER, KILL_BEFORE, KILLS, MEMORY, NO_MEMORY, SHORT, TORN

TESTS = Path(__file__).parent.parent

#: what an app catches around a call of a checkpointer
CAUGHT = ("sqlite3.Error", "builtins.OSError")
#: what an error says that takes a fault of the system for one of the file
BLAMES_THE_FILE = ("malformed", "not a database")
#: SQLite opens a file for reading alone if it can't be opened otherwise, and the connection stays so
STAYS_READ_ONLY = "attempt to write a readonly database"
#: runs in a row without a fault, after which there is none left: threads don't make the same calls in each run
ENOUGH = 2


class Workers:
    """A process of ``worker.py``, which forks one for each job."""

    def __init__(self, armed: Path, preload: Path | None) -> None:
        env = {**os.environ, "PYTHONPATH": str(TESTS), "SQLITE_TMPDIR": str(armed)}
        if preload:
            env["LD_PRELOAD"] = str(preload)
        command = [sys.executable, "-m", "faults.worker"]
        self._process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, job: dict[str, Any]) -> int:
        """The exit status of the job's process, or the negative number of the signal that has ended it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        assert self._process.wait() == 0


@dataclass
class Run:
    """One run with at most one fault: which call was struck, and what is wrong afterwards."""

    effect: str
    at: int
    struck: list[str]
    outcome: dict[str, Any]
    #: of what was acknowledged
    lost: list[str] = field(default_factory=list)
    #: there, but not as it was put
    torn: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def needs_reopening(self) -> bool:
        """The object says that it can't write any more, and a new one can."""
        used = self.outcome.get("used")
        return bool(used) and used[-1] == STAYS_READ_ONLY and not self.outcome["used_reopened"]

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.torn or self.damaged or self.other)

    def __str__(self) -> str:
        call = Path(self.struck[0]).name if self.struck and self.effect != COUNT else "nothing"
        kind = self.struck[0].split()[0] if self.struck else ""
        wrong = [*self.damaged, *(f"lost: {what}" for what in self.lost), *(f"torn: {what}" for what in self.torn)]
        found = "; ".join([*wrong, *self.other])
        return f"{self.effect} at call {self.at} ({kind} {call}): {found}; raised {self.outcome.get('raised')}"


class Harness:
    def __init__(self, folder: Path) -> None:
        self._armed = folder / "armed"
        self._books = folder / "books"
        self._armed.mkdir()
        self._books.mkdir()
        self._struck = Workers(self._armed, shim.build(folder))
        self._looking = Workers(self._armed, None)
        self._numbers = itertools.count()

    def end(self) -> None:
        self._struck.end()
        self._looking.end()

    def run(self, operation: str, layout: str, effect: str, at: int, patience: int = 60) -> Run:
        name = str(next(self._numbers))
        database, book = self._armed / name / "folder", self._books / name
        database.mkdir(parents=True)
        book.mkdir()
        job = {"operation": operation, "layout": layout, "effect": effect, "at": at, "patience": patience}
        job |= {"database": str(database), "book": str(book)}
        status = self._struck.do(job)
        struck = (book / "struck").read_text().splitlines() if (book / "struck").exists() else []
        outcome = json.loads((book / "outcome").read_text()) if (book / "outcome").exists() else {}
        run = Run(effect, at, struck, outcome)
        is_killed = effect in KILLS and bool(struck)
        if status != (-9 if is_killed else 0):
            run.other.append(f"the process ended with {status}")
        elif not is_killed:
            run.other += judged(run)
        looked = self._looking.do({**job, "effect": None})
        if looked != 0:
            run.other.append(f"the process that looked at the file ended with {looked}")
        else:
            found = json.loads((book / "found").read_text())
            run.lost += found["lost"]
            run.torn += found["torn"]
            run.damaged += found["damaged"]
            run.other += found["other"]
        if run.is_good:
            shutil.rmtree(database.parent)
            shutil.rmtree(book)
        return run

    def totals(self, operation: str, layout: str) -> dict[str, int]:
        """How many calls each effect can strike, from runs without a fault. Without memory's where there is no way."""
        run, counted = (self.run(operation, layout, effect, 0) for effect in (COUNT, NO_MEMORY))
        assert run.is_good, str(run)
        assert counted.is_good, str(counted)
        kinds = Counter(line.split()[0] for line in run.struck)
        written = kinds["pwrite"] + kinds["write"]
        totals = dict.fromkeys((EIO, ENOSPC, KILL_BEFORE, KILL_AFTER), kinds.total())
        totals |= {FULL: written + kinds["ftruncate"] + kinds["open"], SHORT: written, TORN: written}
        if counted.outcome["can_refuse_memory"]:
            totals |= dict.fromkeys(MEMORY, counted.outcome["counted"])
        return totals

    def strided(self, operation: str, layout: str, effect: str, total: int, runs: int) -> Iterator[Run]:
        """About so many runs, evenly over the calls; each effect begins at another one."""
        stride = max(1, total // runs)
        for at in range(1 + EFFECTS.index(effect) * stride // len(EFFECTS), total + 1, stride):
            yield self.run(operation, layout, effect, at)

    def sweep(self, operation: str, layout: str, effect: str) -> Iterator[Run]:
        """Strikes the first call, the second, and so on, until there is none left."""
        missed = 0
        for at in itertools.count(1):
            run = self.run(operation, layout, effect, at)
            missed = 0 if run.struck else missed + 1
            yield run
            if missed == ENOUGH:
                return


def judged(run: Run) -> list[str]:
    """What is wrong with how the process with the fault went on."""
    raised = run.outcome["raised"]
    wrong = []
    if raised:
        caught = (*CAUGHT, "builtins.MemoryError") if run.effect in MEMORY else CAUGHT
        if not run.struck:
            wrong.append(f"raised {raised} without a fault")
        elif not any(name in caught for name in raised[:-1]):
            wrong.append(f"raised {raised}")
        elif any(blame in raised[-1] for blame in BLAMES_THE_FILE):
            wrong.append(f"blames the file: {raised[-1]}")
    for step in ("reopened", "used", "repeated", "vacuumed", "closed"):
        if run.outcome.get(step) and not (step == "used" and run.needs_reopening):
            wrong.append(f"not {step} afterwards: {run.outcome[step]}")
    return wrong
