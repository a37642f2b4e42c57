"""Messages as apps have them, and as only a test would: every class of langchain-core, each piece."""

from __future__ import annotations

import itertools
import uuid
import warnings
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    ToolMessageChunk,
)

from samples import classes as s
from samples.messages.fields import (
    ARTIFACTS,
    CALL,
    CONTENTS,
    INVALID,
    INVALID_CALLS,
    MESSAGE_CLASSES,
    MESSAGE_METADATA,
    ODD_USAGES,
    OPENAI_CALLS,
    TOOL_CALLS,
    USAGE,
    USAGES,
)
from samples.values import Samples

ERRORS = (ValueError, TypeError, AttributeError, KeyError)


def by_class() -> Samples:
    """Every class with every content that it takes, ids, names and metadata."""
    samples: Samples = {}
    for cls, needs in MESSAGE_CLASSES.items():
        for name, content in CONTENTS.items():
            samples[f"{cls.__name__} {name}"] = lambda c=cls, n=needs, x=content: c(content=x, **n)
        settings: dict[str, dict[str, Any]] = {
            "id": {"id": "m1"},
            "int id": {"id": 5},
            "name": {"name": "bob"},
            "all": {"id": "m1", "name": "bob", "response_metadata": {"a": 1}, "additional_kwargs": {"b": {}}},
            "extra fields": {"extra_one": 1, "extra_two": {"a": [s.Plain(1)]}},
            "extra named like a method": {"dict_": 1, "copy_": 2, "pretty": 3},
            "example": {"example": True},
            "subclassed id": {"id": s.Str("m1")},
            "surrogate in id": {"id": "\ud800"},
        }
        for name, more in settings.items():
            samples[f"{cls.__name__} with {name}"] = lambda c=cls, n=needs, m=more: c(content="x", **{**n, **m})
        samples[f"{cls.__name__} constructed"] = lambda c=cls, n=needs: c.model_construct(content=3, **n)
        samples[f"{cls.__name__} constructed with nothing"] = lambda c=cls: c.model_construct()
        for name, metadata in MESSAGE_METADATA.items():
            for field in ("response_metadata", "additional_kwargs"):
                samples[f"{cls.__name__} {field} {name}"] = lambda c=cls, n=needs, f=field, m=metadata: c(
                    content="x", **{**n, f: m}
                )
    return samples


def ai() -> Samples:
    """AIMessage and its chunk: tool calls, usage and what the constructor makes of them."""
    samples: Samples = {}
    for cls in (AIMessage, AIMessageChunk, s.StrictAI):
        for name, calls in TOOL_CALLS.items():
            samples[f"{cls.__name__} tool calls {name}"] = lambda c=cls, t=calls: c(content="", tool_calls=t)
            samples[f"{cls.__name__} constructed tool calls {name}"] = lambda c=cls, t=calls: _put(
                c(content=""), tool_calls=t
            )
        for name, calls in INVALID_CALLS.items():
            samples[f"{cls.__name__} invalid tool calls {name}"] = lambda c=cls, t=calls: c(
                content="", invalid_tool_calls=t
            )
            samples[f"{cls.__name__} constructed invalid tool calls {name}"] = lambda c=cls, t=calls: _put(
                c(content=""), invalid_tool_calls=t
            )
        for name, usage in USAGES.items():
            samples[f"{cls.__name__} usage {name}"] = lambda c=cls, u=usage: c(content="x", usage_metadata=u)
        for name, usage in itertools.chain(USAGES.items(), ODD_USAGES.items()):
            samples[f"{cls.__name__} put usage {name}"] = lambda c=cls, u=usage: _put(c(content="x"), usage_metadata=u)
        samples[f"{cls.__name__} both kinds of calls"] = lambda c=cls: c(
            content="x", tool_calls=[CALL], invalid_tool_calls=[INVALID], usage_metadata=USAGE
        )
        for name, calls in {"calls": OPENAI_CALLS, "one": OPENAI_CALLS[:1], "none": [], "odd": [3]}.items():
            samples[f"{cls.__name__} OpenAI format {name}"] = lambda c=cls, t=calls: c(
                content="", additional_kwargs={"tool_calls": t}
            )
            samples[f"{cls.__name__} put OpenAI format {name}"] = lambda c=cls, t=calls: _put(
                c(content=""), additional_kwargs={"tool_calls": t}
            )
        samples[f"{cls.__name__} OpenAI format and parsed"] = lambda c=cls: c(
            content="", tool_calls=[CALL], additional_kwargs={"tool_calls": OPENAI_CALLS}
        )
        samples[f"{cls.__name__} function call"] = lambda c=cls: c(
            content="", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}
        )
        samples[f"{cls.__name__} content blocks"] = lambda c=cls: c(
            content_blocks=[{"type": "text", "text": "x"}, {"type": "reasoning", "reasoning": "r"}]
        )
        samples[f"{cls.__name__} of a v1 model"] = lambda c=cls: c(
            content=[{"type": "text", "text": "x"}, {"type": "tool_call", **CALL}],
            response_metadata={"output_version": "v1"},
        )
    chunk = {"name": "f", "args": '{"a"', "id": "c", "index": 0, "type": "tool_call_chunk"}
    rest = {**chunk, "args": ": 1}", "name": None, "id": None}
    samples["chunk with a call"] = lambda: AIMessageChunk(content="", tool_call_chunks=[chunk])
    samples["chunk with a whole call"] = lambda: AIMessageChunk(
        content="", tool_call_chunks=[{**chunk, "args": '{"a": 1}'}]
    )
    samples["chunks added"] = lambda: (
        AIMessageChunk(content="a", id="r", tool_call_chunks=[chunk])
        + AIMessageChunk(content="b", id="r", tool_call_chunks=[rest], usage_metadata=USAGE)
    )
    samples["last chunk"] = lambda: AIMessageChunk(content="", chunk_position="last")
    samples["last chunk with a call"] = lambda: AIMessageChunk(
        content="", chunk_position="last", tool_call_chunks=[{**chunk, "args": '{"a": 1}'}]
    )
    return samples


