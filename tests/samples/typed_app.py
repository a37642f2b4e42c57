"""An app as a type checker sees it. Each mistake in it has to be refused: the checker tells of an ignore without one."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer, Stats, ThreadStats


class State(TypedDict):
    count: int


class Own(RustSQLiteCheckpointer):
    def own(self) -> int:
        return 1


def counted(state: State) -> State:
    return {"count": state["count"] + 1}


def graph(saver: RustSQLiteCheckpointer) -> None:
    builder = StateGraph(State)
    builder.add_node("counted", counted)
    builder.add_edge(START, "counted")
    app = builder.compile(checkpointer=saver)
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    app.invoke({"count": 1}, config)
    found: CheckpointTuple | None = saver.get_tuple(config)
    assert found is not None
    listed: list[str] = [each.checkpoint["id"] for each in saver.list(config, limit=3, filter={"step": 1})]
    assert listed


def care(saver: RustSQLiteCheckpointer) -> tuple[Stats, tuple[ThreadStats, ...]]:
    saver.prune(["1"], keep_last=3)
    saver.prune(older_than=timedelta(days=30))
    saver.prune(older_than=datetime.now(timezone.utc), strategy="delete")
    saver.prune(older_than=3600.0)
    saver.convert("compact")
    saver.vacuum()
    saver.backup(Path("copy.db"))
    stats = saver.stats()
    return stats, stats.largest_threads


async def both_ways(saver: RustSQLiteCheckpointer) -> None:
    await saver.setup()
    saver.setup()
    stats: Stats = await saver.astats()
    assert stats.threads >= 0
    await saver.aconvert("standard")


def main() -> None:
    fast_langgraph.patch(layout="compact")
    with Own.from_conn_string("app.db", synchronous="normal", readers=2, serde=JsonPlusSerializer()) as own:
        own.own()
        graph(own)
        care(own)
    with RustSQLiteCheckpointer(Path("app.db"), layout="compact", busy_timeout=5) as saver:
        asyncio.run(both_ways(saver))


def mistakes(saver: RustSQLiteCheckpointer) -> None:
    RustSQLiteCheckpointer("app.db", synchronous="FULL")  # type: ignore[arg-type]
    RustSQLiteCheckpointer("app.db", layout="small")  # type: ignore[arg-type]
    RustSQLiteCheckpointer("app.db", readers="4")  # type: ignore[arg-type]
    RustSQLiteCheckpointer("app.db", serde=3)  # type: ignore[arg-type]
    RustSQLiteCheckpointer("app.db", "full")  # type: ignore[call-arg,arg-type]
    RustSQLiteCheckpointer("app.db", sync="full")  # type: ignore[call-arg]
    RustSQLiteCheckpointer.from_conn_string("app.db", synchronous=True)  # type: ignore[arg-type]
    RustSQLiteCheckpointer.from_conn_string("app.db", sync="full")  # type: ignore[call-arg]
    saver.prune(["1"], strategy="keep_all")  # type: ignore[arg-type]
    saver.prune(older_than="30 days")  # type: ignore[arg-type]
    saver.convert("dense")  # type: ignore[arg-type]
    saver.stats().threads = 3  # type: ignore[misc]
