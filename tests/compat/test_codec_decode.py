"""loads_typed: stock's object or stock's exception, whatever the bytes."""

from __future__ import annotations

import pytest
from differ import same_loads, stock_dumps_typed
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from sample_values import all_samples

SAMPLES = all_samples()


def encoded(make):
    """Stock's bytes, or None where stock refuses."""
    try:
        return stock_dumps_typed(JsonPlusSerializer(), make())
    except BaseException:
        return None


ENCODED = {name: typed for name, make in SAMPLES.items() if (typed := encoded(make)) is not None}


@pytest.mark.parametrize("name", ENCODED)
def test_stock_s_bytes_come_back_as_stock_s_object(name):
    same_loads(ENCODED[name])


def test_most_samples_can_be_encoded_by_stock():
    assert len(ENCODED) > 0.6 * len(SAMPLES)
