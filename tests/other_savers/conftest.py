"""Databases of the server that a file of tests starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from beside_stock.other_savers import Pair

_numbers = itertools.count()


@pytest.fixture
def pair(server: Any) -> Iterator[Pair]:
    names = [f"{side}_{next(_numbers)}" for side in ("stock", "ours")]
    yield server.create(names[0]), server.create(names[1])
    for name in names:
        server.drop(name)
