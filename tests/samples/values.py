"""Values of every kind that stock's encoder knows or refuses, each made anew on every call."""

from __future__ import annotations

import array
import decimal
import fractions
import io
import ipaddress
import pathlib
import re
import threading
import types
import weakref
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import ormsgpack
import pydantic
import pydantic.v1
from langchain_core.documents import Document
from langgraph import types as langgraph_types
from langgraph.store.base import GetOp, Item, SearchItem
from langgraph.types import Command, Interrupt, Send, StateSnapshot

from installed_releases import _DeltaSnapshot
from samples import classes as s

Samples = dict[str, Callable[[], Any]]

UID = UUID("12345678-1234-5678-1234-567812345678")
INTS = [0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, 65535, 65536, -32768, -32769, 2**31, 2**32 - 1]
INTS += [2**32, -(2**31), -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
TOO_BIG = [2**64, -(2**63) - 1, 2**70, -(10**40)]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e-310, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf")]
FLOATS += [float("nan"), -float("nan"), 1e16, 123456789.123456789]
STRINGS = ["", "a", "a" * 31, "a" * 32, "a" * 255, "a" * 256, "a" * 65535, "a" * 65536, "\x00", "a\x00b"]
STRINGS += ["é", "ü" * 16, "漢字", "😀", "😀" * 8, "\U0010ffff", "\x7f", "\x80", "ÿ" * 40, "Ā", "\uffff"]
BROKEN = ["\ud800", "\udfff", "a\ud83dz", "\ud83d\ude00", "\ude00\ud83d", "é\udc80", "漢\ud800字", "\udcff" * 40]
BROKEN += ["\ud83d" + "\U0001f600", "x" * 300 + "\ud800", "\ud800\ud800\udc00\udc00"]


def _numbered(prefix: str, values: list[Any]) -> Samples:
    return {f"{prefix} {ascii(value)[:30]} {i}": (lambda value=value: value) for i, value in enumerate(values)}


def plain() -> Samples:
    """What MessagePack has itself."""
    return {
        "none": lambda: None,
        "true": lambda: True,
        "false": lambda: False,
        **_numbered("int", INTS),
        **_numbered("float", FLOATS),
        **_numbered("str", STRINGS),
        **_numbered("broken str", BROKEN),
        **{f"bytes {n}": (lambda n=n: bytes(n)) for n in (0, 1, 255, 256, 65535, 65536)},
        **{f"bytes in a list {n}": (lambda n=n: [bytes(n)]) for n in (0, 1, 255, 256, 65535, 65536)},
        **{f"list of {n}": (lambda n=n: list(range(n))) for n in (0, 1, 15, 16, 65535, 65536)},
        **{f"tuple of {n}": (lambda n=n: tuple(range(n))) for n in (0, 1, 15, 16, 300)},
        **{f"dict of {n}": (lambda n=n: {str(i): i for i in range(n)}) for n in (0, 1, 15, 16, 65535, 65536)},
        "nested": lambda: {"a": [1, {"b": (2.5, None, [True, {"c": {}}])}], "é": "漢"},
        "one list twice": lambda: (lambda x: [x, x])([1, 2]),
        "bytearray": lambda: bytearray(b"abc"),
        "bytearray in a list": lambda: [bytearray(b"abc")],
        "memoryview": lambda: memoryview(b"abc"),
        "memoryview in a list": lambda: [memoryview(b"abc")],
        "memoryview of a part": lambda: [memoryview(b"abcdef")[1:4]],
        "memoryview with steps": lambda: [memoryview(b"abcdef")[::2]],
        "memoryview of ints": lambda: [memoryview(array.array("i", [1, 2, 3]))],
        "memoryview of two dimensions": lambda: [memoryview(bytes(6)).cast("B", (2, 3))],
        "memoryview released": _released,
        "array": lambda: [array.array("i", [1, 2])],
    }


def _released() -> Any:
    view = memoryview(b"abc")
    view.release()
    return [view]


def too_big() -> Samples:
    """Ints beyond 64 bits, alone and within."""
    return {
        **_numbered("int", TOO_BIG),
        **{f"list with {ascii(n)[:24]}": (lambda n=n: ["a", n]) for n in TOO_BIG},
        **{f"dict with {ascii(n)[:24]}": (lambda n=n: {"a": n}) for n in TOO_BIG},
    }


KEYS: Samples = {
    "bytes": lambda: b"k",
    "int": lambda: 1,
    "negative int": lambda: -5,
    "int of 64 bits": lambda: 2**64 - 1,
    "int too big": lambda: 2**64,
    "true": lambda: True,
    "none": lambda: None,
    "float": lambda: 1.5,
    "nan": lambda: float("nan"),
    "negative zero": lambda: -0.0,
    "infinity": lambda: float("inf"),
    "datetime": lambda: datetime(2020, 1, 2, 3, 4, 5, 6),
    "datetime with zone": lambda: datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    "datetime with zoneinfo": lambda: datetime(2020, 1, 2, 3, 4, 5, tzinfo=ZoneInfo("Europe/Berlin")),
    "datetime with own zone": lambda: datetime(2020, 1, 2, tzinfo=s.Zone()),
    "datetime year 1": lambda: datetime(1, 1, 1),
    "date": lambda: date(2020, 1, 2),
    "time": lambda: time(1, 2, 3, 4),
    "time with zone": lambda: time(1, 2, 3, tzinfo=timezone.utc),
    "timedelta": lambda: timedelta(days=1),
    "uuid": lambda: UID,
    "enum of int": lambda: s.Color.RED,
    "enum of str": lambda: s.Color.GREEN,
    "enum of tuple": lambda: s.Color.BLUE,
    "str enum": lambda: s.Word.YES,
    "int enum": lambda: s.Number.ONE,
    "int enum too big": lambda: s.Number.BIG,
    "float enum": lambda: s.Real.HALF,
    "bytes enum": lambda: s.Data.RAW,
    "flag": lambda: s.Bits.A,
    "int flag": lambda: s.IntBits.A | s.IntBits.B,
    "tuple enum": lambda: s.TupleEnum.PAIR,
    "tuple": lambda: (1, "a"),
    "empty tuple": lambda: (),
    "nested tuple": lambda: (1, (2, ("a", None))),
    "tuple with a list": lambda: (1, frozenset([1])),
    "tuple subclass": lambda: s.Tuple((1, 2)),
    "named tuple": lambda: s.Point(1, 2),
    "str subclass": lambda: s.Str("k"),
    "str of lies": lambda: s.StrOfLies("k"),
    "int subclass": lambda: s.Int(7),
    "int of lies": lambda: s.IntOfLies(7),
    "float subclass": lambda: s.Float(1.5),
    "bytes subclass": lambda: s.Bytes(b"k"),
    "frozenset": lambda: frozenset([1]),
    "Decimal": lambda: decimal.Decimal("1.5"),
    "Path": lambda: pathlib.PurePosixPath("/a"),
    "complex": lambda: 1j,
    "type": lambda: int,
    "object": lambda: _OBJECT,
    "frozen dataclass": lambda: s.Frozen(1),
    "numpy int": lambda: np.int64(3),
    "numpy str": lambda: np.str_("n"),
    "numpy float": lambda: np.float64(0.5),
    "numpy bool": lambda: np.bool_(True),
    "numpy datetime": lambda: np.datetime64("2020-01-02"),
    "memoryview": lambda: memoryview(b"k"),
    "ellipsis": lambda: ...,
    "lone surrogate": lambda: "a\ud800",
    "paired surrogates": lambda: "\ud83d\ude00",
    "empty": lambda: "",
    "long str": lambda: "k" * 70000,
    "ip": lambda: ipaddress.ip_address("1.2.3.4"),
    "delta snapshot": lambda: _DeltaSnapshot(1),
    "ext": lambda: ormsgpack.Ext(9, b"x"),
}
_OBJECT = s.Opaque()


def keys() -> Samples:
    """A dict with a key of each kind: alone, after a str key, in a list, inside a hooked value."""
    samples: Samples = {}
    for name, make in KEYS.items():
        samples[f"key {name}"] = lambda make=make: {make(): "v"}
        samples[f"key {name} after str"] = lambda make=make: [{"a": 1, make(): 2, "z": 3}]
        samples[f"key {name} in a deque"] = lambda make=make: deque([{make(): [make()]}])
    samples["keys that become one"] = lambda: {1: "a", "1": "b", 1.5: "c", "1.5": "d", None: 1, "None": 2}
    samples["keys of many kinds"] = lambda: {1: 1, "a": 2, b"b": 3, (1, 2): 4, None: 5, True: 6, 2.5: 7, UID: 8}
    return samples


def subclasses() -> Samples:
    """Subclasses of the built-in types."""
    return {
        "Int": lambda: s.Int(5),
        "Int too big": lambda: s.Int(2**64),
        "IntOfLies": lambda: s.IntOfLies(7),
        "Str": lambda: s.Str("x"),
        "Str broken": lambda: s.Str("x\ud800"),
        "StrWithSlots": lambda: s.StrWithSlots("x"),
        "StrOfLies": lambda: s.StrOfLies("truth"),
        "Float": lambda: s.Float(1.5),
        "Bytes": lambda: s.Bytes(b"x"),
        "Bytes within": lambda: [s.Bytes(b"x")],
        "ByteArray": lambda: s.ByteArray(b"x"),
        "ByteArray within": lambda: [s.ByteArray(b"x")],
        "List": lambda: s.List([1, 2]),
        "ListOfLies": lambda: s.ListOfLies([1, 2, 3]),
        "Tuple": lambda: s.Tuple((1, 2)),
        "Dict": lambda: s.Dict(a=1),
        "DictOfLies": lambda: s.DictOfLies(a=1, b=2),
        "DictWithDictMethod": lambda: s.DictWithDictMethod(a=1),
        "Set": lambda: s.Set([1]),
        "FrozenSet": lambda: s.FrozenSet([1]),
        "Deque": lambda: s.Deque([1], 3),
        "OrderedDict": lambda: OrderedDict(a=1, b=2),
        "OrderedDict reordered": _reordered,
        "defaultdict": lambda: defaultdict(list, a=[1]),
        "Counter": lambda: Counter("aab"),
        "ChainMap": lambda: ChainMap({"a": 1}),
        "mappingproxy": lambda: types.MappingProxyType({"a": 1}),
        "UserDict": lambda: s.MyDict(a=1),
        "UserList": lambda: s.MyList([1]),
        "bool is an int": lambda: [True, 1, False, 0],
        "range": lambda: range(3),
        "generator": lambda: (i for i in range(3)),
        "dict views": lambda: [{"a": 1}.keys()],
        "DataList": lambda: s.DataList(2),
        "TaggedUUID": lambda: s.TaggedUUID(int=5),
        "Day": lambda: s.Day(2020, 1, 2),
        "Moment": lambda: s.Moment(2020, 1, 2, 3),
        "Hour": lambda: s.Hour(1, 2),
        "Span": lambda: s.Span(1, 2, 3),
    }


def _reordered() -> Any:
    value = OrderedDict(a=1, b=2, c=3)
    value.move_to_end("a")
    return value


def standard_library() -> Samples:
    """The types of the standard library that the encoder names."""
    berlin, fixed = ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=-3, minutes=-30))
    moments = {
        "naive": datetime(2020, 2, 29, 23, 59, 59, 999999),
        "midnight": datetime(2020, 1, 1),
        "milliseconds": datetime(2020, 1, 1, 0, 0, 0, 500000),
        "utc": datetime(2020, 1, 1, tzinfo=timezone.utc),
        "offset": datetime(2020, 1, 1, 12, tzinfo=fixed),
        "offset with seconds": datetime(2020, 1, 1, tzinfo=timezone(timedelta(seconds=3723))),
        "offset with microseconds": datetime(2020, 1, 1, tzinfo=timezone(timedelta(microseconds=7))),
        "named offset": datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        "zoneinfo": datetime(2020, 7, 1, tzinfo=berlin),
        "fold 0": datetime(2020, 10, 25, 2, 30, tzinfo=berlin),
        "fold 1": datetime(2020, 10, 25, 2, 30, tzinfo=berlin, fold=1),
        "naive fold": datetime(2020, 10, 25, 2, 30, fold=1),
        "own zone": datetime(2020, 1, 1, tzinfo=s.Zone()),
        "min": datetime.min,
        "max": datetime.max,
        "max utc": datetime.max.replace(tzinfo=timezone.utc),
    }
    hours = {
        "zero": time(),
        "microseconds": time(1, 2, 3, 4),
        "fold": time(1, fold=1),
        "utc": time(1, tzinfo=timezone.utc),
        "offset": time(1, tzinfo=fixed),
        "zoneinfo": time(1, tzinfo=berlin),
        "own zone": time(1, tzinfo=s.Zone()),
        "max": time.max,
    }
    numbers = ["0", "-0", "1.50", "1E+10", "NaN", "-NaN", "sNaN123", "Infinity", "-Infinity", "1" * 60, "0E-30"]
    patterns = [re.compile("a"), re.compile("a", re.I | re.M), re.compile(b"a"), re.compile("é+", re.ASCII)]
    addresses = ["1.2.3.4", "::1", "fe80::1%eth0"]
    return {
        **{f"datetime {name}": (lambda v=v: v) for name, v in moments.items()},
        **{f"time {name}": (lambda v=v: v) for name, v in hours.items()},
        **_numbered("date", [date(2020, 1, 2), date.min, date.max]),
        **_numbered("timedelta", [timedelta(), timedelta(-1, 5, 7), timedelta.max, timedelta.min]),
        **_numbered("timezone", [timezone.utc, fixed, timezone(timedelta(hours=1), "CET")]),
        "zoneinfo": lambda: berlin,
        "zoneinfo without key": _keyless,
        **{f"Decimal {n[:12]}": (lambda n=n: decimal.Decimal(n)) for n in numbers},
        "uuid": lambda: UID,
        "uuid max": lambda: UUID(int=2**128 - 1),
        "uuid zero": lambda: UUID(int=0),
        **_numbered("pattern", patterns),
        "set": lambda: {1, 2, 3},
        "set of str": lambda: {"a", "b", "c", "é"},
        "empty set": set,
        "frozenset": lambda: frozenset([1, (2, 3)]),
        "empty frozenset": frozenset,
        "set of sets": lambda: {frozenset([1]), frozenset([2, 3])},
        "set of many": lambda: {1, "a", None, 2.5, (1,), b"x", True, UID, s.Color.RED},
        "deque": lambda: deque([1, "a", None]),
        "deque with maxlen": lambda: deque([1, 2, 3], maxlen=3),
        "deque empty with maxlen 0": lambda: deque(maxlen=0),
        "deque of deques": lambda: deque([deque([deque()])]),
        "PurePosixPath": lambda: pathlib.PurePosixPath("/a/b"),
        "PosixPath": lambda: pathlib.Path("/a/../b"),
        "relative path": lambda: pathlib.Path("a/b.txt"),
        "empty path": lambda: pathlib.Path(),
        "PureWindowsPath": lambda: pathlib.PureWindowsPath("C:\\a"),
        "own path": lambda: s.Posix("/a"),
        "path with surrogates": lambda: pathlib.Path("a\udc80"),
        **{f"ip {a}": (lambda a=a: ipaddress.ip_address(a)) for a in addresses},
        "ip4 interface": lambda: ipaddress.ip_interface("1.2.3.4/24"),
        "ip4 network": lambda: ipaddress.ip_network("1.2.3.0/24"),
        "ip6 interface": lambda: ipaddress.ip_interface("::1/64"),
        "ip6 network": lambda: ipaddress.ip_network("::/64"),
        "slice": lambda: slice(1, 2),
        "complex": lambda: 1j,
        "Fraction": lambda: fractions.Fraction(1, 3),
        "ellipsis": lambda: ...,
        "NotImplemented": lambda: NotImplemented,
        "lock": threading.Lock,
        "weakref": lambda: weakref.ref(s.Opaque),
        "namespace": lambda: types.SimpleNamespace(a=1),
    }


