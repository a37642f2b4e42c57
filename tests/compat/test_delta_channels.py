"""``get_delta_channel_history`` in Rust: what it gives is what stock's code gives, from any rows."""

from __future__ import annotations

import asyncio
import gc
import sqlite3

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.equality import difference, shared_mutables
from beside_stock.sites import falls_back, runs_native
from beside_stock.stories import STANDARD, same_story
from fast_langgraph import FallbackError
from fast_langgraph._replacements import delta_channels
from installed_releases import _DeltaSnapshot
from samples import classes as s
from samples import deltas
from samples.checkpoints import checkpoint_id, config
from samples.deltas import BLOBS, CHANNELS, DAMAGES, fill, put

SITE = "SqliteSaver.get_delta_channel_history"
ASYNC_SITE = "AsyncSqliteSaver.aget_delta_channel_history"
SQL = getattr(__import__("langgraph.checkpoint.sqlite", fromlist=["x"]), "DELTA_STAGE1_SQL", None)

pytestmark = [
    pytest.mark.unpatched,
    pytest.mark.skipif(SQL != delta_channels.ANCESTORS, reason="stock's code finds ancestors in another way"),
]

ASKED = [config(), config(at=8), config(at=5), config(at=3), config(at=2), config(at=0), config(at=77), config("none")]


def ask(story, saver, name=""):
    for number, asked in enumerate(ASKED):
        for channels in CHANNELS:
            call = {"config": asked, "channels": channels}
            story.do(f"{name} {number} {channels}", lambda call=call: saver.get_delta_channel_history(**call))


async def aask(story, saver):
    for number, asked in enumerate(ASKED):
        for channels in CHANNELS:
            await story.ado(f"{number} {channels}", saver.aget_delta_channel_history(config=asked, channels=channels))


# --- the same as stock ---


def test_a_history_is_that_of_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        ask(story, saver)
        # What is remembered by now.
        ask(story, saver, "again")
        put(saver, 9, parent=8)
        ask(story, saver, "one more")

    same_story(tell, tmp_path, native=[SITE])


def test_a_history_that_is_awaited_is_that_of_stock(tmp_path):
    async def tell(story):
        with story.connect() as conn:
            fill(SqliteSaver(conn))
        async with AsyncSqliteSaver.from_conn_string(story.path) as saver:
            await aask(story, saver)
            await aask(story, saver)
            # From another thread, through the event loop.
            call = {"config": config(), "channels": ["items"]}
            history = await asyncio.to_thread(lambda: saver.get_delta_channel_history(**call))
            story.note("sync", history)

    same_story(tell, tmp_path, native=[ASYNC_SITE])


def test_branches_and_namespaces_have_their_own_histories(tmp_path):
    def tell(story):
        saver = story.saver()
        for thread in ("1", "2"):
            for ns in ("", "sub", "sub|deep", "a\0b"):
                fill(saver, thread, ns, 5)
                put(saver, 20, thread, ns, parent=3)
                put(saver, 21, thread, ns, parent=20)
        for thread in ("1", "2"):
            for ns in ("", "sub", "sub|deep", "a\0b", "none"):
                for at in (None, 4, 20, 21):
                    call = {"config": config(thread, ns, at=at), "channels": ["items", "plain"]}
                    story.do(f"{thread} {ns} {at}", lambda call=call: saver.get_delta_channel_history(**call))
        saver.delete_thread("1")
        ask(story, saver, "deleted")
        fill(saver, length=4)
        ask(story, saver, "anew")

    same_story(tell, tmp_path, native=[SITE])


