"""Encoding and decoding beside stock: messages, a nested dict, long text."""

from __future__ import annotations

import time
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from side_by_side import HEADER, compare, on_stock, row

import fast_langgraph

METADATA = {"model_name": "gpt-4o", "finish_reason": "stop"}


def conversation(messages: int) -> list[BaseMessage]:
    """A question, a tool call, the tool's answer and the model's, over and over: some 400 bytes a message."""
    made: list[BaseMessage] = []
    for turn in range(messages // 4):
        usage = {"input_tokens": 200 + turn, "output_tokens": 12, "total_tokens": 212 + turn}
        call = {"name": "search", "args": {"query": "weather"}, "id": f"call-{turn}", "type": "tool_call"}
        made += [
            HumanMessage(content="a question " * 8, id=f"asks-{turn}"),
            AIMessage("", tool_calls=[call], usage_metadata=usage, response_metadata=METADATA, id=f"calls-{turn}"),
            ToolMessage("result " * 50, tool_call_id=f"call-{turn}", name="search", id=f"result-{turn}"),
            AIMessage("the answer is " + "so " * 100, response_metadata=METADATA, id=f"answers-{turn}"),
        ]
    return made


STATES: dict[str, tuple[Any, int]] = {
    "1,000 messages": ({"messages": conversation(1000)}, 5),
    "20 messages": ({"messages": conversation(20)}, 200),
    "a plain nested dict": (
        {f"key {n}": {"a": [1, 2, 3, {"b": "c" * 10}], "d": None, "e": 1.5} for n in range(500)},
        30,
    ),
    "235 KB of text": ({"document": "x" * 235_000}, 200),
    "235 KB of text that is not ASCII": ({"document": "é—x" * 39_000}, 50),
}


def measure(name: str, state: Any, repeat: int) -> None:
    serde = JsonPlusSerializer()
    encoded = on_stock(lambda: serde.dumps_typed(state))
    assert serde.dumps_typed(state) == encoded, name
    assert serde.loads_typed(encoded) == on_stock(lambda: serde.loads_typed(encoded)) == state, name
    # By the thread's own time: other processes have no part in it.
    for what, call in (
        ("dumps", lambda: serde.dumps_typed(state)),
        ("loads", lambda: serde.loads_typed(encoded)),
    ):
        print(row(f"{what} {name}", *compare(call, 15, repeat, time.thread_time), "us"))


def main() -> None:
    # Every call encodes and decodes everything; remembered.py measures what is left out if most is unchanged.
    fast_langgraph.patch(remember=0)
    print(HEADER)
    for name, (state, repeat) in STATES.items():
        measure(name, state, repeat)
    for site, seen in fast_langgraph.status().sites.items():
        assert not seen.fallbacks, site


if __name__ == "__main__":
    main()
