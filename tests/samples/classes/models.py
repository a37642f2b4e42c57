"""pydantic's models, old and new."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import pydantic
import pydantic.v1
from langchain_core.messages import BaseMessage
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr

from samples.classes.data_classes import Plain, Point
from samples.classes.enums import Color
from samples.noted_calls import called

T = TypeVar("T")


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
