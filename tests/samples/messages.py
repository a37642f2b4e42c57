"""Messages as apps have them, and as only a test would: every class of langchain-core, each piece."""

from __future__ import annotations

import itertools
import uuid
import warnings
from collections import OrderedDict, deque
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

from samples import classes as s
from samples.values import Samples

#: a class and what it needs besides its content
CLASSES: dict[type, dict[str, Any]] = {
    HumanMessage: {},
    HumanMessageChunk: {},
    AIMessage: {},
    AIMessageChunk: {},
    SystemMessage: {},
    SystemMessageChunk: {},
    ChatMessage: {"role": "critic"},
    ChatMessageChunk: {"role": "critic"},
    FunctionMessage: {"name": "f"},
    FunctionMessageChunk: {"name": "f"},
    ToolMessage: {"tool_call_id": "call_1"},
    ToolMessageChunk: {"tool_call_id": "call_1"},
    BaseMessage: {"type": "base"},
    s.MyHuman: {"mood": "wild"},
    s.MyTool: {"tool_call_id": "call_1", "extra_field": {"a": [1]}},
    s.StrictAI: {},
    s.ShoutingHuman: {},
    s.OtherDefault: {},
    s.SerializingHuman: {},
    s.ComputedHuman: {},
    s.PrivateHuman: {},
    s.ClosedHuman: {},
    s.DumpingHuman: {},
}

CONTENTS: dict[str, Any] = {
    "text": "hello",
    "empty": "",
    "unicode": "héllo 漢字 😀",
    "surrogates": "a\ud83d\ude00\ud800",
    "long": "word " * 200,
    "no blocks": [],
    "strings": ["a", "b"],
    "blocks": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "http://x"}}],
    "mixed": ["a", {"type": "text", "text": "b", "index": 0}],
    "thinking": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "x"}],
    "tool use": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": [1, {"b": None}]}}],
    "odd keys": [{1: "a", None: 2, (1, 2): 3}],
    "odd values": [{"type": "x", "a": b"bytes", "b": (1, 2), "c": {1, 2}, "d": Decimal("1")}],
    "object in a block": [{"type": "x", "o": s.Plain(1), "m": s.Model(a=1), "u": uuid.UUID(int=1)}],
    "big int in a block": [{"type": "x", "n": 2**64}],
    "subclassed": [s.Str("a"), s.Dict(type="text", text="x")],
    "ordered": [OrderedDict(type="text", text="x")],
}

