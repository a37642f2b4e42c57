"""Named tuples and dataclasses, some of which stock takes for something else."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from samples.noted_calls import called


class Point(NamedTuple):
    x: Any
    y: Any = 2


Pair = namedtuple("Pair", "left right")
Renamed = namedtuple("Renamed", "ok class", rename=True)


class Point3(Point):
    """A named tuple with a ``__dict__``."""


class AsDict:
    """Taken for a named tuple."""

    def __init__(self, **kwargs: Any) -> None:
        self.kwargs = kwargs

    def _asdict(self) -> dict[str, Any]:
        return self.kwargs


# --- dataclasses ---


@dataclasses.dataclass
class Plain:
    a: Any
    b: Any = None
    c: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any = None


@dataclasses.dataclass
class Slotted:
    __slots__ = ("a", "b")
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlotted:
    a: Any
    b: Any = 1


@dataclasses.dataclass(kw_only=True)
class KeywordOnly:
    a: Any
    b: Any = 5


@dataclasses.dataclass
class NotInInit:
    """Decoding fails: ``made`` is no argument."""

    a: Any
    made: Any = dataclasses.field(init=False, default=7)


@dataclasses.dataclass
class WithInitVar:
    a: Any
    seed: dataclasses.InitVar[int] = 3
    total: ClassVar[int] = 9

    def __post_init__(self, seed: int) -> None:
        self.hidden = seed


@dataclasses.dataclass
class Unset:
    """``late`` is a field without a value until somebody sets it."""

    a: Any
    late: Any = dataclasses.field(init=False)


@dataclasses.dataclass
class DictField:
    """A field named ``dict`` that is not callable."""

    dict: Any


@dataclasses.dataclass
class CallableDictField:
    """Taken for pydantic v1, because ``dict`` is callable."""

    a: Any = 1

    def dict(self) -> dict[str, Any]:
        return {"a": self.a}


@dataclasses.dataclass
class ModelDumpField:
    model_dump: Any


@dataclasses.dataclass(frozen=True)
class NodeAndArg:
    """Taken for a Send, because it has ``node``, ``arg`` and a hash."""

    node: str
    arg: Any


@dataclasses.dataclass(frozen=True)
class NodeArgTimeout:
    node: str
    arg: Any
    timeout: Any = None


@dataclasses.dataclass
class NodeAndArgUnhashable:
    """No Send: ``__hash__`` is None."""

    node: str
    arg: Any


@dataclasses.dataclass
class Child(Plain):
    d: Any = 4


T = TypeVar("T")


@dataclasses.dataclass
class GenericData(Generic[T]):
    item: T


@dataclasses.dataclass
class Property:
    """The value of a field is what ``getattr`` says, not what ``__dict__`` holds."""

    a: Any

    def __getattribute__(self, name: str) -> Any:
        if name == "a":
            return "from getattr"
        return object.__getattribute__(self, name)


@dataclasses.dataclass
class RaisingField:
    a: Any = 1

    def __getattribute__(self, name: str) -> Any:
        if name == "a":
            raise ValueError("no value")
        return object.__getattribute__(self, name)


@dataclasses.dataclass
class PostInit:
    a: Any

    def __post_init__(self) -> None:
        called("PostInit", self.a)
        self.derived = ("derived", self.a)


@dataclasses.dataclass
class DataList(list):
    """A list that is a dataclass: a list to the encoder."""

    a: Any = 1
