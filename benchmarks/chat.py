"""The agent that the other benchmarks run: four messages a turn, by a model that answers at once."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

METADATA = {"model_name": "gpt-4o", "finish_reason": "stop"}


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def model(state: State) -> dict[str, Any]:
    last = state["messages"][-1]
    number = len(state["messages"])
    if isinstance(last, HumanMessage):
        usage = {"input_tokens": 200, "output_tokens": 12, "total_tokens": 212}
        call = {"name": "search", "args": {"query": "weather"}, "id": f"call-{number}", "type": "tool_call"}
        return {"messages": [AIMessage("", tool_calls=[call], usage_metadata=usage, response_metadata=METADATA)]}
    return {"messages": [AIMessage("the answer is " + "blah " * 60, response_metadata=METADATA)]}


def tools(state: State) -> dict[str, Any]:
    (call,) = state["messages"][-1].tool_calls
    return {"messages": [ToolMessage("result " * 50, tool_call_id=call["id"], name="search")]}


def route(state: State) -> str:
    return "tools" if state["messages"][-1].tool_calls else END


GRAPH: StateGraph[Any, Any, Any, Any] = StateGraph(State)
GRAPH.add_node("model", model)
GRAPH.add_node("tools", tools)
GRAPH.add_edge(START, "model")
GRAPH.add_conditional_edges("model", route, ["tools", END])
GRAPH.add_edge("tools", "model")


def question(turn: int) -> dict[str, Any]:
    return {"messages": [HumanMessage(f"question {turn} " * 4)]}


def config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


async def all_at_once(saver: Any, conversations: int, turns: int) -> dict[str, list[Any]]:
    """What was said, by conversation."""
    app = GRAPH.compile(checkpointer=saver)

    async def one(thread: str) -> list[Any]:
        for turn in range(turns):
            await app.ainvoke(question(turn), config(thread))
        state = await app.aget_state(config(thread))
        return [message.content for message in state.values["messages"]]

    threads = [f"conversation {number}" for number in range(conversations)]
    return dict(zip(threads, await asyncio.gather(*map(one, threads)), strict=True))
