"""Stock's run of a suite beside the patched one, test by test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from environments import Releases
from suites import Run

#: how often stock runs a test again that did not end alike, until it ends as the patched one did
ROUNDS = 10


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    releases: Releases
    suite: str
    strict: bool
    stock: Counter[str]
    patched: Counter[str]
    #: tests that the patched classes end as stock was never seen to
    differences: list[str]
    #: tests that end in more than one way on stock, and how
    unsteady: list[str]
    #: why likeness would prove nothing
    complaints: list[str]

    @property
    def good(self) -> bool:
        return not self.differences and not self.complaints

    @property
    def verdict(self) -> str:
        if self.good:
            return "same as stock" if self.releases.supported else "same as stock, left alone"
        return "; ".join([f"{len(self.differences)} tests differ"] * bool(self.differences) + self.complaints)


def compare(stock: Run, patched: Run) -> list[str]:
    """The tests that did not end alike, in outcome or in what it says."""
    return [test for test in sorted(stock.records | patched.records) if stock.ending(test) != patched.ending(test)]


def settle(
    different: list[str], stock: Run, patched: Run, again: Callable[[list[str]], Run]
) -> tuple[list[str], list[str]]:
    """Tests that differ, and those that don't: stock itself ends in the patched one's way now and then.

    Upstream's tests of the store's time to live depend on where in a second they begin, and are retried
    for it. Nothing is known of them here: stock has to be seen to end in that very way, in an attempt that
    was retried or in one of ``ROUNDS`` further runs of ``again``. That patched passes next time is no excuse.
    """
    seen = {test: stock.endings(test) for test in different}
    for _ in range(ROUNDS):
        open_still = [test for test in different if patched.ending(test) not in seen[test]]
        if not open_still:
            break
        run = again(open_still)
        for test in open_still:
            seen[test] |= run.endings(test)
    return (
        [
            f"{test}\n      stock:   {show(stock, test)}\n      patched: {show(patched, test)}"
            for test in different
            if patched.ending(test) not in seen[test]
        ],
        [
            f"{test}: {' or '.join(sorted({outcome for ending in seen[test] for _, outcome, _ in ending}))}"
            for test in different
            if patched.ending(test) in seen[test]
        ],
    )


def show(run: Run, test: str) -> str:
    return "; ".join(" ".join(filter(None, record)) for record in run.ending(test)) or "not run"


def complaints(releases: Releases, stock: Run, patched: Run) -> list[str]:
    """Why a comparison without differences would prove nothing."""
    found = [f"stock: {error}" for error in stock.errors]
    if releases.supported:
        found += patched.errors
    elif not any("fast_langgraph knows releases" in error for error in patched.errors):
        found.append("releases that are not supported were not refused")
    if stock.accelerated:
        found.append("stock ran with fast_langgraph loaded")
    if not stock.counts["passed"]:
        found.append("nothing passed on stock")
    if "= fast_langgraph =" not in patched.output:
        found.append("the plugin did not report")
    return found
