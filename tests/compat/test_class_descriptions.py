"""Describing a message class for the first time reads it and changes nothing of it."""

from __future__ import annotations

import pytest

from beside_stock.new_process import in_new_process

pytestmark = pytest.mark.unpatched

UNCHANGED = """
import importlib
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
import fast_langgraph
from fast_langgraph._stock_code.message_classes import MESSAGE_CLASSES

made = [
    getattr(importlib.import_module(module), name)(**least) for (module, name), least in MESSAGE_CLASSES.items()
]
classes = {{cls for message in made for cls in type(message).__mro__ if cls is not object}}


def parts(cls):
    # The objects themselves are kept: an id might be another object's by the time of the comparison.
    found = {{}}
    for name, value in vars(cls).items():
        found[name] = value
        if isinstance(value, dict):
            found.update({{(name, key): inner for key, inner in value.items()}})
    for name, field in vars(cls).get("__pydantic_fields__", {{}}).items():
        found.update({{(name, slot): getattr(field, slot, None) for slot in type(field).__slots__}})
    return found


texts = [repr(message) for message in made]
before = {{cls: parts(cls) for cls in classes}}
{described}
after = {{cls: parts(cls) for cls in classes}}
assert BaseMessage in classes and len(classes) > 14
for cls in classes:
    assert list(before[cls]) == list(after[cls]), cls
    changed = [name for name, part in after[cls].items() if part is not before[cls][name]]
    assert changed == [], (cls, changed)
assert texts == [repr(message) for message in made]
print("unchanged")
"""

BY_THE_CODEC = """
fast_langgraph.patch()
serde = JsonPlusSerializer()
assert serde.loads_typed(serde.dumps_typed(made)) == made
status = fast_langgraph.status()
assert status.indirect == {}, status
"""
BY_A_CHECKPOINTER = """
from langgraph.checkpoint.base import empty_checkpoint
config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
with fast_langgraph.RustSQLiteCheckpointer(":memory:", layout="compact") as saver:
    saver.put(config, {**empty_checkpoint(), "channel_values": {"messages": made}}, {}, {})
    assert saver.get_tuple(config).checkpoint["channel_values"] == {"messages": made}
"""


@pytest.mark.parametrize("described", [BY_THE_CODEC, BY_A_CHECKPOINTER], ids=["by the codec", "by a checkpointer"])
def test_the_first_description_of_a_class_leaves_its_dictionary_and_its_fields_alone(described):
    done = in_new_process(UNCHANGED.format(described=described), common=False)
    assert done.stdout == "unchanged\n", done
