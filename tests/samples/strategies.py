"""Hypothesis strategies: values of every kind and nesting, messages, and raw MessagePack."""

from __future__ import annotations

import decimal
import pathlib
import re
import struct
from collections import OrderedDict, deque
from datetime import timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    ToolMessage,
)
from langgraph.types import Command, Interrupt, Send

from installed_releases import _DeltaSnapshot
from samples import classes as s
from samples import hostile

EDGES = [0, 23, 24, 31, 32, 127, 128, 255, 256, 2**15, 2**16, 2**31, 2**32, 2**53, 2**63, 2**64]

ints = (
    st.integers() | st.sampled_from(EDGES).flatmap(lambda n: st.integers(n - 2, n + 2)) | st.integers(-(2**65), 2**65)
)
ints |= st.sampled_from(EDGES).map(lambda n: -n - 1)
floats = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
surrogates = st.characters(categories=["Cs"])
characters = st.characters(codec="utf-8") | st.sampled_from("a\x00é漢😀")
good_text = st.text(characters, max_size=40)
text = good_text | st.text(characters | surrogates, max_size=12)
binary = st.binary(max_size=40)
zones = st.none() | st.just(timezone.utc) | st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kolkata"]).map(ZoneInfo)
zones |= st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
moments = st.datetimes(timezones=zones, allow_imaginary=True)
hours = st.times(timezones=st.none() | st.just(timezone.utc) | st.just(timezone(timedelta(minutes=90))))
enums = st.sampled_from([*s.Color, *s.Word, *s.Number, *s.Mixed, *s.Real, *s.Bits, *s.IntBits, *s.Data])
paths = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6), max_size=4).map(
    lambda parts: pathlib.PurePosixPath(*parts)
)

scalars = st.none() | st.booleans() | ints | floats | text | binary
rarer = st.one_of(
    binary.map(bytearray),
    binary.map(memoryview),
    moments,
    hours,
    st.dates(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from(["1E+9", "-0", "sNaN", "1.10"]).map(decimal.Decimal),
    enums,
    paths,
    st.ip_addresses(),
    zones.filter(lambda zone: zone is not None),
    st.sampled_from(["a+", "(?i)x", "[é]"]).map(re.compile),
    ints.map(s.Int),
    text.map(s.Str),
    floats.map(s.Float),
    binary.map(s.Bytes),
    text.map(s.pydantic.SecretStr),
    st.sampled_from([ValueError("x"), s.OwnError(2)]),
    st.builds(s.Opaque),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4).map(lambda v: np.array(v, dtype=np.int64)),
    floats.map(np.float64),
)

hashable = st.recursive(
    st.none() | st.booleans() | ints | floats | text | binary | st.uuids() | enums | st.dates(),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.frozensets(inner, max_size=2),
    max_leaves=4,
)
keys = st.one_of(
    text, text, text, hashable, moments, hours, text.map(s.Str), ints.map(s.Int), st.decimals(allow_nan=False)
)
good_keys = good_text | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none() | st.binary(max_size=5)


def containers(inner: st.SearchStrategy[Any], key: st.SearchStrategy[Any] = keys) -> st.SearchStrategy[Any]:
    """One level around ``inner``."""
    few = st.lists(inner, max_size=4)
    return st.one_of(
        few,
        few.map(tuple),
        st.dictionaries(key, inner, max_size=4),
        st.dictionaries(good_text, inner, max_size=4),
        st.lists(inner, min_size=14, max_size=18),
        few.map(s.List),
        few.map(s.Tuple),
        st.dictionaries(key, inner, max_size=3).map(s.Dict),
        st.dictionaries(key, inner, max_size=3).map(OrderedDict),
        few.map(deque),
        few.map(lambda v: deque(v, maxlen=3)),
        st.sets(hashable, max_size=4),
        st.frozensets(hashable, max_size=4),
        st.builds(s.Plain, inner, inner),
        st.builds(s.Frozen, inner),
        st.builds(s.FrozenSlotted, inner, inner),
        st.builds(s.Point, inner, inner),
        st.builds(s.NodeAndArg, text, inner),
        st.builds(s.DictField, inner),
        st.builds(s.CallableDictField, inner),
        st.builds(s.Inner, value=inner),
        st.builds(s.Open, a=inner, b=inner),
        st.builds(s.OldOpen, a=inner, b=inner),
        st.builds(s.Secret, inner),
        st.builds(s.DumpsTo, inner),
        st.builds(Send, text, inner),
        st.builds(Interrupt, inner, id=text),
        st.builds(Command, update=st.dictionaries(good_text, inner, max_size=2)),
        inner.map(_DeltaSnapshot),
    )


