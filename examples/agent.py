"""Runs a tool-calling agent on stock LangGraph, then under ``fast_langgraph.patch()``.

Prints the times, whether both databases hold the same bytes, and the report of ``status()``.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

import fast_langgraph


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"In {city} it is {len(city)} degrees, with a light wind from the sea. " * 6


def answers(turns: int) -> Iterator[AIMessage]:
    """The fake model's replies: a tool call and then an answer to each question."""
    for turn in range(turns):
        usage = {"input_tokens": 200 + turn, "output_tokens": 12, "total_tokens": 212 + turn}
        call = {"name": "weather", "args": {"city": f"City {turn}"}, "id": f"call-{turn}", "type": "tool_call"}
        yield AIMessage(content="", tool_calls=[call], usage_metadata=usage, id=f"calls-{turn}")
        yield AIMessage(content=f"The answer to question {turn} is: mild. " * 8, id=f"answers-{turn}")


def agent(turns: int) -> StateGraph[Any, Any, Any, Any]:
    """The usual loop of a model and its tools, with a fake model that replies with ``answers``."""
    model = GenericFakeChatModel(messages=answers(turns))

    def ask(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [model.invoke(state["messages"])]}

    tools = ToolNode([weather])

    def run_tools(state: MessagesState) -> dict[str, list[BaseMessage]]:
        # add_messages gives each message without an id a random one, while the message is being saved. To save the
        # same bytes in each run, every message here has an id from the start.
        results = tools.invoke(state)["messages"]
        for result in results:
            result.id = f"result-{result.tool_call_id}"
        return {"messages": results}

    graph = StateGraph(MessagesState)
    graph.add_node("model", ask)
    graph.add_node("tools", run_tools)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph


@contextmanager
def same_ids_and_times() -> Iterator[None]:
    """Gives every run the same checkpoint ids, times and version numbers, so that rows can be compared."""
    drawn = 0

    def uuid6(node: int | None = None, clock_seq: int | None = None) -> UUID:
        nonlocal drawn
        drawn += 1
        return UUID(f"1f000000-{drawn >> 12:04x}-6{drawn & 0xFFF:03x}-8000-000000000000")

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=drawn)

    random.seed(0)
    home = "langgraph.pregel._checkpoint"
    with mock.patch(f"{home}.uuid6", uuid6), mock.patch(f"{home}.datetime", Clock):
        yield


def converse(path: Path, turns: int) -> float:
    """Runs a conversation on a fresh database and returns the seconds it took."""
    with same_ids_and_times(), SqliteSaver.from_conn_string(str(path)) as saver:
        app = agent(turns).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "conversation"}}
        began = time.perf_counter()
        for turn in range(turns):
            question = HumanMessage(content=f"What is the weather in City {turn}? " * 4, id=f"asks-{turn}")
            app.invoke({"messages": [question]}, config)
        return time.perf_counter() - began


def rows(path: Path) -> list[tuple[Any, ...]]:
    """All rows of both tables, ordered by their keys."""
    conn = sqlite3.connect(path)
    try:
        checkpoints = conn.execute("SELECT * FROM checkpoints ORDER BY thread_id, checkpoint_ns, checkpoint_id")
        writes = conn.execute("SELECT * FROM writes ORDER BY thread_id, checkpoint_ns, checkpoint_id, task_id, idx")
        return [*checkpoints, *writes]
    finally:
        conn.close()


def size(row: tuple[Any, ...]) -> int:
    return sum(len(value) for value in row if isinstance(value, (str, bytes)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60, help="questions in the conversation (60)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each kind, for the median (3)")
    arguments = parser.parse_args()

    stock_times: list[float] = []
    rust_times: list[float] = []
    same = True
    with tempfile.TemporaryDirectory() as folder:
        for run in range(arguments.runs):
            stock, rust = Path(folder, f"stock-{run}.db"), Path(folder, f"rust-{run}.db")
            stock_times.append(converse(stock, arguments.turns))
            fast_langgraph.patch()
            rust_times.append(converse(rust, arguments.turns))
            fast_langgraph.unpatch()
            written = rows(stock)
            same = same and written == rows(rust) and len(written) > arguments.turns
    fast_langgraph.patch()

    stock_time, rust_time = statistics.median(stock_times), statistics.median(rust_times)
    megabytes = sum(map(size, written)) / 1e6
    print(f"{arguments.turns} questions to a tool-calling agent, on a SQLite file, {arguments.runs} times each:")
    print(f"  stock SqliteSaver    {stock_time:7.3f} s")
    print(f"  under patch()        {rust_time:7.3f} s   {stock_time / rust_time:.2f} times as fast")
    print(f"{len(written):,} rows, {megabytes:.1f} MB: {'identical, byte for byte' if same else 'THEY DIFFER'}")
    print()
    print(fast_langgraph.status())
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