def test_what_is_put_in_the_place_of_a_checkpoint_is_found(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        ask(story, saver)
        put(saver, 4, parent=3, items=_DeltaSnapshot([HumanMessage("another", id="x")]))
        saver.put_writes(config(at=6), [("items", ["changed"])], "task a", "~z")
        saver.put_writes(config(at=6), [("__error__", "e")], "task a", "~z")
        ask(story, saver, "replaced")
        with saver.cursor() as cursor:
            cursor.execute("UPDATE writes SET value = x'91a178' WHERE channel = 'items' AND task_id = 'task b'")
        ask(story, saver, "updated")

    same_story(tell, tmp_path, native=[SITE])


#: what Rust reads although it is unusual
READ_BY_RUST = {
    "parent is empty",
    "parent is null",
    "parent is itself",
    "parent is a child",
    "parent is gone",
    "the snapshot is gone",
    "value is cut off",
    "value is longer",
    "type of a write is another",
    "type of a write is none",
    "task is long",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_from_unusual_rows_it_is_that_of_stock(damage, tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver.conn.execute(DAMAGES[damage])
        saver.conn.commit()
        ask(story, saver)

    same_story(tell, tmp_path, native=[SITE] if damage in READ_BY_RUST else [])


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("place", ["checkpoint", "value"])
def test_from_bytes_that_no_encoder_wrote_it_is_that_of_stock(place, part, tmp_path):
    update = {
        "checkpoint": f"UPDATE checkpoints SET checkpoint = ? WHERE checkpoint_id = '{checkpoint_id(4)}'",
        "value": f"UPDATE writes SET value = ? WHERE checkpoint_id = '{checkpoint_id(4)}' AND idx = 0",
    }[place]

    def tell(story):
        saver = story.saver()
        fill(saver, length=6)
        call = {"config": config(at=5), "channels": ["items", "other"]}
        for name in list(BLOBS)[part::8]:
            saver.conn.execute(update, (BLOBS[name],))
            story.do(name, lambda: saver.get_delta_channel_history(**call))

    same_story(tell, tmp_path)


def odd_values():
    return {
        "a model of the app's": s.Model(a=1, c=[{"a": 1}]),
        "a model of what it may not be": s.Outer(inner=s.Inner(value=1)),
        "an enum": s.Word.YES,
        "a named tuple": s.Point(1, 2),
        "a set of tuples": {(1, 2), (3, 4)},
    }


@pytest.mark.parametrize("name", odd_values())
@pytest.mark.parametrize("place", ["an ancestor", "the snapshot", "a write"])
def test_a_value_whose_making_runs_python_code_is_made_as_often_as_by_stock(name, place, tmp_path):
    def tell(story):
        value = odd_values()[name]
        saver = story.saver()
        fill(saver, length=4)
        if place == "an ancestor":
            # Not the one that ends the walk for `items`.
            put(saver, 3, parent=2, odd=[value])
        elif place == "the snapshot":
            put(saver, 3, parent=2, items=_DeltaSnapshot([HumanMessage("x", id="x"), value]))
        put(saver, 4, parent=3)
        if place == "a write":
            saver.put_writes(config(at=4), [("items", [value, HumanMessage("y", id="y")])], "task c")
        put(saver, 5, parent=4)
        for number in range(3):
            for channels in (["items"], ["items", "odd"]):
                call = {"config": config(at=5), "channels": channels}
                story.do(f"{number} {channels}", lambda call=call: saver.get_delta_channel_history(**call))

    same_story(tell, tmp_path, native=[SITE])


def test_a_trace_callback_sees_the_statements_of_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        seen = []
        saver.conn.set_trace_callback(seen.append)
        ask(story, saver)
        story.note("statements", seen)

    same_story(tell, tmp_path, native=[SITE], layouts=STANDARD)


# --- when stock's code does it ---


@pytest.fixture
def patched(saver):
    fill(saver)
    fast_langgraph.patch()
    yield saver
    fast_langgraph.unpatch()


class Own(JsonPlusSerializer):
    """A serializer of the app's."""


@pytest.mark.parametrize("what", ["serializer", "channels", "a checkpoint that is too long to keep", "JSON"])
def test_stock_s_code_does_it_and_the_reason_is_counted(what, patched):
    channels = ["items"]
    if what == "serializer":
        patched.serde = Own()
    elif what == "channels":
        channels = ["items", "items"]
    elif what == "JSON":
        patched.conn.execute("""UPDATE checkpoints SET type = 'json', checkpoint = '{"channel_values": {}}'""")
    else:
        put(patched, 9, parent=8, long=[HumanMessage("x" * (5 << 20), id="long")])
        put(patched, 10, parent=9)
    call = {"config": config(at=10 if "too long" in what else 8), "channels": channels}
    with fast_langgraph.disabled():
        expected = patched.get_delta_channel_history(**call)
    with falls_back(SITE):
        found = patched.get_delta_channel_history(**call)
    assert difference(expected, found) is None
    fast_langgraph.patch(strict=True)
    try:
        with pytest.raises(FallbackError, match="get_delta_channel_history: stock's code would run"):
            patched.get_delta_channel_history(**call)
    finally:
        fast_langgraph.patch(strict=False)


def test_the_latest_checkpoint_is_looked_up_once_even_if_stock_s_code_goes_on(patched, monkeypatch):
    patched.conn.execute("UPDATE checkpoints SET type = 'json', checkpoint = '{}'")
    asked = []
    get_tuple = SqliteSaver.get_tuple
    monkeypatch.setattr(SqliteSaver, "get_tuple", lambda self, given: asked.append(given) or get_tuple(self, given))
    with falls_back(SITE):
        patched.get_delta_channel_history(config=config(), channels=["items"])
    assert asked == [config()]


# --- what is remembered ---


def test_what_nobody_has_any_more_is_handed_out_again(patched):
    call = {"config": config(), "channels": ["items"]}

    def addresses():
        history = patched.get_delta_channel_history(**call)["items"]
        messages = [*history["seed"].value, *(message for _, _, said in history["writes"][:2] for message in said)]
        return [id(message) for message in messages]

    with runs_native(SITE):
        first = addresses()
        before = fast_langgraph.status().remembered["decoded_unchanged"]
        assert addresses() == first
    again = fast_langgraph.status().remembered["decoded_unchanged"] - before
    assert again >= 20 + 2 * deltas.LENGTH - 6, "the seed and the writes since"


@pytest.mark.parametrize("what", ["all", "the seed", "a message of the seed", "a write", "a message of a write"])
def test_what_somebody_has_is_never_handed_out_again(what, patched):
    call = {"config": config(), "channels": ["items"]}
    with fast_langgraph.disabled():
        expected = patched.get_delta_channel_history(**call)
    found = patched.get_delta_channel_history(**call)
    held = {
        "all": found,
        "the seed": found["items"]["seed"],
        "a message of the seed": found["items"]["seed"].value[3],
        "a write": found["items"]["writes"][4],
        "a message of a write": found["items"]["writes"][4][2][0],
    }[what]
    del found
    again = patched.get_delta_channel_history(**call)
    assert shared_mutables(held, again) == []
    assert difference(expected, again) is None


def test_what_was_changed_by_who_had_it_is_made_anew(patched):
    call = {"config": config(), "channels": ["items"]}
    with fast_langgraph.disabled():
        expected = patched.get_delta_channel_history(**call)
    for change in range(4):
        found = patched.get_delta_channel_history(**call)["items"]
        assert difference(expected["items"], found) is None
        message = found["seed"].value[change]
        message.content = "changed"
        message.additional_kwargs["x"] = [change]
        found["seed"].value.append("more")
        found["writes"][change][2].append("more")
        found["writes"][-1][2][0].content = "changed"
        found["writes"].clear()
        del found, message
        gc.collect()


def test_two_savers_and_two_threads_of_one_file_do_not_share_what_they_decode(tmp_path):
    fast_langgraph.patch()
    try:
        first, second = (SqliteSaver(sqlite3.connect(tmp_path / "one.db", check_same_thread=False)) for _ in range(2))
        fill(first)
        fill(first, "2")
        found = [
            saver.get_delta_channel_history(config=config(thread), channels=["items"])
            for saver in (first, second)
            for thread in ("1", "2")
        ]
        for number, one in enumerate(found):
            for other in found[:number]:
                assert shared_mutables(one, other) == []
        first.conn.close()
        second.conn.close()
    finally:
        fast_langgraph.unpatch()
