"""Graphs as apps have them. Every message comes with its id, and nothing is changed in place."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

import pydantic
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, RetryPolicy, Send, interrupt

from samples import classes as s

CONFIG = {"configurable": {"thread_id": "t", "user": "bob", "tenant": 5}, "metadata": {"run": "é", "n": 1.5}}


class Messages(TypedDict):
    messages: Annotated[list, add_messages]


def agent() -> StateGraph:
    """A model that calls a tool, a tool that answers, a model that answers."""

    def model(state: Messages) -> dict[str, Any]:
        last, n = state["messages"][-1], len(state["messages"])
        if isinstance(last, HumanMessage):
            call = {"name": "search", "args": {"q": last.content, "n": n}, "id": f"call{n}", "type": "tool_call"}
            usage = {"input_tokens": n, "output_tokens": 2, "total_tokens": n + 2}
            return {"messages": [AIMessage("", tool_calls=[call], id=f"a{n}", usage_metadata=usage)]}
        return {"messages": [AIMessage("é" * n, id=f"a{n}", response_metadata={"model_name": "m", "stop": None})]}

    def tools(state: Messages) -> dict[str, Any]:
        call, n = state["messages"][-1].tool_calls[0], len(state["messages"])
        artifact = {"rows": [n, (1, 2)], "when": s.datetime(2020, 1, 2), "plain": s.Plain(n)}
        message = ToolMessage("found", tool_call_id=call["id"], name="search", id=f"t{n}", artifact=artifact)
        return {"messages": [message]}

    def route(state: Messages) -> str:
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else END

    graph = StateGraph(Messages)
    graph.add_node("model", model)
    graph.add_node("tools", tools)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["tools", END])
    graph.add_edge("tools", "model")
    return graph


class Everything(TypedDict, total=False):
    log: Annotated[list, operator.add]
    values: Any
    data: Any
    model: Any
    tags: Annotated[set, operator.or_]


def kinds() -> StateGraph:
    """State of every kind, branches that join, nodes that fail once and are tried again."""
    tries: list[int] = []

    def first(state: Everything) -> dict[str, Any]:
        values = {"when": s.datetime(2020, 1, 2), "uid": s.UUID(int=5), "odd": {1: (2, b"x"), None: float("inf")}}
        return {"log": ["first"], "values": values, "data": s.Plain(1, s.Frozen(2)), "tags": {"a"}}

    def left(state: Everything) -> dict[str, Any]:
        return {"log": ["left"], "model": s.Outer(inner={"value": [1]}), "tags": {"b"}}

    def right(state: Everything) -> dict[str, Any]:
        tries.append(1)
        if len(tries) % 2:
            raise ConnectionError("try again")
        return {"log": ["right", s.Color.RED, s.Point(1, 2)], "tags": {"c"}}

    graph = StateGraph(Everything)
    for name, node in (("first", first), ("left", left)):
        graph.add_node(name, node)
    graph.add_node(
        "right", right, retry_policy=RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    )
    graph.add_node("join", lambda state: {"log": ["join"]})
    graph.add_edge(START, "first")
    graph.add_edge("first", "left")
    graph.add_edge("first", "right")
    graph.add_edge(["left", "right"], "join")
    return graph


class Items(TypedDict):
    items: list
    results: Annotated[list, operator.add]


def fan_out() -> StateGraph:
    """One task for each item, by Send."""
    graph = StateGraph(Items)
    graph.add_node("split", lambda state: {})
    graph.add_node("work", lambda state: {"results": [{"item": state["item"], "square": state["item"] ** 2}]})
    graph.add_node("end", lambda state: {"results": [len(state["results"])]})
    graph.add_edge(START, "split")
    graph.add_conditional_edges("split", lambda state: [Send("work", {"item": i}) for i in state["items"]], ["work"])
    graph.add_edge("work", "end")
    return graph


class Asking(TypedDict):
    answers: Annotated[list, operator.add]
    messages: Annotated[list, add_messages]


def asking() -> StateGraph:
    """Two questions to a human, one after the other, and two at once."""

    def ask(state: Asking) -> dict[str, Any]:
        first = interrupt({"question": "name?", "options": ("a", "b")})
        second = interrupt(s.Plain("age?"))
        return {"answers": [first, second], "messages": [HumanMessage(str(first), id="h1")]}

    def also(state: Asking) -> dict[str, Any]:
        return {"answers": [interrupt("also?")]}

    graph = StateGraph(Asking)
    graph.add_node("ask", ask)
    graph.add_node("also", also)
    graph.add_node("done", lambda state: {"answers": ["done"]})
    graph.add_edge(START, "ask")
    graph.add_edge(START, "also")
    graph.add_edge(["ask", "also"], "done")
    return graph


def nested() -> StateGraph:
    """A graph in a graph in a graph; the innermost asks."""

    class Inner(TypedDict):
        log: Annotated[list, operator.add]
        secret: int

    def innermost(state: Inner) -> dict[str, Any]:
        return {"log": ["innermost", interrupt("inside")], "secret": 5}

    deepest = StateGraph(Inner)
    deepest.add_node("innermost", innermost)
    deepest.add_edge(START, "innermost")
    middle = StateGraph(Inner)
    middle.add_node("before", lambda state: {"log": ["before"], "secret": 1})
    middle.add_node("deepest", deepest.compile())
    middle.add_edge(START, "before")
    middle.add_edge("before", "deepest")

    class Outer(TypedDict):
        log: Annotated[list, operator.add]

    outer = StateGraph(Outer)
    outer.add_node("middle", middle.compile())
    outer.add_node("own", middle.compile(checkpointer=True))
    outer.add_node("after", lambda state: {"log": ["after"]})
    outer.add_edge(START, "middle")
    outer.add_edge("middle", "own")
    outer.add_edge("own", "after")
    return outer


def commands() -> StateGraph:
    """Nodes that say themselves where to go on, and messages that are taken away."""

    def start(state: Messages) -> Command[Literal["second", "third"]]:
        n = len(state["messages"])
        return Command(
            update={"messages": [AIMessage("x", id=f"c{n}")]}, goto=["second", Send("third", {"messages": []})]
        )

    graph = StateGraph(Messages)
    graph.add_node("start", start)
    graph.add_node("second", lambda state: {"messages": [RemoveMessage(id=state["messages"][0].id)]})
    graph.add_node("third", lambda state: {"messages": [HumanMessage("third", id="third")]})
    graph.add_edge(START, "start")
    return graph


@dataclass
class DataState:
    count: int = 0
    items: Annotated[list, operator.add] = field(default_factory=list)


class ModelState(pydantic.BaseModel):
    count: int = 0
    items: Annotated[list, operator.add] = []


def typed(schema: type) -> Callable[[], StateGraph]:
    """State that is a dataclass or a pydantic model."""

    def build() -> StateGraph:
        graph = StateGraph(schema)
        graph.add_node("one", lambda state: {"count": state.count + 1, "items": [state.count]})
        graph.add_node("two", lambda state: {"count": state.count + 1, "items": [s.Model(a=state.count)]})
        graph.add_edge(START, "one")
        graph.add_edge("one", "two")
        return graph

    return build


def failing() -> StateGraph:
    """A node that fails beside one that doesn't; run again, it goes through."""
    tries: list[int] = []

    def fails(state: Everything) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("failed é")
        return {"log": ["went through"]}

    graph = StateGraph(Everything)
    graph.add_node("good", lambda state: {"log": ["good"]})
    graph.add_node("fails", fails)
    graph.add_edge(START, "good")
    graph.add_edge(START, "fails")
    return graph


def delta() -> StateGraph | None:
    """A channel that is stored as what was added to it, where this release has that."""
    try:
        from langgraph.channels import DeltaChannel
    except ImportError:
        return None

    def reducer(state: list, writes: list) -> list:
        return [*state, *(item for write in writes for item in write)]

    Deltas = TypedDict("Deltas", {"items": Annotated[list, DeltaChannel(reducer, snapshot_frequency=5)], "count": int})
    graph = StateGraph(Deltas)
    graph.add_node(
        "add", lambda state: {"items": [len(state["items"]), {"x": (1, 2)}], "count": state.get("count", 0) + 1}
    )
    graph.add_node("more", lambda state: {"items": [HumanMessage("m", id=str(len(state["items"])))]})
    graph.add_edge(START, "add")
    graph.add_edge("add", "more")
    return graph
