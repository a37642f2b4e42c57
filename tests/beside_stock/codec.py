"""Encodes and decodes with stock's code and with ours and tells the first difference.

Stock's functions are taken from the classes before anything is patched, so that a mistake in
``disabled()`` can't make ours be compared with itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.outcomes import Outcome, assert_same, observe


def _stock(owner: type, name: str) -> Callable[..., Any]:
    function = owner.__dict__[name]
    home = sys.modules[owner.__module__].__file__
    assert function.__code__.co_filename == home, f"{owner.__name__}.{name} is patched already"
    return function


stock_dumps_typed = _stock(JsonPlusSerializer, "dumps_typed")
stock_loads_typed = _stock(JsonPlusSerializer, "loads_typed")


def same_dumps(value: Any, serde: JsonPlusSerializer | None = None) -> Outcome:
    """Encodes one object with stock and with ours."""
    return same_dumps_of(lambda: value, serde)


def same_dumps_of(make: Callable[[], Any], serde: JsonPlusSerializer | None = None) -> Outcome:
    """Encodes what ``make()`` gives, new for each side."""
    serde = serde or JsonPlusSerializer()
    mine, yours = make(), make()
    stock = observe(lambda: stock_dumps_typed(serde, mine))
    ours = observe(lambda: serde.dumps_typed(yours))
    assert_same(stock, ours, "dumps_typed")
    if stock.error is None:
        assert (stock.value[1] is mine) == (ours.value[1] is yours), "bytes are handed on, not copied"
    return ours


def crashes_stock(typed: Any) -> bool:
    """ormsgpack before 1.13 allocates whatever length is claimed, and fills what it did not get."""
    if tuple(map(int, ormsgpack.__version__.split(".")[:2])) >= (1, 13):
        return False
    data = typed[1] if isinstance(typed, tuple) and len(typed) == 2 else None
    return isinstance(data, (bytes, bytearray)) and bool(re.search(rb"[\xdd\xdf][\x08-\xff]...", data, re.DOTALL))


def same_loads(typed: Any, serde: JsonPlusSerializer | None = None) -> Outcome:
    """Decodes one (type, data) with stock and with ours."""
    serde = serde or JsonPlusSerializer()
    if crashes_stock(typed):
        # There is nothing to compare with, and what an ext holds is read by stock's own hook.
        return observe(lambda: None)
    stock = observe(lambda: stock_loads_typed(serde, typed))
    ours = observe(lambda: serde.loads_typed(typed))
    assert_same(stock, ours, "loads_typed")
    return ours


def same_round_trip(value: Any, serde: JsonPlusSerializer | None = None) -> Outcome:
    """Encodes on both sides, then decodes stock's bytes on both sides. The decoding's outcome."""
    encoded = same_dumps(value, serde)
    if encoded.error is not None:
        return encoded
    return same_loads(encoded.value, serde)
