"""A chat in random order of turns, edits, time travel and deletions, told to a saver: what an app sees of it.

The order depends on the seed alone, so that a saver of ours has to tell the very story that stock's tells.
"""

from __future__ import annotations

import gc
import operator
import random
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Interrupt, Send, interrupt

STEPS = 30
#: what is asked for; the model does something of its own for each
QUESTIONS = ["plain", "plain", "trim", "replace", "edit", "edit deep", "send", "ask", "nested", "other class"]

#: runs what it is given, perhaps unpatched or disabled
Around = Callable[[int, Callable[[], None]], None]


class State(TypedDict, total=False):
    messages: Annotated[list, add_messages]
    log: Annotated[list, operator.add]
    documents: dict
    asked: str
    n: int


def model(state: State) -> dict[str, Any]:
    messages, n = state["messages"], state.get("n", 0)
    question = str(messages[-1].content)
    answer = AIMessage(f"answer {n}", id=f"a{n}", response_metadata={"n": [n, {"x": n}]})
    update = [answer]
    if question.startswith("trim"):
        update += [RemoveMessage(id=message.id) for message in messages[:2]]
    elif question.startswith("replace"):
        update.append(HumanMessage(f"replaced {n}", id=messages[0].id))
    elif question.startswith("edit deep"):
        messages[n % len(messages)].additional_kwargs.setdefault("seen", []).append({"n": n})
    elif question.startswith("edit"):
        messages[n % len(messages)].content = f"edited {n}"
    elif question.startswith("other class"):
        object.__setattr__(messages[0], "additional_kwargs", {**messages[0].additional_kwargs, "tuple": (1, [n])})
    documents = state.get("documents", {})
    documents[f"k{n % 10}"] = {"n": n, "list": [n]}
    return {
        "messages": update,
        "asked": question,
        "n": n + 1,
        "log": [{"step": n, "deep": {"list": [n]}}],
        "documents": documents,
    }


def route(state: State) -> Any:
    question = state["asked"]
    if question.startswith("send"):
        return [Send("worker", {"n": n, "last": state["messages"][-1]}) for n in range(3)]
    return next((name for name in ("ask", "nested") if question.startswith(name)), END)


def worker(sent: dict[str, Any]) -> dict[str, Any]:
    last = sent["last"]
    return {
        "messages": [ToolMessage("done", tool_call_id="c", id=f"{last.id} {sent['n']}", artifact={"of": [last.id]})]
    }


def chat() -> StateGraph:
    inner = StateGraph(State)
    inner.add_node("inner", lambda state: {"messages": [AIMessage("within", id=f"i{state['n']}")]})
    inner.add_edge(START, "inner")
    graph = StateGraph(State)
    graph.add_node("model", model)
    graph.add_node("worker", worker)
    graph.add_node("ask", lambda state: {"messages": [HumanMessage(interrupt("sure?"), id=f"r{state['n']}")]})
    graph.add_node("nested", inner.compile())
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["worker", "ask", "nested", END])
    return graph


def seen(value: Any) -> Any:
    """As it is now, in plain values."""
    if isinstance(value, BaseMessage):
        return type(value).__name__, seen(dict(value.__dict__)), seen(value.__pydantic_extra__)
    if isinstance(value, dict):
        return {key: seen(found) for key, found in value.items()}
    if isinstance(value, (list, tuple)):
        return [seen(found) for found in value]
    # Its id is made of random numbers.
    return value.value if isinstance(value, Interrupt) else value


def directly(which: int, work: Callable[[], None]) -> None:
    work()


def tell(seed: int, savers: list[Any], around: Around = directly) -> list[Any]:
    """The story, with one saver or with several of one file."""
    order = random.Random(seed)
    apps = [chat().compile(checkpointer=saver) for saver in savers]
    held: list[tuple[Any, Any]] = []
    story: list[Any] = []
    for step in range(STEPS):
        app, saver = order.choice([*zip(apps, savers, strict=True)])
        config: Any = {"configurable": {"thread_id": order.choice("aab")}}
        message = {"messages": [HumanMessage(f"{order.choice(QUESTIONS)} {step}", id=f"q{step}")]}
        what = order.choice(
            ["turn"] * 6 + ["around", "hold", "edit what is held", "update", "travel", "delete", "let go"]
        )
        which = order.randrange(1_000)
        state = app.get_state(config)
        given: Any = Command(resume=f"yes {step}") if state.interrupts else message
        if what == "turn":
            # In place edits are made while nothing is encoded.
            story.append(seen(app.invoke(given, config, durability="sync")))
        elif what == "around":
            around(which, lambda: story.append(seen(app.invoke(given, config, durability="sync"))))
        elif what == "hold":
            held.append((state.values, seen(state.values)))
        elif what == "edit what is held" and held:
            values, _ = held[which % len(held)]
            for held_message in values.get("messages", [])[:3]:
                held_message.content = f"edited by its holder {step}"
                held_message.additional_kwargs["by its holder"] = [step]
            held = [(values, seen(values)) for values, _ in held]
        elif what == "update":
            app.update_state(config, {"messages": [HumanMessage("by hand", id=f"h{step}")]}, as_node="ask")
        elif what == "travel":
            states = list(app.get_state_history(config))
            story.append([seen(state.values) for state in states])
            if states:
                then = states[which % len(states)]
                resumed = Command(resume="then") if then.interrupts else message
                story.append(seen(app.invoke(resumed, then.config, durability="sync")))
        elif what == "delete" and which < 300:
            saver.delete_thread(config["configurable"]["thread_id"])
        elif what == "let go":
            held.clear()
            gc.collect()
        story.append(seen(app.get_state(config).values))
        for values, expected in held:
            assert seen(values) == expected
    return story
