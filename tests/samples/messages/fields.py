"""What the fields of a message may hold."""

from __future__ import annotations

import uuid
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
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

from samples import classes as s

#: a class and what it needs besides its content
MESSAGE_CLASSES: dict[type, dict[str, Any]] = {
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
MESSAGE_METADATA: dict[str, Any] = {
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
