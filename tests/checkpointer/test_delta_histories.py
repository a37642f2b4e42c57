"""The history of delta channels in both layouts: what stock gives, from any rows, and in one query."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from apps.databases import connected, opened
from apps.entry_points import ENTRIES, call
from beside_stock.equality import difference, shared_mutables
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._checkpointer import delta_channels
from installed_releases import HAS_HISTORY, _DeltaSnapshot
from samples.checkpoints import METADATA, checkpoint_id, config
from samples.deltas import BLOBS, CHANNELS, DAMAGES, LENGTH, fill, put

pytestmark = pytest.mark.skipif(not HAS_HISTORY, reason="this release has no delta channels")

ASKED = [config(), config(at=8), config(at=5), config(at=2), config(at=0), config(at=77), config("none")]


@pytest.fixture
def steps(monkeypatch) -> list[tuple]:
    """What was found step by step, and not by one query."""
    taken = []
    step_by_step = delta_channels.step_by_step

    def counted(*arguments):
        taken.append(arguments)
        return step_by_step(*arguments)

    monkeypatch.setattr(delta_channels, "step_by_step", counted)
    return taken


def outcome(ask):
    try:
        return ask(), None
    except Exception as error:
        return None, (type(error), str(error))


def as_by_stock(checkpointer, asked=ASKED, channels=CHANNELS) -> None:
    """Stock reads the same file, in the compact layout through its view."""
    with opened("stock", checkpointer.path) as stock:
        for given in asked:
            for names in channels:
                question = {"config": given, "channels": names}
                expected = outcome(lambda question=question: stock.get_delta_channel_history(**question))
                for entry in ENTRIES:
                    found = outcome(
                        lambda entry=entry, question=question: call(
                            entry, checkpointer, "get_delta_channel_history", **question
                        )
                    )
                    assert found[1] == expected[1], question
                    assert difference(expected[0], found[0]) is None, question


def test_a_history_is_that_of_stock_and_found_by_one_query(checkpointer, steps):
    fill(checkpointer)
    as_by_stock(checkpointer)
    as_by_stock(checkpointer)
    put(checkpointer, LENGTH, parent=LENGTH - 1)
    as_by_stock(checkpointer)
    assert steps == []


def test_branches_and_namespaces_have_their_own_histories(checkpointer, steps):
    for thread in ("1", "2"):
        for ns in ("", "sub", "sub|deep", "a\0b"):
            fill(checkpointer, thread, ns, 5)
            put(checkpointer, 20, thread, ns, parent=3)
            put(checkpointer, 21, thread, ns, parent=20)
    asked = [config(thread, ns, at=at) for thread in ("1", "2") for ns in ("", "sub", "a\0b") for at in (None, 4, 21)]
    as_by_stock(checkpointer, asked)
    checkpointer.delete_thread("1")
    as_by_stock(checkpointer, asked)
    fill(checkpointer, length=4)
    as_by_stock(checkpointer, asked)
    assert steps == []


def test_what_is_put_in_the_place_of_a_checkpoint_is_found(checkpointer, steps):
    fill(checkpointer)
    as_by_stock(checkpointer)
    put(checkpointer, 4, parent=3, items=_DeltaSnapshot([HumanMessage("another", id="x")]))
    checkpointer.put_writes(config(at=6), [("__error__", "e")], "task a", "~z")
    as_by_stock(checkpointer)
    with connected(checkpointer.path) as conn:
        conn.execute("UPDATE writes SET value = x'91a178' WHERE channel = 'items' AND task_id = 'task b'")
        conn.execute(f"DELETE FROM writes WHERE checkpoint_id = '{checkpoint_id(6)}'")
    as_by_stock(checkpointer)
    assert steps == []


def test_what_was_pruned_and_what_was_converted_is_read_as_before(checkpointer, steps):
    fill(checkpointer)
    before = checkpointer.get_delta_channel_history(config=config(at=8), channels=["items"])
    checkpointer.convert("compact" if checkpointer.stats().layout == "standard" else "standard")
    as_by_stock(checkpointer)
    checkpointer.prune(["1"])
    # No metadata says that these have delta channels, so the ancestors go.
    as_by_stock(checkpointer)
    after = checkpointer.get_delta_channel_history(config=config(at=8), channels=["items"])
    assert before["items"]["writes"]
    assert after == {"items": {"writes": []}}
    assert steps == []


#: stock's statement does not read this column, and its message ends at a NUL
NOT_UTF8 = {"parent is not UTF-8", "checkpoint is text"}


@pytest.mark.parametrize("damage", sorted(NOT_UTF8))
def test_a_text_that_is_not_utf8_is_an_error_of_sqlite3(damage, path):
    with RustSQLiteCheckpointer(path) as checkpointer:
        fill(checkpointer)
        with connected(path) as conn:
            conn.execute(DAMAGES[damage])
        with pytest.raises(sqlite3.OperationalError, match="Could not decode to UTF-8 column"):
            checkpointer.get_delta_channel_history(config=config(at=8), channels=["items"])


@pytest.mark.parametrize("damage", sorted(DAMAGES.keys() - NOT_UTF8))
def test_from_unusual_rows_it_is_that_of_stock(damage, path):
    with RustSQLiteCheckpointer(path) as checkpointer:
        fill(checkpointer)
        with connected(path) as conn:
            conn.execute(DAMAGES[damage])
        as_by_stock(checkpointer, channels=CHANNELS[:2])


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("place", ["checkpoint", "value"])
def test_from_bytes_that_no_encoder_wrote_it_is_that_of_stock(place, part, path):
    where = f"WHERE checkpoint_id = '{checkpoint_id(4)}'"
    update = {
        "checkpoint": f"UPDATE checkpoints SET checkpoint = ? {where}",
        "value": f"UPDATE writes SET value = ? {where} AND idx = 0",
    }[place]
    with RustSQLiteCheckpointer(path) as checkpointer, connected(path) as conn:
        fill(checkpointer, length=6)
        for name in list(BLOBS)[part::12]:
            conn.execute(update, (BLOBS[name],))
            as_by_stock(checkpointer, [config(at=5)], [["items", "other"]])


class Own(JsonPlusSerializer):
    """A serializer of the app's."""