def tools() -> Samples:
    """ToolMessage: artifacts, statuses, ids."""
    samples: Samples = {}
    for cls in (ToolMessage, ToolMessageChunk, s.MyTool):
        for name, artifact in ARTIFACTS.items():
            samples[f"{cls.__name__} artifact {name}"] = lambda c=cls, a=artifact: c(
                content="x", tool_call_id="1", artifact=a
            )
        samples[f"{cls.__name__} error"] = lambda c=cls: c(content="x", tool_call_id="1", status="error")
        samples[f"{cls.__name__} odd status"] = lambda c=cls: _put(c(content="x", tool_call_id="1"), status="odd")
        samples[f"{cls.__name__} int id"] = lambda c=cls: c(content="x", tool_call_id=5)
        samples[f"{cls.__name__} uuid id"] = lambda c=cls: c(content="x", tool_call_id=uuid.UUID(int=1))
        samples[f"{cls.__name__} content tuple"] = lambda c=cls: c(content=("a", {"b": 1}), tool_call_id="1")
        samples[f"{cls.__name__} content number"] = lambda c=cls: c(content=[1, 2.5], tool_call_id="1")
        samples[f"{cls.__name__} put id none"] = lambda c=cls: _put(c(content="x", tool_call_id="1"), tool_call_id=None)
    samples["RemoveMessage"] = lambda: RemoveMessage(id="m1")
    samples["RemoveMessage all"] = lambda: RemoveMessage(id="__remove_all__")
    samples["RemoveMessage with name"] = lambda: RemoveMessage(id="m1", name="n", additional_kwargs={"a": 1})
    samples["RemoveMessage put content"] = lambda: _put(RemoveMessage(id="m1"), content="x")
    samples["ChatMessage role"] = lambda: ChatMessage(content="x", role="r", id="1", name="n")
    return samples


