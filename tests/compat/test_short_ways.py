"""What reads and builds strs and instances directly: on where the interpreter allows it, and not needed for anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

import fast_langgraph
from beside_stock.codec import same_dumps_of, same_loads
from beside_stock.other_releases import run
from beside_stock.sites import runs_native
from fast_langgraph import FallbackError, _native
from fast_langgraph._stock_code import message_classes
from samples.messages import all_messages
from samples.values import all_samples

SAMPLES = {**all_samples(), **all_messages()}


@pytest.fixture
def without_short_ways(patched: None) -> Iterator[None]:
    """The codec as on an interpreter whose objects are not laid out as they are known to be."""
    _native.configure(jsonplus, message_classes.describe, BaseModel, short_ways=False)
    yield
    _native.configure(jsonplus, message_classes.describe, BaseModel)
    assert _native.short_ways_off() is None


def handed_over() -> int:
    """How many values of a state with one message stock's code encodes."""
    before = _native.ENCODED.handed_over
    JsonPlusSerializer().dumps_typed([HumanMessage("x")])
    return _native.ENCODED.handed_over - before


def test_this_interpreter_s_objects_are_as_the_short_ways_take_them_to_be():
    assert _native.short_ways_off() is None
    assert handed_over() == 0


SETS = """
import gc
import fast_langgraph
from fast_langgraph._stock_code import message_classes
from importlib import import_module
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

fast_langgraph.patch()
serde = JsonPlusSerializer()
for (module, name), least in message_classes.MESSAGE_CLASSES.items():
    made = getattr(import_module(module), name)(**least)
    encoded = serde.dumps_typed(made)
    with fast_langgraph.disabled():
        expected = serde.loads_typed(encoded).model_fields_set
    first, second = (serde.loads_typed(encoded).model_fields_set for _ in range(2))
    assert type(first) is set and first is not second
    assert list(first) == list(expected), name
    assert first.__sizeof__() == expected.__sizeof__(), name
    for number in range(100):
        first.add(f"another {number}")
    first.discard("id")
    second.clear()
    assert list(serde.loads_typed(encoded).model_fields_set) == list(expected), name
    assert gc.is_tracked(first) == gc.is_tracked(expected)
del first, second, expected
gc.collect()
assert not fast_langgraph.status().sites["JsonPlusSerializer.loads_typed"].values_by_stock
"""


def test_each_instance_has_a_set_of_fields_of_its_own_as_pydantic_makes_it(tmp_path):
    """With the allocator that notices what is freed as something else, or written past its end."""
    done = run(tmp_path, "-X", "dev", "-c", SETS, PYTHONMALLOC="debug")
    assert done.returncode == 0, done.stderr


def test_without_the_short_ways_every_message_class_is_named_with_the_reason(without_short_ways):
    indirect = fast_langgraph.status().indirect
    assert len(indirect) >= 13
    assert set(indirect.values()) == {"they were switched off"}
    with pytest.raises(FallbackError, match="they were switched off"):
        fast_langgraph.patch(strict=True)


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
