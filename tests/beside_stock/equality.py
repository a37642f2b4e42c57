"""Equality as a user could notice it: types, order, bits of floats, hidden attributes, aliasing."""

from __future__ import annotations

import decimal
import enum
import functools
import ipaddress
import pathlib
import re
import struct
import types
import uuid
import zoneinfo
from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import numpy as np
import pydantic
import pydantic.v1

#: equal when their types are and ``==`` says so
BY_VALUE = (int, str, bytes, bytearray, date, timedelta, range, complex, ipaddress._IPAddressBase)
#: of these exact types, most parts of most values: they have no parts
PLAIN = frozenset((int, str, bytes, bool, type(None)))
#: equal when they are one object
BY_IDENTITY = (
    type,
    types.BuiltinFunctionType,
    types.ModuleType,
    functools.partial,
    enum.Enum,
    type(None),
    type(Ellipsis),
    type(NotImplemented),
)
#: a list of a class and an instance of it may show up twice in one result: as one object or as two
MUTABLE = (list, dict, set, deque, bytearray, np.ndarray, pydantic.BaseModel, pydantic.v1.BaseModel)
#: sets of these iterate in one order when they are built in one way
STABLE_HASH = (str, int, bytes, bool, type(None), uuid.UUID, date, timedelta, decimal.Decimal)


def difference(stock: Any, ours: Any, path: str = "value") -> str | None:
    """Where two objects first differ, outermost first, or None."""
    pairs: dict[int, int] = {}
    backward: dict[int, int] = {}
    queue: deque[tuple[str, Any, Any]] = deque([(path, stock, ours)])
    alive: list[Any] = []  # an address is told from another one only while its object lives
    while queue:
        path, a, b = queue.popleft()
        if type(a) is type(b) and type(a) in PLAIN and a == b:
            continue
        alive.append((a, b))
        if type(a) is not type(b):
            return f"{path}: {_short(a)} of {type(a)!r} against {_short(b)} of {type(b)!r}"
        if isinstance(a, MUTABLE) or hasattr(a, "__dict__"):
            if (id(a) in pairs) != (id(b) in backward) or pairs.get(id(a), id(b)) != id(b):
                return f"{path}: one object there is another here"
            if id(a) in pairs:
                continue
            pairs[id(a)], backward[id(b)] = id(b), id(a)
        elif isinstance(a, tuple) and a:
            if pairs.get(id(a)) == id(b):
                continue
            pairs[id(a)], backward[id(b)] = id(b), id(a)
        if found := _shallow(a, b):
            return f"{path}: {found}"
        queue.extend((path + step, left, right) for step, left, right in _parts(a, b))
    return None


def shared_mutables(first: Any, second: Any) -> list[Any]:
    """The mutable objects that are part of both."""
    mine = {id(part): part for part in _walk(first)}
    return [part for part in _walk(second) if id(part) in mine]


def _walk(root: Any) -> list[Any]:
    seen: dict[int, Any] = {}
    queue = deque([root])
    while queue:
        part = queue.popleft()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        queue.extend(inner for _, inner, _ in _parts(part, part))
    return [part for part in seen.values() if isinstance(part, MUTABLE)]


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = f"<repr raised {error!r}>"
    return text if len(text) < 200 else text[:200] + "..."


def _says(a: Any, b: Any) -> str:
    return f"{_short(a)} against {_short(b)}"


def _shallow(a: Any, b: Any) -> str | None:
    """What differs between two objects of one type, their parts aside."""
    same = True
    if isinstance(a, enum.Flag) and type(a)(a.value) is not a:
        # A combination that no name is given to: CPython 3.11.2 makes a new object for it each time.
        same = a == b and str(a) == str(b)
    elif isinstance(a, BY_IDENTITY):
        same = a is b
    elif isinstance(a, types.FunctionType):
        same = a.__code__ is b.__code__
    elif isinstance(a, types.MethodType):
        same = a.__func__ is b.__func__ and type(a.__self__) is type(b.__self__)
    elif isinstance(a, float):
        same = struct.pack("<d", a) == struct.pack("<d", b)
    elif isinstance(a, (datetime, time)):
        # As they are pickled, fold included: bytes make a 31st of February, which replace() refuses.
        base = datetime if isinstance(a, datetime) else time
        same = base.__reduce_ex__(a, 4)[1][0] == base.__reduce_ex__(b, 4)[1][0]
    elif isinstance(a, BY_VALUE):
        same = bool(a == b)
    elif isinstance(a, decimal.Decimal):
        same = a.as_tuple() == b.as_tuple()
    elif isinstance(a, uuid.UUID):
        same = a.int == b.int and a.is_safe is b.is_safe
    elif isinstance(a, pathlib.PurePath):
        same = a.parts == b.parts
    elif isinstance(a, re.Pattern):
        same = a.pattern == b.pattern and type(a.pattern) is type(b.pattern) and a.flags == b.flags
    elif isinstance(a, zoneinfo.ZoneInfo):
        same = a is b
    elif isinstance(a, timezone):
        same = a == b and a.tzname(None) == b.tzname(None)
    elif isinstance(a, memoryview):
        same = bytes(a) == bytes(b) and a.readonly == b.readonly
    elif isinstance(a, np.ndarray):
        return _array_difference(a, b)
    elif isinstance(a, np.generic):
        same = a.dtype == b.dtype and a.tobytes() == b.tobytes()
    elif isinstance(a, deque):
        same = a.maxlen == b.maxlen and len(a) == len(b)
    elif isinstance(a, (list, tuple, set, frozenset, dict)):
        same = len(a) == len(b)
        if isinstance(a, defaultdict):
            same = same and a.default_factory is b.default_factory
    elif isinstance(a, BaseException):
        same = str(a) == str(b)
    elif isinstance(a, Iterator):
        same = True
    elif not (hasattr(a, "__dict__") or _slots(type(a))) and type(a) is not object:
        raise TypeError(f"no rule to compare objects of {type(a)!r}")
    return None if same else _says(a, b)


