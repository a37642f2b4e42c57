"""The types of the standard library that the encoder names, and enums."""

from __future__ import annotations

import decimal
import fractions
import io
import ipaddress
import pathlib
import re
import threading
import types
import weakref
from collections import deque
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from samples import classes as s
from samples.values.basic import UID, Samples, numbered


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
        **numbered("date", [date(2020, 1, 2), date.min, date.max]),
        **numbered("timedelta", [timedelta(), timedelta(-1, 5, 7), timedelta.max, timedelta.min]),
        **numbered("timezone", [timezone.utc, fixed, timezone(timedelta(hours=1), "CET")]),
        "zoneinfo": lambda: berlin,
        "zoneinfo without key": _keyless,
        **{f"Decimal {n[:12]}": (lambda n=n: decimal.Decimal(n)) for n in numbers},
        "uuid": lambda: UID,
        "uuid max": lambda: UUID(int=2**128 - 1),
        "uuid zero": lambda: UUID(int=0),
        **numbered("pattern", patterns),
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
        **numbered("enum", members),
        **{f"list with {m!a} {i}": (lambda m=m: [m, {"k": m}]) for i, m in enumerate(members)},
    }
