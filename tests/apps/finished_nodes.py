"""A process that is killed around the put after a node, and another that goes on: whether the node runs again."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

T = TypeVar("T")
CONFIG: Any = {"configurable": {"thread_id": "t"}}
#: the step of the checkpoint that ``first`` runs on
STEP = 0


class Found(NamedTuple):
    """What the file holds after the kill, and what the process that goes on has made of it."""

    writes: bool
    checkpoint: bool
    times_run: int
    messages: int


def _kills(kill_as_put: str, moment: str, metadata: Any) -> None:
    if kill_as_put == moment and metadata["step"] == STEP + 1:
        os.kill(os.getpid(), signal.SIGKILL)


@asynccontextmanager
async def _saver(way: str, path: str, asynchronous: bool, kill_as_put: str = "") -> AsyncIterator[Any]:
    """A saver that kills its process as the put after ``first`` begins, or once it has returned."""
    if way == "patched":
        fast_langgraph.patch()
    of_stock: Any = AsyncSqliteSaver if asynchronous else SqliteSaver
    owner = of_stock if way in ("stock", "patched") else RustSQLiteCheckpointer

    class Killing(owner):  # type: ignore[misc]
        def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            _kills(kill_as_put, "begins", metadata)
            saved = super().put(config, checkpoint, metadata, new_versions)
            _kills(kill_as_put, "returns", metadata)
            return saved

        async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
            _kills(kill_as_put, "begins", metadata)
            saved = await super().aput(config, checkpoint, metadata, new_versions)
            _kills(kill_as_put, "returns", metadata)
            return saved

    if owner is SqliteSaver:
        yield Killing(sqlite3.connect(path, check_same_thread=False))
    elif not asynchronous:
        yield Killing(path, layout=way)
    else:
        async with Killing.from_conn_string(path, **{} if owner is of_stock else {"layout": way}) as saver:
            yield saver


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


async def _invoke(app: Any, state: Any, asynchronous: bool) -> Any:
    return await app.ainvoke(state, CONFIG) if asynchronous else app.invoke(state, CONFIG)


async def _get(saver: Any, config: Any, asynchronous: bool) -> Any:
    return await saver.aget_tuple(config) if asynchronous else saver.get_tuple(config)


def _complete(coroutine: Coroutine[Any, Any, T], asynchronous: bool) -> T:
    """In an event loop, or without one where nothing in it waits."""
    if asynchronous:
        return asyncio.run(coroutine)
    try:
        coroutine.send(None)
    except StopIteration as returned:
        return returned.value
    raise RuntimeError("a call without an event loop has waited for one")


def run(way: str, path: str, asynchronous: bool, kill_as_put: str) -> None:
    """The first run of a process."""

    async def run() -> None:
        async with _saver(way, path, asynchronous, kill_as_put) as saver:
            await _invoke(_app(path, saver), {"messages": [HumanMessage("zero")]}, asynchronous)

    _complete(run(), asynchronous)


def go_on(pipe: Connection, way: str, path: str, asynchronous: bool) -> None:
    """Sends what it has ``Found``."""

    async def go_on() -> Found:
        async with _saver(way, path, asynchronous) as saver:
            before = latest = await _get(saver, CONFIG, asynchronous)
            while before.metadata["step"] > STEP:
                before = await _get(saver, before.parent_config, asynchronous)
            messages = (await _invoke(_app(path, saver), None, asynchronous))["messages"]
            times_run = len(Path(f"{path}.runs").read_text())
            return Found(bool(before.pending_writes), latest is not before, times_run, len(messages))

    pipe.send(_complete(go_on(), asynchronous))
