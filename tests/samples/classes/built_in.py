"""Subclasses of built-in types and of types of the standard library."""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import PurePosixPath, PureWindowsPath
from uuid import UUID

import numpy as np


class Int(int):
    """An int by inheritance."""


class Str(str):
    """A str by inheritance."""


class StrWithSlots(str):
    __slots__ = ()


class Float(float):
    """A float by inheritance."""


class Bytes(bytes):
    """bytes by inheritance."""


class ByteArray(bytearray):
    """A bytearray by inheritance."""


class List(list):
    """A list by inheritance."""


class Tuple(tuple):
    """A tuple by inheritance."""

    __slots__ = ()


class Dict(dict):
    """A dict by inheritance."""


class DictOfLies(dict):
    """Its methods say otherwise than what it holds."""

    def items(self):
        return [("lie", 1)]

    def __iter__(self):
        return iter(["lie"])

    def __len__(self):
        return 1


class ListOfLies(list):
    """Its methods say otherwise than what it holds."""

    def __iter__(self):
        return iter(["lie"])

    def __len__(self):
        return 1


class StrOfLies(str):
    def __str__(self):
        return "lie"

    def encode(self, *_):
        return b"lie"


class IntOfLies(int):
    def __int__(self):
        return 13

    def __index__(self):
        return 13


class Set(set):
    """A set by inheritance."""


class FrozenSet(frozenset):
    """A frozenset by inheritance."""


class Deque(deque):
    """A deque by inheritance."""


class DictWithDictMethod(dict):
    """A dict is a map to the encoder, whatever methods it has."""

    def dict(self):
        return {"never": "called"}

    def model_dump(self):
        return {"never": "called"}


class TaggedUUID(UUID):
    """A UUID by inheritance."""


class Day(date):
    """A date by inheritance."""


class Moment(datetime):
    """A datetime by inheritance."""


class Hour(time):
    """A time by inheritance."""


class Span(timedelta):
    """A timedelta by inheritance."""


class Zone(tzinfo):
    """A time zone of the user's own, which stock can't encode."""

    def utcoffset(self, _):
        return timedelta(hours=1)

    def dst(self, _):
        return timedelta(0)

    def tzname(self, _):
        return "own"


class Array(np.ndarray):
    """An array by inheritance."""


class Posix(PurePosixPath):
    """A path by inheritance."""


class Windows(PureWindowsPath):
    """A path by inheritance."""
