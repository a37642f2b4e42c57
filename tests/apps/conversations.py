"""An app with tools, a question to a person, subgraphs and forks, whose threads people look into."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt

#: what would move the cursor or colour the screen, and rich's own markup
HOSTILE = "Another \x1b[31mred\x1b[0m way [bold]home[/bold]?\r\u202e"
#: more than a terminal of 80 columns takes
LONG = "user with a long name " * 5


class State(TypedDict):
    messages: Annotated[list, add_messages]
    city: str
    tries: int


def agent(state: State) -> dict[str, Any]:
    if isinstance(state["messages"][-1], ToolMessage):
        answer = AIMessage("It is 21 °C in Paris.\nAnything else?")
        return {"messages": [answer], "tries": state.get("tries", 0) + 1}
    call = {"name": "get_weather", "args": {"city": "Paris", "unit": "C"}, "id": "c1"}
    return {"messages": [AIMessage([{"type": "text", "text": "Let me look."}], tool_calls=[call])], "city": "Paris"}


def tools(state: State) -> dict[str, Any]:
    return {"messages": [ToolMessage("21 °C", tool_call_id="c1", name="get_weather")]}


def book(state: State) -> dict[str, Any]:
    return {"city": interrupt({"question": "May I book the trip?"})}


def _next(state: State) -> str:
    if getattr(state["messages"][-1], "tool_calls", None):
        return "tools"
    return "book" if "book" in str(state["messages"][0].content) else "__end__"


def graph(saver: Any) -> Any:
    built = StateGraph(State)
    for node in (agent, tools, book):
        built.add_node(node)
    built.add_edge(START, "agent")
    built.add_conditional_edges("agent", _next)
    built.add_edge("tools", "agent")
    return built.compile(checkpointer=saver)


def run(path: Path, others: int = 5) -> None:
    """Threads "weather" (two turns, a fork, and a turn more), "trip" (waits for a person) and others, on stock."""
    with SqliteSaver.from_conn_string(str(path)) as saver:
        app = graph(saver)
        weather: Any = {"configurable": {"thread_id": "weather"}}
        app.invoke({"messages": [SystemMessage("You are kind."), HumanMessage("How is the weather?")]}, weather)
        fork = next(state for state in app.get_state_history(weather) if state.metadata["step"] == 1).config
        app.invoke({"messages": [HumanMessage("And now?")]}, weather)
        app.invoke({"messages": [HumanMessage(HOSTILE)]}, fork)
        app.invoke({"messages": [HumanMessage("And at last?")]}, weather)
        app.invoke({"messages": [HumanMessage("book it")]}, {"configurable": {"thread_id": "trip"}})
        for number in range(others):
            config: Any = {"configurable": {"thread_id": f"{LONG}{number}"}, "metadata": {"user": f"u{number}"}}
            app.invoke({"messages": [HumanMessage(f"hello {number}")]}, config)
