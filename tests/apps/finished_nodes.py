"""A process that is killed around the put after a node, and another that goes on: whether the node runs again."""

from __future__ import annotations

import os
import signal
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

CONFIG: Any = {"configurable": {"thread_id": "t"}}
#: the step of the checkpoint that ``first`` runs on
STEP = 0


class Found(NamedTuple):
    """What the file holds after the kill, and what the process that goes on has made of it."""

    writes: bool
    checkpoint: bool
    times_run: int
    messages: int


def _saver(way: str, path: str, kill_as_put: str = "") -> Any:
    """A saver that kills its process as the put after ``first`` begins, or once it has returned."""
    if way == "patched":
        fast_langgraph.patch()
    owner: Any = SqliteSaver if way in ("stock", "patched") else RustSQLiteCheckpointer

    class Killing(owner):  # type: ignore[misc]
        def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            ends = metadata["step"] == STEP + 1 and kill_as_put
            if ends == "begins":
                os.kill(os.getpid(), signal.SIGKILL)
            saved = super().put(config, checkpoint, metadata, new_versions)
            if ends == "returns":
                os.kill(os.getpid(), signal.SIGKILL)
            return saved

    if owner is SqliteSaver:
        return Killing(sqlite3.connect(path, check_same_thread=False))
    return Killing(path, layout=way)


def _app(path: str, saver: Any) -> Any:
    def first(_state: Any) -> dict[str, Any]:
        with open(f"{path}.runs", "a") as runs:
            runs.write("x")
        return {"messages": [AIMessage("one")]}

    graph = StateGraph(MessagesState)
    graph.add_node("first", first)
    graph.add_node("second", lambda _state: {"messages": [AIMessage("two")]})
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", END)
    return graph.compile(checkpointer=saver)


def run(way: str, path: str, kill_as_put: str) -> None:
    """The first run of a process."""
    saver = _saver(way, path, kill_as_put)
    _app(path, saver).invoke({"messages": [HumanMessage("zero")]}, CONFIG)


def go_on(pipe: Connection, way: str, path: str) -> None:
    """Sends what it has ``Found``."""
    saver = _saver(way, path)
    latest = saver.get_tuple(CONFIG)
    before = latest
    while before.metadata["step"] > STEP:
        before = saver.get_tuple(before.parent_config)
    messages = _app(path, saver).invoke(None, CONFIG)["messages"]
    times_run = len(Path(f"{path}.runs").read_text())
    pipe.send(Found(bool(before.pending_writes), latest is not before, times_run, len(messages)))
