"""Dataclasses, models, exceptions, and objects that answer in ways of their own."""

from __future__ import annotations

import decimal
import pathlib
import types
from collections import deque
from datetime import datetime, timezone
from typing import Any

import numpy as np
import ormsgpack
import pydantic
import pydantic.v1

from installed_releases import _DeltaSnapshot
from samples import classes as s
from samples.values.basic import UID, Samples


def data_classes() -> Samples:
    """Dataclasses and named tuples, some of which stock takes for something else."""

    @s.dataclasses.dataclass
    class Local:
        a: int = 1

    def unset() -> Any:
        return s.Unset(1)

    def late() -> Any:
        value = s.Unset(1)
        value.late = [2]
        return value

    return {
        "Plain": lambda: s.Plain(1, "b", [3]),
        "Plain nested": lambda: s.Plain(s.Plain(1), [s.Frozen(2)], [s.Point(1)]),
        "Plain with an attribute more": lambda: _with(s.Plain(1), more=2),
        "Frozen": lambda: s.Frozen(1, {"a": s.UUID(int=1)}),
        "Slotted": lambda: s.Slotted(1, 2),
        "FrozenSlotted": lambda: s.FrozenSlotted("a", None),
        "KeywordOnly": lambda: s.KeywordOnly(a=1),
        "NotInInit": lambda: s.NotInInit(1),
        "WithInitVar": lambda: s.WithInitVar(1, 2),
        "Unset": unset,
        "Unset but set": late,
        "DictField": lambda: s.DictField({"a": 1}),
        "CallableDictField": lambda: s.CallableDictField(2),
        "ModelDumpField": lambda: s.ModelDumpField("text"),
        "ModelDumpField callable": lambda: s.ModelDumpField(lambda: {"model_dump": "called"}),
        "NodeAndArg": lambda: s.NodeAndArg("n", [1]),
        "NodeArgTimeout": lambda: s.NodeArgTimeout("n", 1, 2.5),
        "NodeArgTimeout none": lambda: s.NodeArgTimeout("n", 1),
        "NodeAndArgUnhashable": lambda: s.NodeAndArgUnhashable("n", 1),
        "Child": lambda: s.Child(1),
        "GenericData": lambda: s.GenericData[int](1),
        "Property": lambda: s.Property(1),
        "RaisingField": s.RaisingField,
        "PostInit": lambda: s.PostInit(1),
        "PydanticData": lambda: s.PydanticData(a=1),
        "local dataclass": Local,
        "a dataclass itself": lambda: s.Plain,
        "a dataclass with defaults itself": lambda: s.CallableDictField,
        "Point": lambda: s.Point(1, [2]),
        "Point nested": lambda: s.Point(s.Point(1), s.Pair(1, 2)),
        "Pair": lambda: s.Pair("l", None),
        "Renamed": lambda: s.Renamed(1, 2),
        "Point3": lambda: _with(s.Point3(1, 2), z=3),
        "AsDict": lambda: s.AsDict(a=1),
        "a list of 50": lambda: [s.Plain(i, str(i)) for i in range(50)],
    }


def _with(value: Any, **attributes: Any) -> Any:
    vars(value).update(attributes)
    return value


def models() -> Samples:
    """pydantic's models, old and new."""

    def cached() -> Any:
        model = s.Cached(a=3)
        assert model.twice == 6
        return model

    def deleted() -> Any:
        model = s.Model(a=1)
        del model.__dict__["b"]
        return model

    def undeclared() -> Any:
        model = s.Model(a=1)
        model.__dict__["a"] = "no int"
        return model

    def private() -> Any:
        model = s.WithPrivate(a=1)
        model._secret = [1]
        return model

    class Local(pydantic.BaseModel):
        a: int = 1

    samples: Samples = {
        "Model": lambda: s.Model(a=1),
        "Model constructed": lambda: s.Model.model_construct(a="no int", z=3),
        "Model with a field deleted": deleted,
        "Model with an undeclared type": undeclared,
        "Model partly set": lambda: s.Model(a=1, c=[s.Model(a=2)]),
        "Outer": lambda: s.Outer(inner={"value": 1}, many=[{"value": s.Inner(value=2)}]),
        "Outer with all": lambda: s.Outer(inner={}, anything={"d": deque([1]), "u": UID, "p": s.Plain(1)}),
        "Open": lambda: s.Open(a=1, b={"c": [s.Inner(value=1)]}, z=None),
        "Open with an odd value": lambda: s.Open(a=lambda: 1),
        "Closed": lambda: s.Closed(a=1),
        "FrozenModel": lambda: s.FrozenModel(a=(1, 2)),
        "WithPrivate": private,
        "Numbers": lambda: s.Numbers([1, 2]),
        "Mapping": lambda: s.Mapping({"a": 1}),
        "Computed": lambda: s.Computed(a=2),
        "Serialized": lambda: s.Serialized(a=2),
        "FieldSerialized": lambda: s.FieldSerialized(a=2),
        "Aliased": lambda: s.Aliased(A=2),
        "Excluding": lambda: s.Excluding(a=1, b=3),
        "Validated": lambda: s.Validated(a=1),
        "Refusing good": lambda: s.Refusing(a="good"),
        "Refusing bad": lambda: s.Refusing.model_construct(a="bad"),
        "PostInitModel": lambda: s.PostInitModel(a=1),
        "OwnInit": lambda: s.OwnInit(1),
        "OwnDump": lambda: s.OwnDump(),
        "Cached": cached,
        "GenericModel": lambda: s.GenericModel[int](item=1),
        "GenericModel bare": lambda: s.GenericModel(item=1),
        "Unioned": lambda: s.Unioned(kind="two", value="5"),
        "Secretive": s.Secretive,
        "Typed": lambda: s.Typed(
            when=datetime(2020, 1, 2, tzinfo=timezone.utc),
            uid=UID,
            color=s.Color.GREEN,
            tags={"x"},
            path="/a",
            data=b"\xff",
            point=(1, 2),
            plain=s.Plain(1),
        ),
        "local model": Local,
        "a model class itself": lambda: s.Model,
        "an old model class itself": lambda: s.OldModel,
        "SecretStr": lambda: pydantic.SecretStr("hush"),
        "SecretBytes": lambda: pydantic.SecretBytes(b"hush"),
        "SecretStr of v1": lambda: pydantic.v1.SecretStr("hush"),
        "Secret of ours": lambda: s.Secret({"a": 1}),
        "AnyUrl": lambda: pydantic.AnyUrl("http://example.org/a"),
        "OldModel": lambda: s.OldModel(a=1),
        "OldModel constructed": lambda: s.OldModel.construct(a="no int"),
        "OldOpen": lambda: s.OldOpen(a=1, z=[1]),
        "OldRefusing": lambda: s.OldRefusing.construct(a="bad"),
        "OldPrivate": lambda: s.OldPrivate(a=1),
        "OldModel nested": lambda: s.OldOpen(a=s.OldModel(a=1), b=[s.Model(a=1)]),
        "v1 within v2": lambda: s.Inner(value=s.OldModel(a=1)),
        "v2 within v1": lambda: s.OldOpen(a=s.Model(a=1)),
    }
    if "exclude_if" in pydantic.fields.FieldInfo.__slots__:
        samples["exclude_if kept"] = lambda: _excluding_if(1)
        samples["exclude_if left out"] = lambda: _excluding_if(0)
    return samples


