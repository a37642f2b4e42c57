"""Upstream's tests of its savers, run on stock and on RustSQLiteCheckpointer in their place."""

from __future__ import annotations

from pathlib import Path

from comparison import Row, compare, show
from environments import Releases
from suites import Run, Suite, run

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

A_CONNECTION = "makes the saver from a connection; ours takes a path, and says so"

#: tests that are not of what the two have in common, and why
DIFFERENT = {
    "test_informative_async_errors": "SqliteSaver refuses async calls; ours takes them",
    "test_checkpoint_search_sql_injection_prevention": "a filter's key is never part of SQL, so ours refuses none",
    "test_setup_does_not_wait_on_another_writer": A_CONNECTION,
    "test_async_setup_does_not_wait_on_another_writer": A_CONNECTION,
    "test_read_only_legacy_database_still_reads_delta_history": A_CONNECTION,
    "test_async_read_only_legacy_database_still_reads_delta_history": A_CONNECTION,
    "test_walk_step_looks_up_the_parent_by_primary_key": "asks the saver's connection for a plan of upstream's SQL",
}


def in_our_place(releases: Releases, suite: Suite, python: Path, strict: bool, broken: bool = False) -> Row:
    """The savers' tests of the suite on stock and on ours. With ``broken`` what ours writes is a byte off."""
    tests = [f"{suite.tests}/{name}" for name in FILES if (suite.folder / suite.tests / name).exists()]
    stock = run(python, suite, [], strict, tests)
    plugins = ["-p", "broken_codec"] * broken + ["-p", "in_our_place"]
    ours = run(python, suite, plugins, strict, tests)
    different = compare(stock, ours)
    return Row(
        releases,
        "checkpoint-sqlite, RustSQLiteCheckpointer in place of its savers",
        strict,
        stock.counts,
        ours.counts,
        [
            f"{test}\n      stock: {show(stock, test)}\n      ours:  {show(ours, test)}"
            for test in different
            if name(test) not in DIFFERENT
        ],
        [],
        complaints(stock, ours, {name(test) for test in different}),
    )


def name(test: str) -> str:
    """The function's, of a test's id."""
    return test.rpartition("::")[2].partition("[")[0]


def complaints(stock: Run, ours: Run, different: set[str]) -> list[str]:
    """Why a comparison without differences would prove nothing."""
    found = [f"stock: {error}" for error in stock.errors] + ours.errors
    known = {name(test) for test in stock.records}
    found += [f"{test} is said to differ and does not" for test in DIFFERENT if test in known - different]
    if stock.accelerated:
        found.append("stock ran with fast_langgraph loaded")
    if not ours.accelerated:
        found.append("ours ran without fast_langgraph")
    if not stock.counts["passed"]:
        found.append("nothing passed on stock")
    return found