@pytest.mark.parametrize("why", ["serializer", "channels", "an id of bytes", "JSON"])
def test_what_one_query_can_t_tell_is_found_step_by_step(why, path, steps):
    with RustSQLiteCheckpointer(path, serde=Own() if why == "serializer" else None) as checkpointer:
        fill(checkpointer)
        given, channels = config(at=8), ["items"]
        if why == "channels":
            channels = ["items", "items"]
        elif why == "an id of bytes":
            given = {"configurable": {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": b"8"}}
        elif why == "JSON":
            with connected(path) as conn:
                conn.execute("""UPDATE checkpoints SET type = 'json', checkpoint = '{"channel_values": {}}'""")
        found = checkpointer.get_delta_channel_history(config=given, channels=channels)
        assert (found["items"]["writes"] == []) == (why == "an id of bytes")
        assert len(steps) == 1


# --- what is remembered ---


def test_what_nobody_has_any_more_is_handed_out_again(checkpointer):
    fill(checkpointer)

    def addresses():
        history = checkpointer.get_delta_channel_history(config=config(at=8), channels=["items"])["items"]
        messages = [*history["seed"].value, *(message for _, _, said in history["writes"][:2] for message in said)]
        return [id(message) for message in messages]

    assert addresses() == addresses()


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_somebody_has_is_never_handed_out_again_nor_what_was_changed(entry, checkpointer):
    fill(checkpointer)
    question = {"config": config(at=8), "channels": ["items"]}
    with opened("stock", checkpointer.path) as stock:
        expected = stock.get_delta_channel_history(**question)
    held = []
    for change in range(6):
        found = call(entry, checkpointer, "get_delta_channel_history", **question)
        assert difference(expected, found) is None
        for earlier in held:
            assert shared_mutables(earlier, found) == []
        seed, writes = found["items"]["seed"], found["items"]["writes"]
        seed.value[change].content = "changed"
        seed.value[change + 1].additional_kwargs["x"] = [1]
        writes[change][2].append("more")
        held.append([found, seed.value[3], writes[1], writes[2][2][0], seed][change % 5])
        del found, seed, writes


def test_threads_and_event_loops_that_ask_at_once_get_histories_of_their_own(checkpointer):
    fill(checkpointer)
    question = {"config": config(at=8), "channels": ["items"]}
    expected = checkpointer.get_delta_channel_history(**question)
    found: list = []

    def ask():
        found.extend(checkpointer.get_delta_channel_history(**question) for _ in range(10))

    async def await_all():
        found.extend(await asyncio.gather(*(checkpointer.aget_delta_channel_history(**question) for _ in range(10))))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    threads.append(threading.Thread(target=lambda: asyncio.run(await_all())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    for number, one in enumerate(found):
        assert difference(expected, one) is None
        assert shared_mutables(one, [expected, *found[:number]]) == []


def test_a_put_while_it_is_read_changes_nothing_that_is_read(checkpointer):
    fill(checkpointer)
    stop = threading.Event()
    question = {"config": config(at=8), "channels": ["items", "plain"]}
    expected = checkpointer.get_delta_channel_history(**question)

    def write():
        while not stop.is_set():
            for n in range(LENGTH):
                put(checkpointer, n, "2", parent=n - 1 if n else None)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            assert difference(expected, checkpointer.get_delta_channel_history(**question)) is None
    finally:
        stop.set()
        writer.join()


def test_what_is_remembered_is_within_the_bound_and_goes_with_the_thread(path):
    with RustSQLiteCheckpointer(path, remember=60_000) as checkpointer:
        for thread in range(20):
            fill(checkpointer, str(thread))
            checkpointer.get_delta_channel_history(config=config(str(thread)), channels=["items"])
            assert 0 < checkpointer.stats().remembered["bytes"] <= 60_000
        for thread in range(20):
            checkpointer.delete_thread(str(thread))
        assert checkpointer.stats().remembered["states"] == 0


def test_the_layouts_answer_alike(tmp_path):
    found = []
    for layout in ("standard", "compact"):
        with RustSQLiteCheckpointer(tmp_path / f"{layout}.db", layout=layout) as checkpointer:
            fill(checkpointer)
            checkpointer.put(config(at=8), {"id": checkpoint_id(50), "channel_values": {"items": [1]}}, METADATA, {})
            put(checkpointer, 51, parent=50)
            found.append(
                [
                    checkpointer.get_delta_channel_history(config=given, channels=channels)
                    for given in (*ASKED, config(at=51))
                    for channels in CHANNELS
                ]
            )
    assert difference(*found) is None
