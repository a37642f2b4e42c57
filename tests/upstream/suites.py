"""Upstream's suites, and one run of one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import CACHE, HERE, Releases, fetch

SERIALIZER = ("JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed")
SAVERS = (
    "SqliteSaver.put",
    "SqliteSaver.put_writes",
    "SqliteSaver.get_tuple",
    "AsyncSqliteSaver.aput",
    "AsyncSqliteSaver.aput_writes",
    "AsyncSqliteSaver.aget_tuple",
)
DELETING = ("SqliteSaver.delete_thread", "AsyncSqliteSaver.adelete_thread")

#: the options of a patched run
PATCHED = ("-p", "fast_langgraph.pytest_plugin", "--fast-langgraph")
#: of a verified run: something has to be remembered
REMEMBERING = ("-p", "remembering")
OWN_POSTGRES = ("-p", "own_postgres")
#: of PostgresSaver's suite: tests of the store, which has no serializer, and of what is deleted
LEFT_OUT = tuple(f"--ignore=tests/{name}.py" for name in ("test_store", "test_async_store", "test_prune"))
#: from the first release on that finds ancestors as ours do
HISTORIES = ("SqliteSaver.get_delta_channel_history", "AsyncSqliteSaver.aget_delta_channel_history")
FIRST_HISTORIES = (3, 1, 2)

#: what variables would reach into a run
FOREIGN = ("PYTEST", "PYTHON", "LANGGRAPH", "FAST_LANGGRAPH", "LANGSMITH", "LANGCHAIN", "VIRTUAL_ENV")

#: phase ("setup", "call", "teardown" or "collect"), outcome, and what it says
Record = tuple[str, str, str]
#: the records of a test that count; a test that was not run has none
Ending = tuple[Record, ...]


@dataclass(frozen=True)
class Suite:
    name: str
    folder: Path
    settings: Path
    tests: str
    #: the sites that the suite calls
    expected: tuple[str, ...]
    #: of each run, on stock too
    options: tuple[str, ...] = ()


def suites(releases: Releases) -> list[Suite]:
    sqlite = fetch("langgraph-checkpoint-sqlite", releases.sqlite)
    checkpoint = fetch("langgraph-checkpoint", releases.checkpoint)
    # The first of them puts no writes in its tests; the conformance suite does with this release too.
    savers = tuple(site for site in SAVERS if releases.sqlite != "3.0.3" or not site.endswith("put_writes"))
    if tuple(map(int, releases.sqlite.split("."))) >= FIRST_HISTORIES:
        savers += HISTORIES
    found = [
        Suite("checkpoint-sqlite", sqlite, sqlite / "pyproject.toml", "tests", SERIALIZER + savers),
        Suite("checkpoint", checkpoint, checkpoint / "pyproject.toml", "tests", SERIALIZER),
        Suite("conformance", HERE, Path(os.devnull), "conformance_suite.py", SERIALIZER + SAVERS + DELETING),
    ]
    if releases.postgres:
        postgres = fetch("langgraph-checkpoint-postgres", releases.postgres)
        settings = postgres / "pyproject.toml"
        found.append(Suite("checkpoint-postgres", postgres, settings, "tests", SERIALIZER, (*OWN_POSTGRES, *LEFT_OUT)))
    return found


@dataclass(frozen=True)
class Run:
    records: dict[str, list[Record]]
    #: whether fast_langgraph was loaded where tests ran
    accelerated: bool
    exit_code: int
    output: str

    def ending(self, test: str) -> Ending:
        """How a test ended: the last attempt, where upstream has it retried."""
        return tuple(record for record in self.records.get(test, ()) if record[1] != "retried")

    def endings(self, test: str) -> set[Ending]:
        """How each attempt ended, where the test was run."""
        retried = {
            (("call", "failed", says),) for _, outcome, says in self.records.get(test, ()) if outcome == "retried"
        }
        return retried | {self.ending(test)} if test in self.records else set()

    @property
    def counts(self) -> Counter[str]:
        """How many tests passed, failed and were skipped; what fails before or after its test fails it."""
        found: Counter[str] = Counter()
        for test in self.records:
            outcomes = {outcome for _, outcome, _ in self.ending(test)}
            found[next(outcome for outcome in ("failed", "skipped", "passed") if outcome in outcomes)] += 1
        return found

    @property
    def errors(self) -> list[str]:
        """What pytest and our plugin complain of, failed tests aside."""
        found = [line.removeprefix("ERROR: ") for line in self.output.splitlines() if line.startswith("ERROR: ")]
        if self.exit_code not in (0, 1):
            found.append(f"pytest ended with {self.exit_code}")
        return found


def run(
    python: Path,
    suite: Suite,
    options: Sequence[str],
    strict: bool,
    tests: list[str] | None = None,
    verified: bool = False,
) -> Run:
    """Runs a suite, or some of its tests, in its own folder and with its own settings."""
    result = CACHE / "outcomes.json"
    result.unlink(missing_ok=True)
    command = [
        *(python, "-m", "pytest", "-n", "2", "--dist", "worksteal"),
        *("--rootdir", suite.folder, "--confcutdir", suite.folder, "-c", suite.settings),
        *(
            "-p",
            "no:cacheprovider",
            "-p",
            "outcomes",
            "--outcomes",
            result,
            *suite.options,
            *options,
            *(tests or [suite.tests]),
        ),
    ]
    settings = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    settings |= {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    if strict:
        settings["LANGGRAPH_STRICT_MSGPACK"] = "true"
    if verified:
        settings["FAST_LANGGRAPH_VERIFY"] = "1"
    done = subprocess.run(
        command,
        cwd=suite.folder,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not result.exists():
        sys.exit(f"{suite.name} did not run:\n{done.stdout}")
    found = json.loads(result.read_text())
    records = {test: [tuple(record) for record in records] for test, records in found["tests"].items()}
    return Run(records, found["accelerated"], done.returncode, done.stdout)
