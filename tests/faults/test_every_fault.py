"""Whatever call of the system fails, and wherever a process is killed: nothing that was acknowledged is lost.

SQLite is tested in this way, and what is here is built on it: an operation is repeated, and each time another one of its
calls fails. `make test` strikes some of them, `make soak-faults` every one.
"""

from __future__ import annotations

from typing import Any

import pytest

from apps.soak import SOAK

from .driver import Harness
from .operations import OPERATIONS
from .tally import Tally

pytestmark = [pytest.mark.unpatched, pytest.mark.soak]

#: for each effect, in the short form
RUNS = 2

EACH = [(name, layout) for name, operation in OPERATIONS.items() for layout in operation.layouts]


@pytest.mark.parametrize(("operation", "layout"), EACH)
def test_a_fault_at_any_call_loses_nothing_and_is_an_error_that_apps_expect(
    harness: Harness, record_property: Any, operation: str, layout: str
) -> None:
    totals = harness.totals(operation, layout)
    tally = Tally(operation, layout)
    for effect, total in totals.items():
        before = tally.injected
        tally.add(
            harness.sweep(operation, layout, effect)
            if SOAK
            else harness.strided(operation, layout, effect, total, RUNS)
        )
        assert tally.injected > before or not total, effect
    record_property("tally", tally.row())
    assert not tally.wrong, "\n".join(tally.wrong)
