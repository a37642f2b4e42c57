"""Stock's savers while they are profiled, patched and not: they do what they did, and the numbers are those of the calls."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import ExitStack, closing, nullcontext
from typing import Any

import aiosqlite
import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.outcomes import Outcome, assert_same, observe
from beside_stock.sites import runs_native
from beside_stock.stories import all_rows
from fast_langgraph import Profile
from installed_releases import needs_history
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

sides = pytest.mark.parametrize("on_ours", [False, True], ids=["stock", "patched"])
CHANNELS = {"text": "x" * 500, "items": [{"n": 1}, (2, 3)], "<script>": "y"}


def on_side(patched: bool) -> None:
    (fast_langgraph.patch if patched else fast_langgraph.unpatch)()


def tell(saver: SqliteSaver) -> list[Outcome]:
    """Calls of each method, some of which fail."""
    at: dict[str, Any] = {}

    def put(n: int) -> Any:
        return saver.put(config(at=n - 1 if n else None), checkpoint(n, **CHANNELS), {**METADATA, "step": n}, {})

    steps = [observe(lambda n=n: put(n)) for n in range(3)]
    at = steps[-1].value
    steps += [
        observe(lambda: saver.put_writes(at, WRITES, "task")),
        observe(lambda: saver.put_writes(at, SPECIAL, task_id="task", task_path="~x")),
        observe(lambda: saver.get_tuple(config())),
        observe(lambda: saver.get_tuple(config=config(at=1))),
        observe(lambda: saver.get_tuple(config("nobody"))),
        observe(lambda: list(saver.list(config(), limit=2))),
        observe(lambda: next(saver.list(config()))),
        observe(lambda: saver.put(config(), checkpoint(9), METADATA)),
        observe(lambda: saver.put(config(), {"channel_values": {}}, METADATA, {})),
        observe(lambda: saver.put_writes(at, [("a", {1: object()})], "bad")),
        observe(lambda: saver.put_writes(at, 5, "bad")),
        observe(lambda: saver.delete_thread("nobody")),
    ]
    return steps


#: the calls of ``tell`` by method, and those that fail
CALLS = {"put": (5, 2), "put_writes": (4, 2), "get_tuple": (3, 0), "list": (2, 0), "delete_thread": (1, 0)}


def told(folder: Any, profiled: bool) -> tuple[list[Outcome], Any, Profile | None]:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "test.db", check_same_thread=False)) as conn:
        saver = SqliteSaver(conn)
        with fast_langgraph.profile() if profiled else nullcontext() as profile:
            steps = tell(saver)
        return steps, all_rows(conn), profile.report() if profile else None


def by_name(found: Profile) -> dict[str, Any]:
    return {operation.name: operation for operation in found.operations}


def assert_adds_up(found: Profile) -> None:
    assert 0 <= found.busy <= found.elapsed
    assert found.outside == found.elapsed - found.busy
    assert found.running == 0
    for operation in found.operations:
        parts = [part for part in operation.parts.values() if part is not None]
        assert all(part >= 0 for part in parts), operation
        assert sum(parts) <= operation.seconds * 1.001 + 1e-6, operation
        assert 0 <= operation.p50 <= operation.p95 <= operation.max <= operation.seconds + 1e-9
    assert Profile.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@sides
def test_calls_return_raise_and_store_the_same_while_they_are_profiled(tmp_path, on_ours):
    on_side(on_ours)
    plain, plain_rows, _ = told(tmp_path / "plain", False)
    profiled, rows, _ = told(tmp_path / "profiled", True)
    assert len(plain) == sum(count for count, _ in CALLS.values())
    for one, other in zip(plain, profiled, strict=True):
        assert_same(one, other)
    assert rows == plain_rows
    assert len(rows["checkpoints"]) == 3


@sides
def test_counts_errors_and_bytes_are_those_of_the_calls(tmp_path, on_ours):
    on_side(on_ours)
    _, _, found = told(tmp_path / "test", True)
    operations = by_name(found)
    assert {name: (one.count, sum(one.errors.values())) for name, one in operations.items()} == CALLS
    assert operations["put"].errors == {"TypeError": 1, "KeyError": 1}
    assert {one.saver for one in found.operations} == {"SqliteSaver"}
    assert_adds_up(found)


@sides
def test_bytes_are_those_of_the_rows(tmp_path, on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
        with fast_langgraph.profile() as profile:
            for n in range(5):
                written = saver.put(config(at=n - 1 if n else None), checkpoint(n, **CHANNELS), METADATA, {})
                saver.put_writes(written, WRITES, "task")
            assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(4)["id"]
        found = by_name(profile.report())
        stored = saver.conn.execute("SELECT sum(length(checkpoint)) FROM checkpoints").fetchone()[0]
        last = saver.conn.execute("SELECT length(checkpoint) FROM checkpoints ORDER BY 1 DESC").fetchone()[0]
        writes = saver.conn.execute("SELECT sum(length(value)) FROM writes").fetchone()[0]
    assert found["put"].bytes == profile.report().checkpoint_bytes == stored
    assert found["put_writes"].bytes == writes
    assert found["get_tuple"].bytes == last + writes // 5
    assert found["put"].parts["encode"] > 0
    assert found["put"].parts["decode"] is None
    assert found["get_tuple"].parts["decode"] > 0
    assert found["get_tuple"].parts["encode"] is None


@sides
def test_a_part_that_cannot_be_told_apart_is_absent(tmp_path, on_ours):
    on_side(on_ours)
    _, _, found = told(tmp_path / "test", True)
    put = by_name(found)["put"].parts
    measured = {name for name, part in put.items() if part is not None}
    apart = {"sqlite_and_commit"} if on_ours else {"sqlite", "commit"}
    # A put that fails while it encodes waits in stock's cursor on both sides.
    assert apart <= measured
    assert measured - {"sqlite", "commit"} == {"encode", "waiting", "rest"} | (apart - {"sqlite", "commit"})
    assert by_name(found)["get_tuple"].parts["sqlite"] > 0
    assert by_name(found)["get_tuple"].parts["commit"] is None


def test_the_fast_ways_are_still_taken_while_a_profile_is_on(tmp_path):
    fast_langgraph.patch()
    sites = [f"SqliteSaver.{name}" for name in ("put", "put_writes", "get_tuple", "delete_thread")]
    codec = ["JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed"]
    before = {name: site.state for name, site in fast_langgraph.status().sites.items()}
    with (
        SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver,
        fast_langgraph.profile() as profile,
        runs_native(*sites, *codec),
    ):
        written = saver.put(config(), checkpoint(1, **CHANNELS), METADATA, {})
        saver.put_writes(written, WRITES, "task")
        saver.get_tuple(config())
        saver.delete_thread("1")
        assert {name: site.state for name, site in fast_langgraph.status().sites.items()} == before
        assert not any(site.wrappers for site in fast_langgraph.status().sites.values())
    assert {name: site.state for name, site in fast_langgraph.status().sites.items()} == before
    counted = {site.name: (site.calls, site.fallbacks) for site in profile.report().sites}
    assert {name: counted[name] for name in sites} == dict.fromkeys(sites, (1, {}))


@sides
def test_a_listing_is_timed_without_what_its_caller_does(tmp_path, on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
        for n in range(3):
            saver.put(config(), checkpoint(n), METADATA, {})
        with fast_langgraph.profile() as profile:
            listed = saver.list(config())
            next(listed)
            # What runs between two of them is not part of the listing, and is profiled by itself.
            other = SqliteSaver(sqlite3.connect(":memory:"))
            other.put(config(), checkpoint(1), METADATA, {})
            assert len(list(listed)) == 2
        other.conn.close()
    found = by_name(profile.report())
    assert (found["list"].count, found["put"].count) == (1, 1)
    assert_adds_up(profile.report())
    assert found["list"].parts["encode"] is None


def test_a_listing_that_is_left_or_thrown_into_ends_as_it_would(tmp_path):
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
        for n in range(3):
            saver.put(config(), checkpoint(n), METADATA, {})
        with fast_langgraph.profile() as profile:
            left = saver.list(config())
            next(left)
            assert saver.lock.locked()
            left.close()
            assert not saver.lock.locked()
            thrown = saver.list(config())
            next(thrown)
            with pytest.raises(ZeroDivisionError):
                thrown.throw(ZeroDivisionError())
            assert not saver.lock.locked()
            never_begun = saver.list(config())
            never_begun.close()
        (found,) = profile.report().operations
    assert (found.count, found.errors) == (2, {"ZeroDivisionError": 1})


@sides
def test_a_profile_sees_the_calls_of_all_threads(tmp_path, on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver, fast_langgraph.profile() as profile:

        def work(thread: int) -> None:
            for n in range(20):
                written = saver.put(config(str(thread)), checkpoint(n, **CHANNELS), METADATA, {})
                saver.put_writes(written, WRITES, "task")
                saver.get_tuple(config(str(thread)))

        threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        rows = saver.conn.execute("SELECT count(*), sum(length(checkpoint)) FROM checkpoints").fetchone()
    found = by_name(profile.report())
    assert {name: one.count for name, one in found.items()} == dict.fromkeys(("put", "put_writes", "get_tuple"), 120)
    assert (rows[0], rows[1]) == (120, found["put"].bytes)
    assert_adds_up(profile.report())
    assert found["put"].parts["waiting"] is not None


@sides
def test_a_call_that_waits_for_the_lock_says_so(tmp_path, on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
        saver.put(config(), checkpoint(1), METADATA, {})
        with fast_langgraph.profile() as profile:
            saver.lock.acquire()
            began = threading.Event()
            waits = threading.Thread(target=lambda: began.set() or saver.get_tuple(config()))
            waits.start()
            assert began.wait(60)
            time.sleep(0.2)
            saver.lock.release()
            waits.join()
        (found,) = profile.report().operations
    assert found.parts["waiting"] > found.parts["sqlite"]


async def atell(saver: AsyncSqliteSaver) -> list[Outcome]:
    steps: list[Outcome] = []

    async def do(awaitable: Any) -> Any:
        outcome = Outcome()
        try:
            outcome.value = await awaitable
        except Exception as error:
            outcome.error = error
        steps.append(outcome)
        return outcome.value

    async def listed(limit: int | None) -> list[Any]:
        return [found async for found in saver.alist(config(), limit=limit)]

    async def first() -> Any:
        found = saver.alist(config())
        try:
            return await anext(found)
        finally:
            await found.aclose()

    for n in range(3):
        at = await do(saver.aput(config(at=n - 1 if n else None), checkpoint(n, **CHANNELS), METADATA, {}))
    await do(saver.aput_writes(at, WRITES, "task"))
    await asyncio.gather(*(saver.aput_writes(at, SPECIAL, f"task-{n}") for n in range(5)))
    await do(saver.aget_tuple(config()))
    await do(saver.aget_tuple(config("nobody")))
    await do(listed(None))
    await do(first())
    await do(saver.aput(config(), {"channel_values": {}}, METADATA, {}))
    await do(saver.adelete_thread("nobody"))
    # From another thread the sync methods hand over to the loop: each is one call.
    await do(asyncio.to_thread(saver.get_tuple, config()))
    await do(asyncio.to_thread(lambda: list(saver.list(config()))))
    return steps


ASYNC_CALLS = {
    "aput": 4,
    "aput_writes": 6,
    "aget_tuple": 2,
    "alist": 2,
    "adelete_thread": 1,
    "get_tuple": 1,
    "list": 1,
}


@sides
def test_async_calls_do_the_same_and_are_counted_one_by_one(tmp_path, on_ours):
    on_side(on_ours)

    async def run(name: str, profiled: bool) -> tuple[list[Outcome], Profile | None]:
        async with aiosqlite.connect(tmp_path / name) as conn:
            with fast_langgraph.profile() if profiled else nullcontext() as profile:
                steps = await atell(AsyncSqliteSaver(conn))
        return steps, profile.report() if profile else None

    plain, _ = asyncio.run(run("plain.db", False))
    with ExitStack() as checks:
        if on_ours:
            names = ("aput", "aput_writes", "aget_tuple", "adelete_thread")
            checks.enter_context(runs_native(*(f"AsyncSqliteSaver.{name}" for name in names)))
        profiled, found = asyncio.run(run("profiled.db", True))
    for one, other in zip(plain, profiled, strict=True):
        assert_same(one, other)
    with (
        closing(sqlite3.connect(tmp_path / "plain.db")) as one,
        closing(sqlite3.connect(tmp_path / "profiled.db")) as other,
    ):
        assert all_rows(one) == all_rows(other)
        stored = other.execute("SELECT sum(length(checkpoint)) FROM checkpoints").fetchone()[0]
    operations = by_name(found)
    assert {name: one.count for name, one in operations.items()} == ASYNC_CALLS
    # What was encoded and then not stored counts too.
    assert operations["aput"].bytes == stored + len(AsyncSqliteSaver.serde.dumps_typed({"channel_values": {}})[1])
    assert operations["aput"].errors == {"KeyError": 1}
    assert_adds_up(found)
    assert [file.path for file in found.files] == [str(tmp_path / "profiled.db")]
    apart = ("sqlite_and_commit",) if on_ours else ("sqlite", "commit")
    assert all(operations["aput_writes"].parts[part] > 0 for part in apart)
    assert operations["aput_writes"].parts["waiting"] > 0


@needs_history
@sides
def test_a_history_is_one_call_with_the_reading_inside_it(tmp_path, on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
        for n in range(3):
            written = saver.put(config(at=n - 1 if n else None), checkpoint(n), METADATA, {})
            saver.put_writes(written, [("log", [n])], "task")
        expected = saver.get_delta_channel_history(config=config(), channels=["log"])
        with fast_langgraph.profile() as profile:
            assert saver.get_delta_channel_history(config=config(), channels=["log"]) == expected
    (found,) = profile.report().operations
    # It calls get_tuple() itself.
    assert (found.name, found.count) == ("get_delta_channel_history", 1)
    assert found.parts["decode"] > 0


@sides
def test_growth_is_that_of_the_files(tmp_path, on_ours):
    on_side(on_ours)
    path = tmp_path / "test.db"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        saver.put(config(), checkpoint(0), METADATA, {})
        before = [path.stat().st_size, path.with_name("test.db-wal").stat().st_size]
        with fast_langgraph.profile() as profile:
            for n in range(1, 4):
                saver.put(config(), checkpoint(n, text="x" * 100_000), METADATA, {})
        after = [path.stat().st_size, path.with_name("test.db-wal").stat().st_size]
        (file,) = profile.report().files
        assert [file.database_before, file.wal_before] == before
        assert [file.database_after, file.wal_after] == after
        assert file.growth == sum(after) - sum(before) > 0
        assert profile.report().puts == 3


def test_asking_for_the_file_runs_no_statement_that_the_app_would_see(tmp_path):
    with SqliteSaver.from_conn_string(str(tmp_path / "test.db")) as saver:
        saver.setup()
        plain: list[str] = []
        saver.conn.set_trace_callback(plain.append)
        saver.put(config(), checkpoint(1), METADATA, {})
        profiled: list[str] = []
        saver.conn.set_trace_callback(profiled.append)
        with fast_langgraph.profile() as profile:
            saver.put(config(), checkpoint(1), METADATA, {})
        assert plain
        assert profiled == plain
        assert profile.report().files


@sides
def test_a_database_in_memory_has_no_file(on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(":memory:") as saver, fast_langgraph.profile() as profile:
        saver.put(config(), checkpoint(1), METADATA, {})
    assert profile.report().files == ()
    assert profile.report().to_dict()["growth"] is None


@sides
def test_channels_are_told_apart_in_the_bytes_of_a_checkpoint(on_ours):
    on_side(on_ours)
    with SqliteSaver.from_conn_string(":memory:") as saver, fast_langgraph.profile() as profile:
        written = saver.put(config(), checkpoint(1, **CHANNELS), METADATA, {})
        saver.put_writes(written, WRITES, "task")
        encoded = {name: len(saver.serde.dumps_typed({name: value})[1]) - 1 for name, value in CHANNELS.items()}
    found = {channel.name: channel for channel in profile.report().channels}
    assert {name: found[name].bytes for name in CHANNELS} == encoded
    assert profile.report().channels[0].name == "text"
    assert found["messages"].writes == 1
    assert found["messages"].write_bytes == len(saver.serde.dumps_typed(WRITES[0][1])[1])
    assert (profile.report().sampled, profile.report().sampled_bytes) == (1, profile.report().checkpoint_bytes)
    assert all(channel.encode_share is None for channel in found.values())


@sides
def test_channels_are_encoded_once_more_only_if_that_is_asked_for(on_ours):
    on_side(on_ours)
    encoded: list[str] = []

    class Mine:
        def __init__(self) -> None:
            self.a = 1

        def model_dump(self) -> dict[str, int]:
            encoded.append("")
            return {"a": 1}

    with SqliteSaver.from_conn_string(":memory:") as saver:
        for options, expected in ({}, 1), ({"encode_channels": True}, 2):
            encoded.clear()
            with fast_langgraph.profile(**options) as profile:
                saver.put(config(), checkpoint(1, mine=Mine()), METADATA, {})
            assert len(encoded) == expected
    shares = {channel.name: channel.encode_share for channel in profile.report().channels}
    assert set(shares) == {"count", "mine"}
    assert sum(shares.values()) == pytest.approx(1)
    assert by_name(profile.report())["put"].count == 1