CALL = {"name": "search", "args": {"query": "w", "n": 3}, "id": "call_1", "type": "tool_call"}
TOOL_CALLS: dict[str, list[Any]] = {
    "one": [CALL],
    "two": [CALL, {**CALL, "id": "call_2", "args": {}}],
    "no id": [{**CALL, "id": None}],
    "no type": [{k: v for k, v in CALL.items() if k != "type"}],
    "reordered": [{k: CALL[k] for k in ("type", "id", "args", "name")}],
    "extra keys": [{**CALL, "index": 0, "extras": {"a": 1}}],
    "int keys in args": [{**CALL, "args": {1: 2}}],
    "objects in args": [{**CALL, "args": {"d": datetime(2020, 1, 1), "s": {1}, "p": s.Plain(1), "t": (1, 2)}}],
    "nested args": [{**CALL, "args": {"a": {"b": [{"c": None}, 1.5, True]}}}],
    "int id": [{**CALL, "id": 5}],
    "subclassed name": [{**CALL, "name": s.Str("search")}],
    "surrogate in args": [{**CALL, "args": {"a": "\ud800"}}],
    "surrogate key in args": [{**CALL, "args": {"\ud800": 1}}],
    "other type": [{**CALL, "type": "tool_call_x"}],
}
INVALID = {"type": "invalid_tool_call", "id": "c", "name": "f", "args": "{bad", "error": "no json"}
INVALID_CALLS: dict[str, list[Any]] = {
    "one": [INVALID],
    "as the function makes it": [{k: INVALID[k] for k in ("name", "args", "id", "error", "type")}],
    "nones": [{"type": "invalid_tool_call", "id": None, "name": None, "args": None, "error": None}],
    "extra keys": [{**INVALID, "index": 1, "extras": {}}],
    "missing type": [{k: v for k, v in INVALID.items() if k != "type"}],
}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
USAGES: dict[str, Any] = {
    "plain": USAGE,
    "reordered": {"total_tokens": 3, "output_tokens": 2, "input_tokens": 1},
    "details": {
        **USAGE,
        "input_token_details": {"audio": 1, "cache_creation": 2, "cache_read": 3},
        "output_token_details": {"audio": 1, "reasoning": 2},
    },
    "details reordered": {
        **USAGE,
        "output_token_details": {"reasoning": 2, "audio": 1},
        "input_token_details": {"cache_read": 3, "audio": 1},
    },
    "details with extras": {**USAGE, "input_token_details": {"ephemeral_5m": 1, "cache_read": 3, "audio": 1}},
    "details empty": {**USAGE, "input_token_details": {}, "output_token_details": {}},
    "extras": {**USAGE, "cost": 0.5, "more": {"a": 1}},
    "extras first": {"cost": 0.5, **USAGE},
    "zero": dict.fromkeys(USAGE, 0),
    "big": {**USAGE, "total_tokens": 2**63},
}
#: what can't be given to the constructor, or comes out otherwise: put in by model_construct
ODD_USAGES: dict[str, Any] = {
    "bools": {"input_tokens": True, "output_tokens": False, "total_tokens": 3},
    "floats": {"input_tokens": 1.0, "output_tokens": 2.0, "total_tokens": 3},
    "float parts": {"input_tokens": 1.5, "output_tokens": 2, "total_tokens": 3},
    "strings": {"input_tokens": "1", "output_tokens": "2", "total_tokens": "3"},
    "missing": {"input_tokens": 1},
    "none within": {"input_tokens": None, "output_tokens": 2, "total_tokens": 3},
    "empty": {},
    "details none": {**USAGE, "input_token_details": None},
    "details bools": {**USAGE, "input_token_details": {"audio": True}},
    "subclass": s.Dict(USAGE),
    "ordered": OrderedDict(USAGE),
    "int subclass": {**USAGE, "input_tokens": s.Int(1)},
    "int keys": {**USAGE, 1: 2},
    "list": [1, 2, 3],
}
METADATA: dict[str, Any] = {
    "model": {"model_name": "m", "finish_reason": "stop", "logprobs": None},
    "nested": {"headers": {"a": ["b"]}, "n": 1.5, "t": True},
    "tuple": {"t": (1, (2, 3))},
    "bytes": {"b": b"x", "ba": bytearray(b"y")},
    "int keys": {1: {2: 3}},
    "mixed keys": {"a": 1, None: 2, 1.5: 3, (1, 2): 4, uuid.UUID(int=1): 5},
    "big int": {"n": 2**64},
    "set": {"s": {1, 2}, "d": deque([1])},
    "dataclass": {"p": s.Plain(1), "n": s.Point(1)},
    "model object": {"m": s.Model(a=1), "h": HumanMessage("inner")},
    "document": {"d": Document(page_content="x")},
    "enum": {"e": s.Color.RED, "w": s.Word.YES},
    "decimal": {"d": Decimal("1.50")},
    "array": {"a": np.arange(3)},
    "secret": {"s": s.pydantic.SecretStr("x")},
    "opaque": {"o": s.Opaque()},
    "function": {"f": len},
    "exception": {"e": ValueError("x")},
    "nan": {"n": float("nan"), "z": -0.0, "i": float("inf")},
    "surrogate": {"s": "\ud800"},
    "surrogate key": {"\ud800": 1},
    "subclasses": {"a": s.Str("x"), "b": s.Int(1), "c": s.List([1]), "d": s.Dict(a=1)},
    "dict subclass": s.Dict(a=1),
    "ordered": OrderedDict(b=1, a=2),
}
OPENAI_CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
    {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{bad"}},
]
ARTIFACTS: dict[str, Any] = {
    "none": None,
    "text": "x",
    "dict": {"a": [1, (2, 3)], 1: 2},
    "bytes": b"\xff\x00",
    "list": [1, {"b": None}],
    "dataclass": s.Plain(1, [s.Plain(2)]),
    "frozen dataclass": s.Frozen({1: 2}),
    "model": s.Outer(inner={"value": 1}),
    "document": Document(page_content="x", metadata={"a": 1}),
    "documents": [Document(page_content="x"), Document(page_content="y")],
    "named tuple": s.Point(1, s.Point(2)),
    "set": {1, 2},
    "deque": deque([1]),
    "uuid": uuid.UUID(int=1),
    "datetime": datetime(2020, 1, 1, tzinfo=timezone.utc),
    "decimal": Decimal("1.5"),
    "enum": s.Color.GREEN,
    "array": np.arange(4).reshape(2, 2),
    "scalar": np.float64(1.5),
    "exception": ValueError("x"),
    "message": HumanMessage("x", id="1"),
    "messages": [HumanMessage("x", id="1"), AIMessage("y")],
    "opaque": s.Opaque(),
    "secret": s.pydantic.SecretStr("x"),
    "path": s.PurePosixPath("/a"),
    "v1 model": s.OldModel(a=1),
    "dict subclass": s.Dict(a=1),
    "big int": 2**64,
    "nan": float("nan"),
    "generator": iter([1, 2]),
    "callable": len,
}
ERRORS = (ValueError, TypeError, AttributeError, KeyError)


def by_class() -> Samples:
    """Every class with every content that it takes, ids, names and metadata."""
    samples: Samples = {}
    for cls, needs in CLASSES.items():
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
        for name, metadata in METADATA.items():
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
                AIMessage("answer " * 50, id=f"b{i}", response_metadata=METADATA["model"]),
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
