"""Message classes of the user's own."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pydantic
import pydantic.v1
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import ConfigDict, PrivateAttr

from samples.noted_calls import called


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
