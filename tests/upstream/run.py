"""Runs upstream's own test suites on stock, on the patched classes and on our own, and compares test by test.

``make test-upstream`` runs the newest supported releases; ``make test-upstream-all`` each that is supported
and one that is not, and writes RESULTS.md. The suites come from the source distributions of the very
releases that are installed; they are fetched into a cache, never committed.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import sys
import time
from collections import Counter
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from comparison import Row, compare, complaints, settle
from environments import ALL, CACHE, HERE, NEWEST, Releases, build_wheel, call, environment
from replacements import REPLACEMENTS, Comparison
from suites import PATCHED, REMEMBERING, Run, Suite, run, suites

INTERPRETER = f"{platform.python_implementation()} {platform.python_version()}"
#: upstream's tests of the vector store load an extension into SQLite; where they can't, they fail on stock too
LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")


@cache
def on_stock(python: Path, suite: Suite, strict: bool) -> Run:
    return run(python, suite, [], strict)


def one(releases: Releases, suite: Suite, python: Path, strict: bool, verified: bool = False) -> Row:
    """A suite on stock and on the patched classes, with what is remembered verified or not."""
    began = time.monotonic()
    expected = ["--fast-langgraph-expect", ",".join(suite.expected)] if releases.supported else []
    stock = on_stock(python, suite, strict)
    options = [*REMEMBERING] * verified + [*PATCHED]
    patched = run(python, suite, options + expected, strict, verified=verified)
    differences, unsteady = settle(
        compare(stock, patched), stock, patched, lambda tests: run(python, suite, [], strict, tests)
    )
    row = Row(
        releases,
        f"{suite.name}, verified" if verified else suite.name,
        strict,
        stock.counts,
        patched.counts,
        differences,
        unsteady,
        complaints(releases, stock, patched),
    )
    mode = "verified" if verified else "strict" if strict else "default"
    say(suite.name, mode, f"{row.verdict:<26} {show(patched.counts)}", began)
    for difference in differences:
        print(f"    {difference}")
    for test in unsteady:
        print(f"    not steady on stock: {test}")
    # The serializer's suite and the savers'; the third takes longest, and would say nothing more.
    if releases is NEWEST and not strict and suite.name != "checkpoint-sqlite":
        can_fail(python, suite, stock, options, verified)
    return row


def replaced(releases: Releases, suite: Suite, python: Path, strict: bool) -> list[Row]:
    """The savers' tests with something of ours in place."""
    comparison = Comparison(releases, suite, python, strict)
    rows = []
    for replacement in REPLACEMENTS:
        if strict and replacement.verified:
            continue
        began = time.monotonic()
        row = comparison.row(replacement)
        alike = f"{row.verdict}, but for {len(replacement.different)}" if row.good else row.verdict
        say(replacement.name, "strict" if strict else "default", f"{alike:<26} {show(row.patched)}", began)
        for difference in row.differences:
            print(f"    {difference}")
        if not strict:
            for test, reason in replacement.different.items():
                print(f"    not alike: {test}: {reason}")
            if not comparison.row(replacement, broken=True).differences:
                sys.exit(f"{replacement.broken} was not noticed")
        rows.append(row)
    return rows


def can_fail(python: Path, suite: Suite, stock: Run, options: list[str], verified: bool) -> None:
    """With something broken, the comparison must show differences: else it proves nothing."""
    began = time.monotonic()
    plugin, what = ("broken_memory", "what is stale") if verified else ("broken_codec", "one byte off")
    broken = run(python, suite, ["-p", plugin, *options], strict=False, verified=verified)
    differences, _ = settle(compare(stock, broken), stock, broken, lambda tests: stock)
    if not differences:
        sys.exit(f"{suite.name}: {plugin} was not noticed")
    say(suite.name, "broken", f"{what} is noticed: {len(differences)} tests differ", began)


def say(suite: str, mode: str, what: str, began: float) -> None:
    print(f"  {suite:<18} {mode:<8} {what}, {time.monotonic() - began:.0f} s", flush=True)


def show(counts: Counter[str]) -> str:
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def results(rows: list[Row]) -> str:
    """RESULTS.md."""
    lines = [
        "# Upstream's own test suites on the patched classes",
        "",
        f"Made by `make test-upstream-all` on {datetime.now(timezone.utc):%Y-%m-%d}, {INTERPRETER}, {platform.system()}.",
        "Each suite ran on stock and on the patched classes in one environment. A test is the same where its outcome",
        "is and, where it failed or was skipped, what it says. Each patched run used every site that it is meant to.",
        f"The interpreter's sqlite3 {'loads' if LOADS_EXTENSIONS else 'does not load'} extensions, which some tests need.",
        "",
        "| checkpoint-sqlite | checkpoint | suite | LANGGRAPH_STRICT_MSGPACK | stock | patched | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.releases.sqlite} | {row.releases.checkpoint} | {row.suite} | {'true' if row.strict else 'unset'} "
        f"| {show(row.stock)} | {show(row.patched)} | {row.verdict} |"
        for row in rows
    ]
    unsteady = sorted({test for row in rows for test in row.unsteady})
    if unsteady:
        lines += ["", "Tests that did not end alike in these runs, and that end in either way on stock:", ""]
        lines += [f"- {test}" for test in unsteady]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="each supported release, and one that is not supported")
    arguments = parser.parse_args()
    began = time.monotonic()
    if not LOADS_EXTENSIONS:
        print(f"the sqlite3 of {sys.executable} does not load extensions: 38 tests that need it fail, on stock as well")
        print("another interpreter, such as Debian's, is named by PYTHON: make test-upstream PYTHON=/usr/bin/python3")
    CACHE.mkdir(exist_ok=True)
    wheel = build_wheel()
    rows: list[Row] = []
    for releases in ALL if arguments.all else [NEWEST]:
        print(f"langgraph-checkpoint-sqlite {releases.sqlite}, langgraph-checkpoint {releases.checkpoint}", flush=True)
        python = environment(releases, wheel)
        if not releases.supported:
            print(f"  {call(python, '-I', HERE / 'left_alone.py').strip()}")
        found = suites(releases)
        rows += [one(releases, suite, python, strict) for strict in (False, True) for suite in found]
        if releases is NEWEST:
            # Of the first suite the savers' tests are verified, beside those of our own savers; in the last one's hardly
            # anything is remembered.
            rows += [one(releases, suite, python, strict=False, verified=True) for suite in found[1:3]]
            for strict in (False, True):
                rows += replaced(releases, found[0], python, strict)
    if arguments.all:
        (HERE / "RESULTS.md").write_text(results(rows))
    good = sum(row.good for row in rows)
    print(f"{good} of {len(rows)} rows same as stock, {INTERPRETER}, {time.monotonic() - began:.0f} s")
    return 0 if good == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
