"""What reads and builds strs and instances directly: on where the interpreter allows it, and not needed for anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from differ import runs_native, same_dumps_of, same_loads
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel
from sample_messages import all_messages
from sample_values import all_samples

from fast_langgraph import _native, _plain

SAMPLES = {**all_samples(), **all_messages()}


@pytest.fixture
def without_short_ways(patched: None) -> Iterator[None]:
    """The codec as on an interpreter whose objects are not laid out as they are known to be."""
    _native.configure(jsonplus, _plain.describe, BaseModel, short_ways=False)
    yield
    _native.configure(jsonplus, _plain.describe, BaseModel)
    assert _native.short_ways_off() is None


def handed_over() -> int:
    """How many values of a state with one message stock's code encodes."""
    before = _native.ENCODED.handed_over
    JsonPlusSerializer().dumps_typed([HumanMessage("x")])
    return _native.ENCODED.handed_over - before


def test_this_interpreter_s_objects_are_as_the_short_ways_take_them_to_be():
    assert _native.short_ways_off() is None
    assert handed_over() == 0


def test_without_the_short_ways_stock_reads_and_builds_messages(without_short_ways):
    assert _native.short_ways_off() == "they were switched off"
    assert handed_over() == 1


@pytest.mark.parametrize("name", SAMPLES)
def test_without_the_short_ways_bytes_and_objects_are_stock_s(name, without_short_ways):
    encoded = same_dumps_of(SAMPLES[name])
    if encoded.error is None and encoded.value[0] == "msgpack":
        same_loads(encoded.value)


@pytest.mark.parametrize(
    "text", ["", "a", "ASCII " * 2_000, "é" * 300, "a Ж", "漢字" * 300, "😀", "\ud800", "x" * 200_000]
)
def test_without_the_short_ways_text_and_keys_are_encoded_and_decoded_in_rust(text, without_short_ways):
    with runs_native("JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed"):
        encoded = same_dumps_of(lambda: {"text": text, "within": [{"key": text}, (text,)]})
        same_loads(encoded.value)
