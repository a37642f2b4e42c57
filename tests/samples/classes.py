"""Classes that a user could have in his state, the odd ones above all. Importable, so they decode."""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from collections import UserDict, UserList, deque, namedtuple
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cached_property
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
import pydantic
import pydantic.v1
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr

from samples.noted_calls import called

# --- subclasses of built-in types ---


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


# --- named tuples ---


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


# --- enums ---


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


# --- pydantic v2 ---


class Model(pydantic.BaseModel):
    a: int
    b: str = "b"
    c: list[Any] = Field(default_factory=list)


class Inner(pydantic.BaseModel):
    value: Any = None


class Outer(pydantic.BaseModel):
    inner: Inner
    many: list[Inner] = []
    message: BaseMessage | None = None
    messages: list[BaseMessage] = []
    anything: Any = None


class Open(pydantic.BaseModel):
    model_config = ConfigDict(extra="allow")
    a: Any = None


class Closed(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: Any = None


class FrozenModel(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True)
    a: Any = None


class WithPrivate(pydantic.BaseModel):
    a: Any = None
    _secret: Any = PrivateAttr(default="kept out")


class Numbers(pydantic.RootModel[list[int]]):
    """A model whose dump is a list."""


class Mapping(pydantic.RootModel[dict[str, Any]]):
    """A model whose dump is a dict."""


class Computed(pydantic.BaseModel):
    a: int = 1

    @pydantic.computed_field
    @property
    def twice(self) -> int:
        return self.a * 2


class Serialized(pydantic.BaseModel):
    a: Any = 1

    @pydantic.model_serializer
    def dump(self) -> dict[str, Any]:
        return {"a": "serialized"}


class FieldSerialized(pydantic.BaseModel):
    a: int = 1

    @pydantic.field_serializer("a")
    def dump(self, value: int) -> str:
        return f"<{value}>"


class Aliased(pydantic.BaseModel):
    """Dumped by name, accepted by alias: decoding takes the way of model_construct."""

    a: int = Field(alias="A")


class Excluding(pydantic.BaseModel):
    a: Any = 1
    b: Any = Field(default=2, exclude=True)


class Validated(pydantic.BaseModel):
    a: Any = None

    @pydantic.field_validator("a")
    @classmethod
    def look(cls, value: Any) -> Any:
        called(cls.__name__, value)
        return ("validated", value)


class Refusing(pydantic.BaseModel):
    """Refuses what it dumps: decoding takes the way of model_construct."""

    a: Any = None

    @pydantic.field_validator("a")
    @classmethod
    def refuse(cls, value: Any) -> Any:
        if value == "bad":
            raise ValueError("refused")
        return value


class PostInitModel(pydantic.BaseModel):
    a: Any = None
    _seen: Any = PrivateAttr(default=None)

    def model_post_init(self, context: Any) -> None:
        called("PostInitModel", self.a)
        self._seen = ("seen", self.a)


class OwnInit(pydantic.BaseModel):
    a: Any = None

    def __init__(self, a: Any = "default", **kwargs: Any) -> None:
        super().__init__(a=("own init", a), **kwargs)


class OwnDump(pydantic.BaseModel):
    a: Any = 1

    def model_dump(self, **kwargs: Any) -> dict[str, Any]:
        return {"a": "own dump"}


class Cached(pydantic.BaseModel):
    a: int = 1

    @cached_property
    def twice(self) -> int:
        return self.a * 2


class GenericModel(pydantic.BaseModel, Generic[T]):
    item: T


class Unioned(pydantic.BaseModel):
    kind: Literal["one", "two"] = "one"
    value: int | str | None = None


class Secretive(pydantic.BaseModel):
    """Its dump holds a SecretStr, which the encoder gives away in clear."""

    key: SecretStr = SecretStr("hush")


class Typed(pydantic.BaseModel):
    when: datetime | None = None
    uid: UUID | None = None
    color: Color | None = None
    tags: set[str] = set()
    path: PurePosixPath | None = None
    data: bytes = b""
    point: Point | None = None
    plain: Plain | None = None


@pydantic.dataclasses.dataclass
class PydanticData:
    a: int
    b: str = "b"


# --- pydantic v1 ---


class OldModel(pydantic.v1.BaseModel):
    a: int
    b: Any = "b"


class OldOpen(pydantic.v1.BaseModel):
    a: Any = None

    class Config:
        extra = "allow"


class OldRefusing(pydantic.v1.BaseModel):
    """Refuses what it dumps: decoding takes the way of construct."""

    a: Any = None

    @pydantic.v1.validator("a")
    def refuse(cls, value: Any) -> Any:
        if value == "bad":
            raise ValueError("refused")
        return value


class OldPrivate(pydantic.v1.BaseModel):
    a: Any = None
    _hidden: Any = pydantic.v1.PrivateAttr(default=3)


# --- messages of the user's own ---


class MyHuman(HumanMessage):
    mood: str = "calm"


class MyTool(ToolMessage):
    content: Any = ""
    extra_field: dict[str, Any] = {}


class StrictAI(AIMessage):
    @pydantic.field_validator("content")
    @classmethod
    def look(cls, value: Any) -> Any:
        called(cls.__name__, value)
        return value


class ShoutingHuman(HumanMessage):
    @pydantic.field_validator("content", mode="before")
    @classmethod
    def shout(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


class OtherDefault(AIMessage):
    content: Any = "unlike"
    name: str | None = "robot"


class SerializingHuman(HumanMessage):
    @pydantic.model_serializer(mode="wrap")
    def dump(self, handler: Any) -> dict[str, Any]:
        return {**handler(self), "content": "from the serializer"}


class ComputedHuman(HumanMessage):
    @pydantic.computed_field
    @property
    def length(self) -> int:
        return len(self.content)


class PrivateHuman(HumanMessage):
    _note: Any = PrivateAttr(default="private")


class ClosedHuman(HumanMessage):
    model_config = ConfigDict(extra="ignore")


class DumpingHuman(HumanMessage):
    def model_dump(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().model_dump(**kwargs), "content": "own dump"}


class CachedHuman(HumanMessage):
    @cached_property
    def size(self) -> int:
        return len(self.content)


# --- objects that answer to the encoder's questions in odd ways ---


class AnswersAll:
    """``__getattr__`` gives a callable for any name: taken for a pydantic model."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: {"asked": name}


class AnswersDict:
    def __getattr__(self, name: str) -> Any:
        if name == "dict":
            return lambda: {"by": "getattr"}
        raise AttributeError(name)


class RaisesOnQuestion:
    """``hasattr`` lets everything but AttributeError through."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


class ClassProxy:
    """``__class__`` says something else than ``type()``."""

    def __init__(self, target: Any) -> None:
        object.__setattr__(self, "target", target)

    @property
    def __class__(self) -> Any:
        return type(object.__getattribute__(self, "target"))

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "target"), name)

    def __iter__(self) -> Any:
        return iter(object.__getattribute__(self, "target"))

    def __str__(self) -> str:
        return str(object.__getattribute__(self, "target"))

    def __repr__(self) -> str:
        return "a proxy"