def _excluding_if(value: int) -> Any:
    model = pydantic.create_model("Model", a=(int, pydantic.Field(exclude_if=lambda v: v == 0)))
    model.__module__ = s.Model.__module__
    return model(a=value)


def exceptions() -> Samples:
    """Exceptions as values: their repr is kept."""
    return {
        "ValueError": lambda: ValueError("bad", 1),
        "KeyError": lambda: [KeyError("k")],
        "OwnError": lambda: s.OwnError(3),
        "ReprRaises": lambda: s.ReprRaises("x"),
        "KeyboardInterrupt": lambda: KeyboardInterrupt(),
        "with surrogates": lambda: ValueError("a\ud800"),
        "a class": lambda: ValueError,
        "nested": lambda: {"errors": [RuntimeError(ValueError("x"))]},
        "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "why"),
    }


def odd() -> Samples:
    """Objects that answer the encoder's questions in ways of their own."""
    raising: list[BaseException] = [ValueError("hook"), TypeError("hook"), KeyboardInterrupt("hook")]
    raising += [SystemExit(3), StopIteration("hook"), RecursionError("hook"), MemoryError(), s.OwnError(5)]
    raising += [ormsgpack.MsgpackEncodeError("hook"), GeneratorExit(), AttributeError("hook")]
    targets: Samples = {
        "set": lambda: {1, 2},
        "uuid": lambda: UID,
        "decimal": lambda: decimal.Decimal("1.5"),
        "path": lambda: pathlib.PurePosixPath("/a"),
        "enum": lambda: s.Color.RED,
        "datetime": lambda: datetime(2020, 1, 2),
        "dict": lambda: {"a": 1},
        "list": lambda: [1],
        "str": lambda: "text",
        "int": lambda: 5,
        "model": lambda: s.Model(a=1),
        "dataclass": lambda: s.Plain(1),
        "delta snapshot": lambda: _DeltaSnapshot(1),
        "array": lambda: np.arange(3),
        "exception": lambda: ValueError("x"),
        "message": lambda: s.HumanMessage("x"),
    }
    dumps: list[Any] = [None, 1, "text", [1], (1, 2), b"x", {1: 2}, {"a": s.Opaque()}, s.Model(a=1), lambda: None]
    return {
        **{f"proxy of {name}": (lambda make=make: s.ClassProxy(make())) for name, make in targets.items()},
        **{f"list of proxy of {name}": (lambda make=make: [s.ClassProxy(make())]) for name, make in targets.items()},
        **{f"raises {type(e).__name__}": (lambda e=e: [s.DumpsTo(raising=e)]) for e in raising},
        **{f"dumps to {i}": (lambda d=d: s.DumpsTo(d)) for i, d in enumerate(dumps)},
        "AnswersAll": s.AnswersAll,
        "AnswersDict": s.AnswersDict,
        "RaisesOnQuestion": s.RaisesOnQuestion,
        "NotCallable": s.NotCallable,
        "Endless": s.Endless,
        "Opaque": s.Opaque,
        "Slots": s.Slots,
        "object": object,
        "opaque deep": lambda: {"a": [1, {"b": s.Opaque()}]},
        "function": lambda: len,
        "lambda": lambda: lambda: 1,
        "module": lambda: types,
        "class": lambda: s.Opaque,
        "own zone": s.Zone,
        "secret of a secret": lambda: s.Secret(s.Secret(1)),
        "secret of what can't be encoded": lambda: s.Secret(s.Opaque()),
        "module with surrogates": lambda: _of_module("m\ud800")(1),
        "module that is no str": lambda: _of_module(5)(1),
    }


def _of_module(module: Any) -> type:
    return type("X", (s.DumpsTo,), {"__module__": module})
