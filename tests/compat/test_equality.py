"""The comparison itself: two things that a user could tell apart are not equal."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import OrderedDict, deque
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from beside_stock.equality import difference, shared_mutables
from beside_stock.outcomes import assert_same, error_difference, observe
from installed_releases import HAS_EVENTS, emit_serde_event
from samples import classes as s
from samples.messages import all_messages
from samples.noted_calls import called
from samples.values import all_samples


def with_private(value):
    model = s.WithPrivate(a=1)
    model._secret = value
    return model


def with_fields_set(*names):
    model = s.Model(a=1)
    model.__pydantic_fields_set__.clear()
    model.__pydantic_fields_set__.update(names)
    return model


def with_extra(extra):
    message = HumanMessage("x")
    object.__setattr__(message, "__pydantic_extra__", extra)
    return message


def with_dict(**attributes):
    message = HumanMessage("x")
    message.__dict__.update(attributes)
    return message


def reordered(instance):
    items = list(instance.__dict__.items())
    instance.__dict__.clear()
    instance.__dict__.update(reversed(items))
    return instance


def read_only(array):
    array.flags.writeable = False
    return array


one, other = [1], [1]
DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (float("nan"), -float("nan")),
    (1, s.Int(1)),
    ("a", s.Str("a")),
    (b"a", bytearray(b"a")),
    ([1], (1,)),
    ([1], s.List([1])),
    ({"a": 1}, OrderedDict(a=1)),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1: "a"}, {True: "a"}),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2.0}]}),
    ({1, 2}, frozenset([1, 2])),
    ({1, 2}, {1, 3}),
    ({(1, "a")}, {(1.0, "a")}),
    (deque([1], maxlen=2), deque([1])),
    (s.Word.YES, "yes"),
    (s.Color.RED, s.Mixed.TWO),
    (Decimal("1.0"), Decimal("1.00")),
    (Decimal("NaN"), Decimal("-NaN")),
    (datetime(2020, 1, 1), datetime(2020, 1, 1, fold=1)),
    (datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=timezone.utc)),
    (datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))),
    (datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2020, 1, 1, tzinfo=timezone(timedelta(0), "GMT"))),
    (datetime(2020, 1, 1), s.Moment(2020, 1, 1)),
    (s.Plain(1), s.Child(1)),
    (s.Plain(1), s.Plain(True)),
    (s.Slotted(1, 2), s.Slotted(1, 3)),
    (s.FrozenSlotted(1), s.FrozenSlotted(1.0)),
    (s.Point(1, 2), (1, 2)),
    (s.Model(a=1), s.Model(a=1, b="b")),
    (with_fields_set("a"), with_fields_set("a", "b")),
    (s.Open(a=1), s.Open(a=1, b=2)),
    (with_private(1), with_private(2)),
    (s.OldModel(a=1), s.OldModel(a=1, b="b")),
    (with_extra({}), with_extra(None)),
    (with_extra({"a": 1, "b": 2}), with_extra({"b": 2, "a": 1})),
    (with_dict(stranger=1), with_dict()),
    (with_dict(), reordered(with_dict())),
    (HumanMessage("x"), AIMessage("x")),
    (HumanMessage("x", id="1"), HumanMessage("x", id="2")),
    (np.arange(3), np.arange(3, dtype=np.int32)),
    (np.zeros((2, 3)), np.asfortranarray(np.zeros((2, 3)))),
    (np.zeros(3), read_only(np.zeros(3))),
    (np.zeros(3), np.zeros((3, 1))),
    (np.array([1.0]), np.array([np.nan])),
    (np.array([1, "a"], dtype=object), np.array([1.0, "a"], dtype=object)),
    (np.int64(1), np.int32(1)),
    (ValueError("a"), ValueError("b")),
    (ValueError("a"), TypeError("a")),
    (ValueError(1), ValueError("1")),
    (s.pydantic.SecretStr("a"), s.pydantic.SecretStr("b")),
    ([one, one], [one, other]),
    ([{"a": one}, one], [{"a": [1]}, [1]]),
    (memoryview(b"a"), memoryview(bytearray(b"a"))),
    (s.PurePosixPath("/a"), s.PurePosixPath("/b")),
    (lambda: 1, lambda: 2),
]


@pytest.mark.parametrize("number", range(len(DIFFERENT)))
def test_what_can_be_told_apart_differs(number):
    first, second = DIFFERENT[number]
    assert difference(first, second) is not None
    assert difference(second, first) is not None
    assert difference([{"in": first}], [{"in": second}]) is not None
    assert difference(first, first) is None


@pytest.mark.parametrize("samples", [all_samples, all_messages])
def test_a_sample_is_equal_to_another_one_made_alike(samples):
    unlike = (
        "object",
        "a proxy",
        "lock",
        "generator",
        "weakref",
        "dict views",
        "opaque",
        "Opaque",
        "DumpsTo",
        "exclude_if",
    )
    for name, make in samples().items():
        if any(word in name for word in ("proxy", "released", "RaisesOnQuestion")):
            continue  # never the result of a decoding, and nothing can be asked of it
        first, second = make(), make()
        try:
            found = difference(first, second)
        except TypeError as error:
            assert "no rule" in str(error), name
            continue
        except RuntimeError as error:
            assert "asked for" in str(error), name  # a sample that answers no question at all
            continue
        assert found is None or any(word in found or word in name for word in unlike), f"{name}: {found}"


def test_what_two_results_share_is_found():
    inner = {"a": []}
    assert shared_mutables([inner], [inner])
    assert shared_mutables([inner], [copy.deepcopy(inner)]) == []
    message = HumanMessage("x")
    twin = message.model_copy()
    assert message.additional_kwargs is twin.additional_kwargs
    assert shared_mutables(message, twin)


def raised(error, cause=None, context=None):
    error.__cause__, error.__context__ = cause, context
    return error


ERRORS = [
    (None, ValueError("a")),
    (ValueError("a"), ValueError("b")),
    (ValueError("a"), s.OwnError(1)),
    (KeyError("1"), KeyError(1)),
    (raised(ValueError("a"), cause=TypeError()), ValueError("a")),
    (raised(ValueError("a"), context=TypeError()), ValueError("a")),
    (raised(ValueError("a"), context=TypeError("b")), raised(ValueError("a"), context=TypeError("c"))),
    (s.OwnError(1), s.OwnError(2)),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_that_can_be_told_apart_differ(number):
    first, second = ERRORS[number]
    assert error_difference(first, second) is not None
    assert error_difference(second, first) is not None
    assert error_difference(first, first) is None


NOISES = {
    "warning": lambda: warnings.warn("x", UserWarning, stacklevel=1),
    "log": lambda: logging.getLogger("langgraph.checkpoint.serde.jsonplus").warning("x"),
    "call": lambda: called("x"),
}


if HAS_EVENTS:
    NOISES["event"] = lambda: emit_serde_event({"kind": "x", "module": "m", "name": "n"})


@pytest.mark.parametrize("name", NOISES)
def test_what_is_said_on_the_way_is_compared(name):
    quiet, loud = observe(lambda: None), observe(NOISES[name])
    assert_same(quiet, observe(lambda: None))
    assert_same(loud, observe(NOISES[name]))
    with pytest.raises(AssertionError, match="against"):
        assert_same(quiet, loud)