def _keyless() -> Any:
    counts = b"".join(n.to_bytes(4, "big") for n in (0, 0, 0, 0, 1, 4))
    return ZoneInfo.from_file(io.BytesIO(b"TZif" + bytes(16) + counts + bytes(6) + b"UTC\0"))


def enums() -> Samples:
    """Enums of all kinds: the encoder sees str and int mix-ins as enums too."""
    members: list[Any] = [*s.Color, *s.Word, *s.Number, *s.Mixed, *s.Real, *s.Bits, *s.IntBits, *s.Data]
    members += [*s.EnumWithDict, *s.EnumWithSecret, *s.EnumOfList, *s.EnumMissing, *s.TupleEnum]
    members += [s.Bits.A | s.Bits.B, s.Bits(0), s.IntBits(0), s.IntBits(9), s.Color.CRIMSON]
    members += [*s.Modern] if hasattr(s, "Modern") else []
    return {
        **_numbered("enum", members),
        **{f"list with {m!a} {i}": (lambda m=m: [m, {"k": m}]) for i, m in enumerate(members)},
    }


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
    model.__module__ = "samples.classes"
    return model(a=value)


def langgraph() -> Samples:
    """LangGraph's own types."""
    now = datetime(2020, 1, 2, tzinfo=timezone.utc)
    samples: Samples = {
        "Send": lambda: Send("node", {"a": [1]}),
        "Send of a Send": lambda: Send("node", Send("b", s.Plain(1))),
        "SendLike": lambda: s.SendLike("node", 1),
        "Interrupt": lambda: Interrupt({"question": "?"}, id="abc"),
        "Interrupt with defaults": lambda: Interrupt("why"),
        "Interrupts in a tuple": lambda: (Interrupt(1, id="a"), Interrupt([2], id="b")),
        "Command": lambda: Command(update={"a": 1}, goto=["x", Send("y", 2)], resume={"k": "v"}, graph="p"),
        "Command empty": Command,
        "GetOp": lambda: GetOp(("a", "b"), "key"),
        "StateSnapshot": lambda: StateSnapshot({"a": 1}, ("n",), {}, None, None, None, (), ()),
        "Item": lambda: Item(value={"a": 1}, key="k", namespace=("a", "b"), created_at=now, updated_at=now),
        "SearchItem": lambda: SearchItem(("a",), "k", {"v": 1}, now, now, 0.5),
        "delta snapshot": lambda: _DeltaSnapshot([1, {"a": (1, 2)}]),
        "delta snapshot of none": lambda: _DeltaSnapshot(None),
        "delta snapshot of bytes": lambda: _DeltaSnapshot(b"abc"),
        "delta snapshot nested": lambda: _DeltaSnapshot(_DeltaSnapshot(deque([1]))),
        "delta snapshot within": lambda: {"channel_values": {"x": _DeltaSnapshot({"a": UID})}},
        "Document": lambda: Document(page_content="text", metadata={"a": 1}, id="d"),
        "Document bare": lambda: Document(page_content="text"),
        "Document with odd metadata": lambda: Document(page_content="x", metadata={"d": s.Plain(1), 1: UID}),
        "Ext": lambda: ormsgpack.Ext(9, b"own"),
        "Ext of a known code": lambda: [ormsgpack.Ext(0, ormsgpack.packb(("builtins", "set", (1,))))],
    }
    if hasattr(langgraph_types, "Overwrite"):
        samples["Overwrite"] = lambda: langgraph_types.Overwrite([1, 2])
    if "timeout" in Send.__slots__:
        from langgraph.types import TimeoutPolicy

        samples["Send with timeout"] = lambda: Send("node", 1, timeout=TimeoutPolicy(run_timeout=2.5))
        samples["Send with seconds"] = lambda: Send("node", 1, timeout=3)
        samples["TimeoutPolicy"] = lambda: TimeoutPolicy(run_timeout=timedelta(seconds=1), idle_timeout=2)
    return samples


