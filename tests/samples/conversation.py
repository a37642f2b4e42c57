"""A conversation with a message of each kind."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from samples import classes as s

#: the values of a checkpoint's channels
Values = dict[str, Any]

SYSTEM, HUMAN, AI, TOOL, CHUNK, REMOVE, CHAT, FUNCTION, OWN, EXTRA, DOCUMENT, DICT, LIST = range(13)


def number(text: str) -> float:
    """A number that nothing else has: its address is free for another one as soon as it is given up."""
    return float(text)


def text(start: str) -> str:
    """A str that nothing else has."""
    return "".join([start, " is a text"])


def conversation(more: int = 12) -> list[Any]:
    """One of each, and ``more`` plain ones."""
    call = {"name": "search", "args": {"q": "w", "k": [number("0.5"), text("one"), {"x": 1}]}, "id": "c1"}
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_token_details": {"cache_read": 1}}
    artifact = {
        "rows": [number("1.5"), (1, {"x": number("2.5")}), None],
        "nested": [[number("3.5")], [text("two"), []]],
        "empty": [],
        "deep": {"a": (1, [2, {"y": 3}])},
    }
    made = [
        SystemMessage("be brief", id="s"),
        HumanMessage([text("three"), {"type": "text", "text": "b"}, text("four")], id="h"),
        AIMessage(
            "",
            id="a",
            tool_calls=[{**call, "type": "tool_call"}],
            usage_metadata=usage,
            response_metadata={"model_name": "m", "logprobs": {"content": [number("-0.5"), number("-0.25")]}},
            additional_kwargs={"empty": [], "scores": [number("4.5")], "refusal": None, "zero": 0.0},
        ),
        ToolMessage("found", tool_call_id="c1", name="search", id="t", artifact=artifact),
        AIMessageChunk("part", id="k", additional_kwargs={"index": [number("5.5")]}),
        RemoveMessage(id="gone"),
        ChatMessage("x", role="critic", id="r"),
        FunctionMessage("y", name="f", id="f"),
        s.MyHuman("mine", mood="wild", id="o"),
        HumanMessage("z", id="e", more={"b": [number("6.5")]}, flag=True),
        Document(page_content="d", metadata={"tags": [text("five")]}),
        {"role": "user", "content": [text("six"), [number("7.5")]], 1: {2: 3}},
        [{"nested": [number("8.5")]}],
    ]
    return made + [HumanMessage(f"message {n}", id=f"m{n}") for n in range(more)]


def channels() -> Values:
    documents = [Document(page_content=f"d{n}", metadata={"n": n}) for n in range(10)]
    return {
        "messages": conversation(),
        "count": 1,
        "documents": {f"key {n}": found for n, found in enumerate(documents)},
    }