def _array_difference(a: np.ndarray, b: np.ndarray) -> str | None:
    for name in ("dtype", "shape", "strides"):
        if getattr(a, name) != getattr(b, name):
            return f"{name} {getattr(a, name)} against {getattr(b, name)}"
    if a.dtype.str != b.dtype.str or a.dtype.names != b.dtype.names:
        return f"dtype {a.dtype!r} against {b.dtype!r}"
    for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS", "WRITEABLE", "ALIGNED", "OWNDATA"):
        if a.flags[flag] != b.flags[flag]:
            return f"{flag} {a.flags[flag]} against {b.flags[flag]}"
    if not a.dtype.hasobject and a.tobytes() != b.tobytes():
        return _says(a, b)
    return None


def _parts(a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    """The parts of two objects of one type and of equal size, side by side."""
    parts: list[tuple[str, Any, Any]] = []
    if isinstance(a, dict):
        for (left, x), (right, y) in zip(dict.items(a), dict.items(b), strict=True):
            parts.append((f" key {_short(left)}", left, right))
            parts.append((f"[{_short(left)}]", x, y))
    elif isinstance(a, (set, frozenset)):
        parts.extend(("{}", x, y) for x, y in _paired(a, b))
    elif isinstance(a, (list, tuple, deque)):
        base = next(kind for kind in (list, tuple, deque) if isinstance(a, kind))
        pairs = zip(base.__iter__(a), base.__iter__(b), strict=True)
        parts.extend((f"[{i}]", x, y) for i, (x, y) in enumerate(pairs))
    elif isinstance(a, BaseException):
        parts.append((".args", a.args, b.args))
    elif isinstance(a, Iterator):
        parts.append((" drained", _drained(a), _drained(b)))
    elif isinstance(a, (datetime, time)):
        parts.append((".tzinfo", a.tzinfo, b.tzinfo))
    elif isinstance(a, np.ndarray) and a.dtype.hasobject:
        parts.append((".tolist()", a.tolist(), b.tolist()))
    if isinstance(
        a, (BY_IDENTITY, types.FunctionType, types.MethodType, uuid.UUID, zoneinfo.ZoneInfo, pathlib.PurePath)
    ):
        return parts
    if isinstance(a, pydantic.BaseModel):
        for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            parts.append((f".{name}", _slot(a, name), _slot(b, name)))
    elif isinstance(a, pydantic.v1.BaseModel):
        parts.append((".__fields_set__", _slot(a, "__fields_set__"), _slot(b, "__fields_set__")))
    if isinstance(getattr(a, "__dict__", None), dict):
        parts.append((".__dict__", a.__dict__, b.__dict__))
    if not isinstance(a, (BY_VALUE, float, decimal.Decimal)):
        for name in _slots(type(a)):
            parts.append((f".{name}", _slot(a, name), _slot(b, name)))
    return parts


def _drained(iterator: Iterator[Any]) -> Any:
    try:
        return list(iterator)
    except Exception as error:
        return error


class _Unset:
    """Stands for a slot that holds nothing."""


def _slot(owner: Any, name: str) -> Any:
    try:
        return object.__getattribute__(owner, name)
    except AttributeError:
        return _Unset


@functools.lru_cache(maxsize=1024)
def _slots(cls: type) -> tuple[str, ...]:
    names: list[str] = []
    for ancestor in cls.__mro__:
        declared = ancestor.__dict__.get("__slots__", ())
        declared = (declared,) if isinstance(declared, str) else tuple(declared)
        for name in declared:
            if name in ("__dict__", "__weakref__") or name.startswith("__pydantic"):
                continue
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{ancestor.__name__.lstrip('_')}{name}" if private else name)
    return tuple(names)


def _paired(a: Any, b: Any) -> list[tuple[Any, Any]]:
    """The elements of two sets: in iteration order where that is determined, else matched."""
    if all(type(element) in STABLE_HASH for element in a):
        return list(zip(a, b, strict=True))
    rest = list(b)
    pairs = []
    for element in a:
        equal = (i for i, other in enumerate(rest) if difference(element, other) is None)
        pairs.append((element, rest.pop(next(equal, 0))))
    return pairs