def arrays() -> Samples:
    """numpy's arrays and scalars."""
    base = np.arange(12, dtype=np.int32).reshape(3, 4)
    kinds: dict[str, Callable[[], Any]] = {
        "C": lambda: base.copy(),
        "F": lambda: np.asfortranarray(base),
        "transposed": lambda: base.copy().T,
        "strided": lambda: base.copy()[:, ::2],
        "reversed": lambda: base.copy()[::-1],
        "one dimension": lambda: np.arange(5.0),
        "0-d": lambda: np.array(5),
        "empty": lambda: np.empty((0, 3)),
        "one element F": lambda: np.asfortranarray(np.ones((1, 1))),
        "three dimensions": lambda: np.arange(24).reshape(2, 3, 4),
        "three dimensions F": lambda: np.asfortranarray(np.arange(24).reshape(2, 3, 4)),
        "three dimensions swapped": lambda: np.arange(24).reshape(2, 3, 4).swapaxes(0, 1),
        "broadcast": lambda: np.broadcast_to(np.arange(3), (2, 3)),
        "read-only": lambda: _frozen(base.copy()),
        "big endian": lambda: np.arange(3, dtype=">i4"),
        "bool": lambda: np.array([True, False]),
        "str": lambda: np.array(["a", "bcd"]),
        "bytes": lambda: np.array([b"a", b"bcd"]),
        "float16": lambda: np.array([1.5, np.nan], dtype=np.float16),
        "complex": lambda: np.array([1 + 2j]),
        "datetime64": lambda: np.array(["2020-01-02"], dtype="datetime64[D]"),
        "timedelta64": lambda: np.array([5], dtype="timedelta64[s]"),
        "structured": lambda: np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
        "void": lambda: np.zeros(2, dtype="V3"),
        "object": lambda: np.array([1, "a", None], dtype=object),
        "object F": lambda: np.asfortranarray(np.array([[1, "a"], [None, 2]], dtype=object)),
        "own class": lambda: np.arange(4).view(s.Array),
        "masked": lambda: np.ma.masked_array([1, 2], mask=[True, False]),
        "recarray": lambda: np.rec.array([(1, 2.0)], dtype=[("x", int), ("y", float)]),
        "longdouble": lambda: np.array([1.5], dtype=np.longdouble),
        "scalar int64": lambda: np.int64(5),
        "scalar int8": lambda: np.int8(-5),
        "scalar uint64": lambda: np.uint64(2**64 - 1),
        "scalar float64": lambda: np.float64(1.5),
        "scalar float32": lambda: np.float32(1.1),
        "scalar float16": lambda: np.float16(1.5),
        "scalar bool": lambda: np.bool_(True),
        "scalar str": lambda: np.str_("x"),
        "scalar bytes": lambda: [np.bytes_(b"x")],
        "scalar datetime64": lambda: np.datetime64("2020-01-02T03:04:05"),
        "scalar complex": lambda: np.complex128(1j),
        "dtype": lambda: np.dtype("i4"),
    }
    return {
        **{f"array {name}": make for name, make in kinds.items()},
        **{f"list with array {name}": (lambda make=make: [make(), {"k": make()}]) for name, make in kinds.items()},
    }


def _frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


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


GROUPS: dict[str, Callable[[], Samples]] = {
    "plain": plain,
    "too big": too_big,
    "keys": keys,
    "subclasses": subclasses,
    "standard library": standard_library,
    "enums": enums,
    "data classes": data_classes,
    "models": models,
    "langgraph": langgraph,
    "arrays": arrays,
    "exceptions": exceptions,
    "odd": odd,
}


def all_samples() -> Samples:
    """Every sample, its group's name before its own."""
    return {f"{group}: {name}": make for group, samples in GROUPS.items() for name, make in samples().items()}
