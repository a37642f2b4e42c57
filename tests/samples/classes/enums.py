"""Enums of every kind."""

from __future__ import annotations

import enum
import sys
from typing import Any


class Color(enum.Enum):
    RED = 1
    GREEN = "green"
    BLUE = (1, 2)
    CRIMSON = RED


class Word(str, enum.Enum):
    YES = "yes"
    NO = "no"


class Number(enum.IntEnum):
    ONE = 1
    BIG = 2**70


class Mixed(int, enum.Enum):
    TWO = 2


class Real(float, enum.Enum):
    HALF = 0.5


class Bits(enum.Flag):
    A = 1
    B = 2


class IntBits(enum.IntFlag):
    A = 1
    B = 2


class Data(bytes, enum.Enum):
    RAW = b"raw"


class EnumWithDict(enum.Enum):
    ONE = 1

    def dict(self) -> dict[str, Any]:
        return {"taken": "for pydantic v1"}


class EnumWithSecret(enum.Enum):
    ONE = 1

    def get_secret_value(self) -> str:
        return "taken for a secret"


class EnumOfList(enum.Enum):
    LIST = [1, 2]
    MAP = {"a": 1}


class EnumMissing(enum.Enum):
    ONE = 1

    @classmethod
    def _missing_(cls, value: object) -> EnumMissing:
        return cls.ONE


class TupleEnum(tuple, enum.Enum):
    PAIR = (1, 2)


if sys.version_info >= (3, 11):

    class Modern(enum.StrEnum):
        A = enum.auto()