values = st.recursive(scalars | rarer, containers, max_leaves=12)
#: what stock always encodes, so that whole states come through
good_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | floats | good_text | binary
good_values = st.recursive(
    good_scalars | moments | st.uuids() | enums, lambda v: containers(v, good_keys), max_leaves=10
)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | floats | good_text,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(good_text, v, max_size=3) | st.lists(v, max_size=2).map(tuple),
    max_leaves=6,
)

# --- messages ---

loose = json_like | values
blocks = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image", "tool_use"])}, optional={"text": text, "x": loose}
)
contents = text | st.lists(text | blocks | st.dictionaries(text, loose, max_size=2), max_size=3)
metadata = st.dictionaries(good_text, loose, max_size=3)
ids = st.none() | good_text | st.uuids().map(str)
counts = st.integers(0, 2**40)
calls = st.fixed_dictionaries(
    {"name": good_text, "args": st.dictionaries(good_text, loose, max_size=2), "id": ids},
    optional={"type": st.just("tool_call"), "index": counts},
)
invalid = st.fixed_dictionaries(
    {"name": ids, "args": ids, "id": ids, "error": ids}, optional={"type": st.just("invalid_tool_call")}
)
usage = st.fixed_dictionaries(
    {"input_tokens": counts, "output_tokens": counts, "total_tokens": counts},
    optional={
        "input_token_details": st.dictionaries(
            st.sampled_from(["audio", "cache_creation", "cache_read", "own"]), counts
        ),
        "output_token_details": st.dictionaries(st.sampled_from(["audio", "reasoning", "own"]), counts),
        "cost": floats,
    },
)
common = {"id": ids, "name": ids, "response_metadata": metadata, "additional_kwargs": metadata, "more": loose}


