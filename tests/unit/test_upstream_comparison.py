"""What counts as the same, where upstream's suites run on stock and on the patched classes."""

from __future__ import annotations

from pathlib import Path

import pytest

PASSED = ("call", "passed", "")
FAILED = ("call", "failed", "assert 0 == 1")
RETRIED = ("call", "retried", "assert 0 == 1")


@pytest.fixture
def compared(monkeypatch):
    """Compares two runs of one test; stock ends as the further runs say where it is run again."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "upstream")
    from comparison import ROUNDS, compare, settle
    from suites import Run

    def run(*records):
        return Run({"t": list(records)} if records else {}, False, 0, "")

    def compared(stock, patched, further=()):
        stock, patched = run(*stock), run(*patched)
        runs = iter([*further, *[(PASSED,)] * ROUNDS])
        return settle(compare(stock, patched), stock, patched, lambda tests: run(*next(runs)))

    return compared


@pytest.mark.unpatched
def test_a_test_that_ends_alike_is_the_same(compared):
    assert compared([FAILED], [FAILED]) == ([], [])
    assert compared([RETRIED, PASSED], [PASSED]) == ([], [])


@pytest.mark.unpatched
@pytest.mark.parametrize(
    ("stock", "patched"),
    [
        ([PASSED], [FAILED]),
        ([PASSED], []),
        ([FAILED], [("call", "failed", "assert 1 == 1")]),
        ([PASSED], [PASSED, ("teardown", "failed", "")]),
    ],
    ids=["fails", "not-run", "fails-otherwise", "fails-afterwards"],
)
def test_an_ending_that_stock_never_shows_is_a_difference(compared, stock, patched):
    differences, unsteady = compared(stock, patched)
    assert [line.split("\n")[0] for line in differences] == ["t"]
    assert unsteady == []


@pytest.mark.unpatched
def test_an_ending_that_stock_shows_in_a_retried_attempt_is_stock_s_own(compared):
    assert compared([RETRIED, PASSED], [RETRIED, RETRIED, FAILED]) == ([], ["t: failed or passed"])


@pytest.mark.unpatched
def test_an_ending_that_stock_shows_in_a_further_run_is_stock_s_own(compared):
    assert compared([PASSED], [FAILED], [(PASSED,), (RETRIED, PASSED)]) == ([], ["t: failed or passed"])
    assert compared([FAILED], [PASSED], [(FAILED,), (PASSED,)]) == ([], ["t: failed or passed"])
