"""loads_typed of classes that change between two calls."""

from __future__ import annotations

import sys
import textwrap
import types

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import same_loads, stock_dumps_typed
from beside_stock.encoded import CONVERSATION, ENCODED
from samples import hostile


@pytest.fixture
def module():
    """An importable module of this test's own."""
    made = types.ModuleType("a_module_that_changes")
    sys.modules[made.__name__] = made
    yield made
    sys.modules.pop(made.__name__, None)


def define(module, source):
    exec(textwrap.dedent(source), module.__dict__)


DEFINITIONS = {
    "a dataclass": ("import dataclasses\n@dataclasses.dataclass\nclass Thing:\n a: int = 1\n x: int = {n}", "Thing()"),
    "a model": ("import pydantic\nclass Thing(pydantic.BaseModel):\n a: int = 1\n x: int = {n}", "Thing()"),
    "an enum": ("import enum\nclass Thing(enum.Enum):\n A = 'a'\n B = {n}", "Thing.A"),
    "a named tuple": ("from typing import NamedTuple\nclass Thing(NamedTuple):\n a: int = 1\n x: int = {n}", "Thing()"),
    "a message": (
        "from langchain_core.messages import HumanMessage\nclass Thing(HumanMessage):\n x: int = {n}",
        "Thing('x')",
    ),
}


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_class_defined_anew_comes_back_as_the_new_one(kind, module):
    source, value = DEFINITIONS[kind]
    serde = JsonPlusSerializer()
    for n in range(3):
        define(module, source.format(n=n))
        typed = stock_dumps_typed(serde, [eval(value, module.__dict__)] * 2)
        loaded = same_loads(typed, serde).value
        assert type(loaded[0]) is module.Thing
        same_loads(typed, serde)


def test_a_class_that_is_gone_comes_back_as_stock_s_payload(module):
    define(module, DEFINITIONS["a model"][0].format(n=1))
    serde = JsonPlusSerializer()
    typed = stock_dumps_typed(serde, [module.Thing()])
    same_loads(typed, serde)
    del module.Thing
    assert same_loads(typed, serde).value == [{"a": 1, "x": 1}]
    del sys.modules[module.__name__]
    assert same_loads(typed, serde).value == [{"a": 1, "x": 1}]
    sys.modules[module.__name__] = None
    assert same_loads(typed, serde).value == [{"a": 1, "x": 1}]


def test_a_message_class_replaced_in_its_module_is_used(monkeypatch):
    from langchain_core.messages import ai

    class Other(AIMessage):
        pass

    same_loads(("msgpack", CONVERSATION))
    monkeypatch.setattr(ai, "AIMessage", Other)
    loaded = same_loads(("msgpack", CONVERSATION)).value
    assert any(type(message) is Other for message in loaded["messages"])


def test_a_constructor_put_over_a_message_s_is_called(monkeypatch):
    real = AIMessage.__init__

    def init(self, *args, **kwargs):
        real(self, *args, **kwargs)
        self.__dict__["content"] = "patched"

    monkeypatch.setattr(AIMessage, "__init__", init)
    loaded = same_loads(("msgpack", CONVERSATION)).value
    assert "patched" in [message.content for message in loaded["messages"]]


def test_a_module_s_own_getattr_is_asked(module):
    define(
        module,
        "def __getattr__(name):\n    if name == 'Late': return lambda *a, **k: ('late', a, k)\n    raise AttributeError(name)",
    )
    for code, payload in ((0, [1]), (1, [1]), (2, {"a": 1}), (5, {"a": 1})):
        data = hostile.ext(code, hostile.pack((module.__name__, "Late", payload, "x")))
        assert same_loads(("msgpack", data)).value[0] == "late"


def test_numpy_that_is_not_there_gives_what_stock_gives(monkeypatch):
    typed = ENCODED["arrays: array C"]
    monkeypatch.setitem(sys.modules, "numpy", None)
    serde = JsonPlusSerializer()
    monkeypatch.undo()
    assert serde.loads_typed(typed) is not None
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert serde.loads_typed(typed) is None
