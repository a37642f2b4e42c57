"""Upstream's tests of its savers with something of ours in place of what they test, compared with stock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from comparison import Row, compare, show
from environments import Releases
from suites import PATCHED, REMEMBERING, Run, Suite, run

#: the tests of the savers; the others are of the store
FILES = (
    "test_sqlite.py",
    "test_aiosqlite.py",
    "test_conformance_delta.py",
    "test_delta_channel_migration.py",
    "test_delta_parent_walk.py",
    "test_get_delta_channel_history.py",
    "test_writes_task_path_migration.py",
)


@dataclass(frozen=True)
class Replacement:
    name: str
    #: the options of pytest that put it in place
    options: tuple[str, ...]
    #: one more, with which it is wrong, and that has to be noticed
    broken: str
    #: tests that are not of what the two have in common, and why
    different: dict[str, str] = field(hash=False)
    #: whether what is remembered is compared with what is made anew; in default mode alone
    verified: bool = False


A_CONNECTION = "makes the saver from a connection; ours takes a path, and says so"

ANOTHER_CLASS = {
    "test_informative_async_errors": "SqliteSaver refuses async calls; ours takes them",
    "test_checkpoint_search_sql_injection_prevention": "a filter's key is never part of SQL, so ours refuses none",
    "test_setup_does_not_wait_on_another_writer": A_CONNECTION,
    "test_async_setup_does_not_wait_on_another_writer": A_CONNECTION,
    "test_read_only_legacy_database_still_reads_delta_history": A_CONNECTION,
    "test_async_read_only_legacy_database_still_reads_delta_history": A_CONNECTION,
    "test_walk_step_looks_up_the_parent_by_primary_key": "asks the saver's connection for a plan of upstream's SQL",
}
A_VIEW = {"test_walk_step_looks_up_the_parent_by_primary_key": "asks for a plan of SQL on a table, here a view"}

REPLACEMENTS = (
    Replacement("RustSQLiteCheckpointer in their place", ("-p", "in_our_place"), "broken_codec", ANOTHER_CLASS),
    Replacement("the same, layout compact", ("-p", "compact_in_our_place"), "broken_codec", ANOTHER_CLASS),
    Replacement("stock's savers on compact files", ("-p", "compact_files"), "broken_view", A_VIEW),
    Replacement("patched savers on compact files", ("-p", "patched_compact_files"), "broken_codec", A_VIEW),
    Replacement("patched, verified", (*REMEMBERING, *PATCHED), "broken_memory", {}, verified=True),
    Replacement(
        "RustSQLiteCheckpointer, verified",
        (*REMEMBERING, "-p", "in_our_place"),
        "broken_memory",
        ANOTHER_CLASS,
        verified=True,
    ),
    Replacement(
        "layout compact, verified",
        (*REMEMBERING, "-p", "compact_in_our_place"),
        "broken_memory",
        ANOTHER_CLASS,
        verified=True,
    ),
    Replacement(
        "patched on compact files, verified",
        (*REMEMBERING, "-p", "patched_compact_files"),
        "broken_memory",
        A_VIEW,
        verified=True,
    ),
)


class Comparison:
    """The savers' tests of a suite, which stock runs once."""

    def __init__(self, releases: Releases, suite: Suite, python: Path, strict: bool) -> None:
        self.releases, self.suite, self.python, self.strict = releases, suite, python, strict
        self.tests = [f"{suite.tests}/{name}" for name in FILES if (suite.folder / suite.tests / name).exists()]
        self.stock = run(python, suite, [], strict, self.tests)

    def row(self, replacement: Replacement, broken: bool = False) -> Row:
        options = ["-p", replacement.broken] * broken + [*replacement.options]
        ours = run(self.python, self.suite, options, self.strict, self.tests, replacement.verified)
        different = compare(self.stock, ours)
        return Row(
            self.releases,
            f"{self.suite.name}, {replacement.name}",
            self.strict,
            self.stock.counts,
            ours.counts,
            [
                f"{test}\n      stock: {show(self.stock, test)}\n      ours:  {show(ours, test)}"
                for test in different
                if name(test) not in replacement.different
            ],
            [],
            self.complaints(replacement, ours, {name(test) for test in different}),
        )

    def complaints(self, replacement: Replacement, ours: Run, different: set[str]) -> list[str]:
        """Why a comparison without differences would prove nothing."""
        found = [f"stock: {error}" for error in self.stock.errors] + ours.errors
        known = {name(test) for test in self.stock.records}
        found += [
            f"{test} is said to differ and does not" for test in replacement.different if test in known - different
        ]
        if self.stock.accelerated:
            found.append("stock ran with fast_langgraph loaded")
        if not ours.accelerated:
            found.append("ours ran without fast_langgraph")
        if not self.stock.counts["passed"]:
            found.append("nothing passed on stock")
        return found


def name(test: str) -> str:
    """The function's, of a test's id."""
    return test.rpartition("::")[2].partition("[")[0]