def _built(cls: type, needed: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    optional = {name: value for name, value in {**common, **optional}.items() if name not in needed}
    fields = st.fixed_dictionaries(needed, optional=optional)
    return fields.map(lambda kwargs: _or_none(cls, kwargs)).filter(lambda message: message is not None)


def _or_none(cls: type, kwargs: dict[str, Any]) -> Any:
    try:
        return cls(**kwargs)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


odd_calls = {"additional_kwargs": st.fixed_dictionaries({"tool_calls": st.lists(loose, max_size=2)})}
ai_fields = {
    "tool_calls": st.lists(calls, max_size=2),
    "invalid_tool_calls": st.lists(invalid, max_size=2),
    "usage_metadata": st.none() | usage,
}
messages = st.one_of(
    _built(HumanMessage, {"content": contents}, {}),
    _built(SystemMessage, {"content": contents}, {}),
    _built(AIMessage, {"content": contents}, ai_fields),
    _built(AIMessage, {"content": contents}, odd_calls),
    _built(AIMessageChunk, {"content": contents}, ai_fields),
    _built(HumanMessageChunk, {"content": contents}, {}),
    _built(
        ToolMessage,
        {"content": contents, "tool_call_id": good_text},
        {"artifact": loose, "status": st.sampled_from(["success", "error"])},
    ),
    _built(FunctionMessage, {"content": contents, "name": good_text}, {}),
    _built(ChatMessage, {"content": contents, "role": good_text}, {}),
    _built(s.MyHuman, {"content": contents}, {"mood": good_text}),
    _built(s.ShoutingHuman, {"content": contents}, {}),
    _built(s.StrictAI, {"content": contents}, ai_fields),
    st.builds(Document, page_content=good_text, metadata=metadata, id=ids),
)


@st.composite
def tampered(draw: st.DrawFn) -> Any:
    """A message of which somebody changed a field without asking it."""
    message = draw(messages)
    for _ in range(draw(st.integers(1, 2))):
        field = draw(st.sampled_from([*message.__dict__, "stranger"]))
        if draw(st.booleans()) or field == "stranger":
            message.__dict__[field] = draw(loose)
        else:
            del message.__dict__[field]
            if not message.__dict__:
                break
    return message


@st.composite
def states(draw: st.DrawFn) -> Any:
    """A checkpoint's worth of messages and values."""
    return {
        "v": 4,
        "id": draw(good_text),
        "channel_values": {
            "messages": draw(st.lists(messages, max_size=4)),
            **draw(st.dictionaries(good_text, good_values, max_size=2)),
        },
        "channel_versions": draw(st.dictionaries(good_text, good_text, max_size=2)),
    }


# --- raw MessagePack ---


def _wrapped(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    few = st.lists(inner, max_size=4)
    return st.one_of(
        few.map(lambda parts: hostile.array(*parts)),
        few.map(lambda parts: bytes([0x90 + len(parts)]) + b"".join(parts)),
        few.map(lambda parts: bytes([0x80 + len(parts) // 2]) + b"".join(parts)),
        few.map(lambda parts: hostile.mapping(*parts[: len(parts) // 2 * 2])),
        st.builds(hostile.ext, st.integers(0, 8) | st.integers(-128, 127), inner),
        st.builds(hostile.long_ext, st.integers(0, 8), inner),
        st.builds(_constructor, st.integers(0, 6), st.sampled_from(NAMES), inner),
        st.builds(_array, st.sampled_from(["<i4", "|u1", ">f8", "|O", "x"]), few),
    )


NAMES = [
    s.path_of(s.build),
    s.path_of(s.refuse),
    s.path_of(s.Plain),
    s.path_of(s.Model),
    s.path_of(s.Inner),
    s.path_of(s.Color),
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("collections", "deque"),
    ("uuid", "UUID"),
    ("decimal", "Decimal"),
    ("datetime", "datetime"),
    ("datetime", "date"),
    ("datetime", "timedelta"),
    ("langgraph.types", "Send"),
    ("langgraph.types", "Interrupt"),
    ("langchain_core.messages.human", "HumanMessage"),
    ("langchain_core.messages.ai", "AIMessage"),
    ("langchain_core.messages.tool", "ToolMessage"),
    ("no_such_module", "x"),
]


def _constructor(code: int, name: tuple[str, str], argument: bytes) -> bytes:
    return hostile.ext(
        code, hostile.array(hostile.pack(name[0]), hostile.pack(name[1]), argument, hostile.pack("fromisoformat"))
    )


def _array(dtype: str, parts: list[bytes]) -> bytes:
    data = b"".join(parts)
    return hostile.ext(6, hostile.pack((dtype, [len(data)], "C", data)))


leaves = st.one_of(
    good_scalars.map(hostile.pack),
    st.sampled_from(sorted(hostile.KEYS_AS_BYTES.values())),
    st.binary(max_size=8),
    st.integers(0, 255).map(lambda byte: bytes([byte])),
    floats.map(lambda number: b"\xcb" + struct.pack(">d", number)),
    st.integers(0, 2**32 - 1).map(lambda bits: b"\xca" + struct.pack(">I", bits)),
)
raw = st.recursive(leaves, _wrapped, max_leaves=10)
