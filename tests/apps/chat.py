"""A chat whose model answers at once."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage
from langgraph.graph import StateGraph
from langgraph.graph.message import add_messages


class State(TypedDict):
    messages: Annotated[list, add_messages]


def model(found: State) -> dict[str, Any]:
    return {"messages": [AIMessage(f"{len(found['messages'])}: {found['messages'][-1].content}")]}


graph = StateGraph(State)
graph.add_node("model", model)
graph.set_entry_point("model")
