"""loads_typed of payloads with parts exchanged: `make soak-fuzz` takes ten million of them, and here are a few."""

from __future__ import annotations

import pytest

from beside_stock import fuzz
from beside_stock.codec import stock_loads_typed
from samples.mutations import parse


@pytest.fixture(scope="module")
def comparison():
    return fuzz.Comparison()


@pytest.mark.parametrize("number", range(8))
def test_a_payload_with_parts_exchanged_ends_as_with_stock(comparison, number):
    comparison.batch(0, number, 500)


def test_most_mutated_payloads_are_still_values(comparison):
    comparison.endings.clear()
    comparison.batch(1, 0, 500)
    assert comparison.endings["a value"] > 250
    assert comparison.endings["ValueError"] > 25


def test_a_payload_is_read_as_the_tree_that_it_was_written_as():
    read = [found for payload in fuzz.payloads() if (found := parse(payload)) is not None]
    assert len(read) > 0.8 * len(fuzz.payloads())
    assert {found.encoded for found in read} <= set(fuzz.payloads())


def test_a_difference_is_found_and_named_by_its_smallest_payload(comparison, monkeypatch):
    def spoilt(serde, typed):
        value = stock_loads_typed(serde, typed)
        return "spoilt" if "[7]" in repr(value) or ", 7]" in repr(value) else value

    monkeypatch.setattr(fuzz, "stock_loads_typed", spoilt)
    with fuzz.Watch() as watch:
        assert comparison.difference(watch, b"\x91\x06", 0) is None
        assert comparison.smallest(watch, b"\x82\xa1a\x01\xa1b\x93\xa3one\x92\x05\x07\xa3two", 0) == b"\x91\x07"
