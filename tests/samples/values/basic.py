"""What MessagePack has itself, keys of every kind, and subclasses of built-in types."""

from __future__ import annotations

import array
import decimal
import ipaddress
import pathlib
import types
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import ormsgpack

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


def numbered(prefix: str, values: list[Any]) -> Samples:
    """Values that need no name of their own."""
    return {f"{prefix} {ascii(value)[:30]} {i}": (lambda value=value: value) for i, value in enumerate(values)}


def plain() -> Samples:
    """What MessagePack has itself."""
    return {
        "none": lambda: None,
        "true": lambda: True,
        "false": lambda: False,
        **numbered("int", INTS),
        **numbered("float", FLOATS),
        **numbered("str", STRINGS),
        **numbered("broken str", BROKEN),
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
        **numbered("int", TOO_BIG),
        **{f"list with {ascii(n)[:24]}": (lambda n=n: ["a", n]) for n in TOO_BIG},
        **{f"dict with {ascii(n)[:24]}": (lambda n=n: {"a": n}) for n in TOO_BIG},
    }


DICT_KEYS: Samples = {
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
    for name, make in DICT_KEYS.items():
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
