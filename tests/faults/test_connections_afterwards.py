"""A fault that strikes the end of a transaction, or a connection as it is opened, is over once it is over."""

from __future__ import annotations

import pytest

from .driver import Harness
from .shim import COUNT, EIO, NO_MEMORY, NO_MEMORY_ON

pytestmark = pytest.mark.unpatched


def last_allocations(harness: Harness, operation: str, layout: str, least: int) -> range:
    total = harness.totals(operation, layout).get(NO_MEMORY)
    if total is None:
        pytest.skip("SQLite is no library of its own here, so its allocations can't be told from others")
    return range(total - least, total, 3)


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_if_memory_ends_while_many_commit_together_none_is_written_by_half(harness: Harness, layout: str) -> None:
    """A change that fails is undone, or else the whole transaction is."""
    for at in last_allocations(harness, "group commit", layout, 60):
        run = harness.run("group commit", layout, NO_MEMORY_ON, at)
        assert run.is_good, str(run)


@pytest.mark.parametrize("effect", [NO_MEMORY, NO_MEMORY_ON])
def test_if_memory_ends_while_the_log_is_moved_it_can_be_moved_later(harness: Harness, effect: str) -> None:
    for at in last_allocations(harness, "vacuum", "standard", 70):
        run = harness.run("vacuum", "standard", effect, at)
        assert run.is_good, str(run)


def test_if_a_connection_that_moves_the_log_could_not_be_opened_it_is_opened_anew(harness: Harness) -> None:
    """SQLite opens a file for reading alone if that is all it can do, and then keeps it so."""
    calls = harness.run("vacuum", "standard", COUNT, 0).struck
    opened = [at for at, call in enumerate(calls, 1) if call.startswith("open ")]
    assert len(opened) > 2
    for at in opened:
        run = harness.run("vacuum", "standard", EIO, at)
        assert run.is_good, str(run)