class NotCallable:
    """Has the names, but not as methods."""

    model_dump = "no method"
    get_secret_value = 3
    dict = None
    _asdict = ()


class Secret:
    def __init__(self, value: Any) -> None:
        self.value = value

    def get_secret_value(self) -> Any:
        return self.value


class DumpsTo:
    """Its dump is whatever it was given, or what its factory gives, or raises."""

    def __init__(self, dump: Any = None, raising: BaseException | None = None, **kwargs: Any) -> None:
        self.dump, self.raising = dump, raising

    def model_dump(self) -> Any:
        called("DumpsTo")
        if self.raising is not None:
            raise self.raising
        return self.dump() if isinstance(self.dump, types.FunctionType) else self.dump


class Endless:
    """Its dump is another of its kind, as a Mock's is."""

    def model_dump(self) -> Any:
        return Endless()


class Opaque:
    """Nothing that the encoder knows."""


class Slots:
    __slots__ = ("a",)


class OwnError(Exception):
    """Encoded by its repr."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class ReprRaises(Exception):
    def __repr__(self) -> str:
        raise ValueError("no repr")


class MyDict(UserDict):
    """No dict, has no ``dict`` method either."""


class MyList(UserList):
    """No list."""


class SendLike:
    def __init__(self, node: Any, arg: Any) -> None:
        self.node, self.arg = node, arg


def build(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A callable that hand-made payloads name."""
    called("build", args, kwargs)
    return args, kwargs


def refuse(*args: Any, **kwargs: Any) -> Any:
    """A callable that hand-made payloads name, and that raises."""
    called("refuse", args, kwargs)
    raise ValueError("refused")


def interrupt(*args: Any, **kwargs: Any) -> Any:
    """A callable that raises what is no Exception."""
    called("interrupt", args, kwargs)
    raise KeyboardInterrupt("stopped")


class Array(np.ndarray):
    """An array by inheritance."""


class Posix(PurePosixPath):
    """A path by inheritance."""


class Windows(PureWindowsPath):
    """A path by inheritance."""
