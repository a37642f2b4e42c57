"""Messages, and channels that hold them, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fast_langgraph._cli.stored import Typed, one_line

#: what the kinds of messages are called here
_ROLES = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "assistant": "assistant",
    "tool": "tool",
    "system": "system",
    "developer": "system",
    "function": "function",
    "remove": "remove",
    "chat": "chat",
}

_MODULES = ("langchain_core.messages.", "langchain.schema.messages.")


@dataclass(frozen=True)
class Message:
    role: str
    #: of a tool or of a participant
    name: str
    text: str
    #: name and arguments, as a call is written
    tool_calls: list[str] = field(default_factory=list)
    id: str = ""


def messages(value: Any) -> list[Message] | None:
    """The messages of a channel's value; None if it holds anything else."""
    values = value if isinstance(value, (list, tuple)) else [value]
    found = [message(each) for each in values]
    return [each for each in found if each] if found and all(found) else None


def message(value: Any) -> Message | None:
    if isinstance(value, Typed):
        fields = value.value
        if not value.name.startswith(_MODULES) or not isinstance(fields, dict):
            return None
        kind = fields.get("type") or value.class_name.removesuffix("Message").lower()
    elif isinstance(value, dict) and "content" in value and isinstance(value.get("role") or value.get("type"), str):
        fields = value
        kind = value.get("role") or value.get("type")
    else:
        return None
    role = _ROLES.get(str(kind), str(kind))
    if role == "chat" and fields.get("role"):
        role = str(fields["role"])
    calls = fields.get("tool_calls")
    return Message(
        role,
        str(fields.get("name") or ""),
        "\n".join(_texts(fields.get("content"))),
        [_call(each) for each in calls] if isinstance(calls, (list, tuple)) else [],
        str(fields.get("id") or ""),
    )


def _texts(content: Any) -> Iterator[str]:
    """A message's content is a text, or blocks of several kinds."""
    if isinstance(content, str):
        if content:
            yield content
        return
    for block in content if isinstance(content, (list, tuple)) else [content]:
        if isinstance(block, str):
            yield block
        elif isinstance(block, dict) and isinstance(block.get("text"), str):
            yield block["text"]
        elif isinstance(block, dict) and block.get("type") in ("tool_use", "tool_call"):
            continue  # it is among the tool calls
        elif block is not None:
            kind = block.get("type", "block") if isinstance(block, dict) else "block"
            yield f"[{kind}: {one_line(block, 80)}]"


def _call(call: Any) -> str:
    if not isinstance(call, dict):
        return one_line(call)
    arguments = call.get("args")
    if isinstance(arguments, dict):
        return f"{call.get('name')}({', '.join(f'{key}={one_line(value, 80)}' for key, value in arguments.items())})"
    return f"{call.get('name')}({one_line(arguments, 80)})"