def tampered() -> Samples:
    """Messages whose insides somebody changed after they were made."""

    def deleted(field: str) -> Any:
        message = AIMessage("x", id="1")
        del message.__dict__[field]
        return message

    def reordered() -> Any:
        message = HumanMessage("x", id="1", name="n")
        items = list(message.__dict__.items())
        message.__dict__.clear()
        message.__dict__.update(reversed(items))
        return message

    def foreign_attribute() -> Any:
        message = HumanMessage("x", id="1")
        message.__dict__["stranger"] = 1
        return message

    def cached() -> Any:
        message = s.CachedHuman("four")
        assert message.size == 4
        return message

    def extra(value: Any) -> Any:
        message = HumanMessage("x")
        object.__setattr__(message, "__pydantic_extra__", value)
        return message

    def fields_set() -> Any:
        message = HumanMessage("x")
        message.__pydantic_fields_set__.clear()
        return message

    def recursive() -> Any:
        message = HumanMessage([{"type": "text"}])
        message.content[0]["self"] = message.content
        return message

    def cyclic_metadata() -> Any:
        message = AIMessage("x")
        message.response_metadata["self"] = message.response_metadata
        return message

    def without_dict() -> Any:
        return HumanMessage.__new__(HumanMessage)

    def private() -> Any:
        message = s.PrivateHuman("x")
        message._note = {"a": 1}
        return message

    odd: dict[str, Any] = {
        "int": 5,
        "none": None,
        "bytes": b"x",
        "subclass": s.Str("x"),
        "tuple": ("a", {"b": 1}),
        "dict": {"a": 1},
        "model": s.Model(a=1),
        "list of ints": [1, 2],
        "list subclass": s.List(["a"]),
        "list of subclasses": [s.Str("a"), s.Dict(b=1)],
        "message": HumanMessage("y"),
        "set": {1},
        "true": True,
        "float": 1.5,
    }
    samples: Samples = {
        f"put {field} {name}": (lambda f=field, v=value: _put(AIMessage("x", id="1"), **{f: v}))
        for field in ("content", "additional_kwargs", "response_metadata", "type", "name", "id", "tool_calls")
        for name, value in odd.items()
    }
    return {
        **samples,
        **{f"deleted {f}": (lambda f=f: deleted(f)) for f in ("content", "type", "tool_calls", "id")},
        "reordered": reordered,
        "foreign attribute": foreign_attribute,
        "cached property": cached,
        "extra none": lambda: extra(None),
        "extra filled": lambda: extra({"a": 1, "b": [s.Plain(1)]}),
        "extra shadows a field": lambda: extra({"content": "shadow", "id": "shadow"}),
        "extra with odd keys": lambda: extra({1: 2}),
        "extra with surrogate key": lambda: extra({"\ud800": 2}),
        "extra subclass": lambda: extra(s.Dict(a=1)),
        "fields set cleared": fields_set,
        "content in itself": recursive,
        "metadata in itself": cyclic_metadata,
        "without __dict__": without_dict,
        "private attribute": private,
        "assigned type": lambda: _assign(HumanMessage("x"), "type", "ai"),
        "assigned content": lambda: _assign(HumanMessage("x"), "content", ["a"]),
        "assigned extra": lambda: _assign(HumanMessage("x"), "brand_new", 1),
        "copied": lambda: HumanMessage("x", id="1").model_copy(update={"content": 5}),
        "class replaced": lambda: _reclassed(),
        "type literal of another class": lambda: _put(HumanMessage("x"), type="ai"),
    }


def conversations() -> Samples:
    """Whole states."""

    def conversation(turns: int) -> list[Any]:
        messages: list[Any] = [SystemMessage("be kind", id="s")]
        for i in range(turns):
            call = {**CALL, "id": f"call_{i}"}
            messages += [
                HumanMessage(f"question {i} " * 10, id=f"h{i}"),
                AIMessage("", id=f"a{i}", tool_calls=[call], usage_metadata=USAGES["details"]),
                ToolMessage("result " * 30, tool_call_id=call["id"], name="search", id=f"t{i}"),
                AIMessage("answer " * 50, id=f"b{i}", response_metadata=MESSAGE_METADATA["model"]),
            ]
        return messages

    def checkpoint() -> dict[str, Any]:
        return {
            "v": 4,
            "ts": "2020-01-02T03:04:05.000006+00:00",
            "id": "1ef4f797-8335-6428-8001-8a1503f9b875",
            "channel_values": {"messages": conversation(5), "count": 3, "done": False},
            "channel_versions": {"messages": "00000000000000000000000000000003.0.123", "count": 2},
            "versions_seen": {"__input__": {}, "__start__": {"__start__": "0001.5"}},
            "updated_channels": ["messages"],
        }

    return {
        "conversation of 20 turns": lambda: conversation(20),
        "checkpoint": checkpoint,
        "messages in a dict": lambda: {"messages": conversation(3), "last": HumanMessage("x")},
        "one message twice": lambda: (lambda m: [m, m])(HumanMessage("x", id="1")),
        "messages in a dataclass": lambda: s.Plain(conversation(2)),
        "messages in a model": lambda: s.Outer(inner={}, message=AIMessage("x"), messages=conversation(2)),
        "messages in a tuple of writes": lambda: ("messages", tuple(conversation(2))),
    }


def _put(message: Any, **fields: Any) -> Any:
    """Puts values in without validation; stock warns when it dumps some of them."""
    message.__dict__.update(fields)
    return message


def _assign(message: Any, name: str, value: Any) -> Any:
    setattr(message, name, value)
    return message


def _reclassed() -> Any:
    message = HumanMessage("x")
    object.__setattr__(message, "__class__", s.MyHuman)
    return message


def all_messages() -> Samples:
    """Every message sample that can be made: constructors refuse some contents and metadata."""
    groups = {"class": by_class, "ai": ai, "tool": tools, "tampered": tampered, "whole": conversations}
    samples = {f"{group}: {name}": make for group, part in groups.items() for name, make in part().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: make for name, make in samples.items() if _can_be_made(make)}


def _can_be_made(make: Any) -> bool:
    try:
        make()
    except ERRORS:
        return False
    return True
