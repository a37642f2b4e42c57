"""The harness notices what is wrong: operations that have a defect."""

from __future__ import annotations

import pytest

from .driver import Harness
from .operations import OPERATIONS, SEED
from .shim import COUNT, EIO, KILL_BEFORE, NO_MEMORY, NO_MEMORY_ON

pytestmark = pytest.mark.unpatched


def test_what_was_acknowledged_before_it_was_on_disk_is_found_lost(harness):
    run = harness.run("planted: acknowledges first", "standard", KILL_BEFORE, 3)
    assert run.struck
    assert run.lost == ["Entry(kind='put', thread='worked', n=6)"]


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_a_checkpoint_that_is_gone_is_found_lost(harness, layout):
    assert harness.run("planted: removes another", layout, COUNT, 0).lost


def test_a_thread_of_which_a_part_is_gone_is_found(harness):
    assert len(harness.run("planted: removes a part", "standard", COUNT, 0).other) == SEED["gone"]


def test_a_byte_that_has_changed_is_found(harness):
    run = harness.run("planted: changes a byte", "standard", COUNT, 0)
    assert {"checkpoint 1 of kept", "pending writes of checkpoint 1 of kept, there are a, b, c"} <= set(run.torn)


def test_a_damaged_file_fails_its_integrity_check(harness):
    assert harness.run("planted: damages the file", "standard", COUNT, 0).damaged


def test_an_exception_that_apps_do_not_expect_is_found(harness):
    run = harness.run("planted: raises another class", "standard", EIO, 3)
    assert len(run.other) == 1
    assert "RuntimeError" in run.other[0]
    assert harness.run("planted: raises another class", "standard", COUNT, 0).is_good


@pytest.mark.parametrize(("operation", "signal"), [("aborts", -6), ("hangs", -14)])
def test_a_process_that_aborts_or_hangs_is_found(harness, operation, signal):
    run = harness.run(f"planted: {operation}", "standard", EIO, 3, patience=2)
    assert run.other == [f"the process ended with {signal}"]


def test_an_object_that_can_not_be_used_afterwards_is_found(harness):
    run = harness.run("planted: leaves it closed", "standard", EIO, 3)
    assert run.other[0].startswith("not used afterwards: ['sqlite3.ProgrammingError'")


def test_files_and_memory_of_each_kind_are_reached(harness: Harness):
    """If SQLite or Rust called the system in another way, faults would strike nothing, and everything would pass."""
    called = {
        line.split()[0]
        for name in ("backup", "first opening")
        for line in harness.run(name, "standard", COUNT, 0).struck
    }
    assert called == {"pwrite", "fdatasync", "fsync", "ftruncate", "mmap", "open", "unlink", "link"}
    run = harness.run("put", "standard", NO_MEMORY, 0)
    assert run.outcome["counted"] > 0 or not run.outcome["can_refuse_memory"]


def test_a_fault_strikes_the_call_whose_number_was_said(harness):
    for name in ("put", "first opening"):
        assert name in OPERATIONS
        calls = harness.run(name, "standard", COUNT, 0).struck
        for at in (1, len(calls)):
            [struck] = harness.run(name, "standard", EIO, at).struck
            assert struck.split()[0] == calls[at - 1].split()[0]
            assert struck.rpartition("/")[2] == calls[at - 1].rpartition("/")[2]


def test_a_fault_becomes_an_error_in_whose_place_nothing_was_acknowledged(harness):
    failed_sync = len(harness.run("put_writes", "standard", COUNT, 0).struck)
    for layout in ("standard", "patched"):
        run = harness.run("put_writes", layout, EIO, failed_sync)
        assert run.struck[0].startswith("fdatasync ")
        assert run.is_good
        assert run.outcome["raised"][0] == "sqlite3.OperationalError"
        run = harness.run("put_writes", layout, NO_MEMORY_ON, 1)
        assert run.is_good
        assert run.outcome["raised"][0] == "builtins.MemoryError"
