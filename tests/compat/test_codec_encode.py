"""dumps_typed: stock's bytes or stock's exception, whatever the value."""

from __future__ import annotations

import pytest
from differ import same_dumps_of
from sample_values import all_samples

SAMPLES = all_samples()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_gives_the_bytes_or_the_exception_of_stock(name):
    same_dumps_of(SAMPLES[name])
