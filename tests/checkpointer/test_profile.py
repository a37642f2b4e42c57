"""A RustSQLiteCheckpointer while it is profiled, in either layout, sync and async."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

import fast_langgraph
from apps.chat import graph
from beside_stock.outcomes import assert_same, observe
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched


def by_name(found: Any) -> dict[str, Any]:
    return {operation.name: operation for operation in found.operations}


def assert_adds_up(found: Any) -> None:
    assert 0 <= found.busy <= found.elapsed
    for operation in found.operations:
        parts = [part for part in operation.parts.values() if part is not None]
        assert sum(parts) == pytest.approx(operation.seconds)
        assert operation.parts["engine"] > 0
        # What can't be told apart is absent.
        assert {operation.parts[part] for part in ("waiting", "sqlite", "commit", "rest")} == {None}


def test_calls_return_and_raise_the_same_and_are_counted(checkpointer, path):
    def tell(at: str) -> list[Any]:
        thread = config(at)
        steps = [
            observe(lambda n=n: checkpointer.put(thread, checkpoint(n, text="x" * 99), METADATA, {})) for n in range(4)
        ]
        written = config(at, at=3)
        return [
            *steps,
            observe(lambda: checkpointer.put_writes(written, WRITES, "task")),
            observe(lambda: checkpointer.put_writes(written, [("a", {1: object()})], "task")),
            observe(lambda: checkpointer.get_tuple(thread)),
            observe(lambda: list(checkpointer.list(thread))),
            observe(lambda: checkpointer.put(thread, {}, METADATA, {})),
            observe(lambda: checkpointer.delete_thread("nobody")),
        ]

    plain = tell("same")
    checkpointer.delete_thread("same")
    with fast_langgraph.profile() as profile:
        profiled = tell("same")
    for one, other in zip(plain, profiled, strict=True):
        assert_same(one, other)
    found = profile.report()
    operations = by_name(found)
    assert {name: (one.count, sum(one.errors.values())) for name, one in operations.items()} == {
        "put": (5, 1),
        "put_writes": (2, 1),
        "get_tuple": (1, 0),
        "list": (1, 0),
        "delete_thread": (1, 0),
    }
    assert_adds_up(found)
    size = checkpointer.stats().standard_bytes
    # Of it, metadata is not encoded by the serializer.
    metadata = 4 * len('{"source": "loop", "step": 1, "parents": {}, "run_id": "r"}')
    assert operations["put"].bytes == size - metadata + len(checkpointer.serde.dumps_typed({})[1])
    (file,) = found.files
    assert file.path == str(path)
    assert found.channels[0].name == "text"


@pytest.mark.parametrize("profiled", [False, True], ids=["plain", "profiled"])
def test_a_graph_ends_alike_and_its_puts_are_seen(checkpointer, profiled):
    app = graph.compile(checkpointer=checkpointer)
    with fast_langgraph.profile() if profiled else nullcontext() as profile:
        for turn in range(3):
            app.invoke({"messages": [("user", f"question {turn}")]}, config())
    said = [message.content for message in app.get_state(config()).values["messages"]]
    assert said == ["question 0", "1: question 0", "question 1", "3: question 1", "question 2", "5: question 2"]
    if profile is not None:
        operations = by_name(profile.report())
        assert operations["put"].count == checkpointer.stats().checkpoints == 9
        assert operations["get_tuple"].count == 3
        assert profile.report().channels[0].name == "messages"
        assert_adds_up(profile.report())


def test_async_calls_are_counted_one_by_one(checkpointer):
    async def work() -> None:
        await asyncio.gather(
            *(checkpointer.aput(config(str(n)), checkpoint(n), METADATA, {}) for n in range(20)),
            *(checkpointer.aput_writes(config(str(n), at=n), WRITES, "task") for n in range(20)),
        )
        assert await checkpointer.aget_tuple(config("7"))
        assert len([found async for found in checkpointer.alist(None)]) == 20
        await checkpointer.adelete_thread("7")

    with fast_langgraph.profile() as profile:
        asyncio.run(work())
    operations = by_name(profile.report())
    assert {name: one.count for name, one in operations.items()} == {
        "aput": 20,
        "aput_writes": 20,
        "aget_tuple": 1,
        "alist": 1,
        "adelete_thread": 1,
    }
    assert_adds_up(profile.report())


def test_what_is_remembered_is_still_taken_as_it_was_while_it_is_profiled(path):
    with RustSQLiteCheckpointer(path) as checkpointer, fast_langgraph.profile():
        app = graph.compile(checkpointer=checkpointer)
        for turn in range(12):
            app.invoke({"messages": [("user", f"question {turn}")]}, config())
        remembered = checkpointer.stats().remembered
    assert remembered["encoded_unchanged"] > remembered["encoded_new"]


def test_a_checkpointer_in_memory_has_no_file():
    with RustSQLiteCheckpointer(":memory:") as checkpointer, fast_langgraph.profile() as profile:
        checkpointer.put(config(), checkpoint(1), METADATA, {})
    assert profile.report().files == ()
    assert profile.report().puts == 1
