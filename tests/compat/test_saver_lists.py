"""What list() and the history of a channel give, for every filter, and each method's arguments: as with stock."""

from __future__ import annotations

import inspect
import sqlite3
import uuid

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from beside_stock.stories import everything, same_story
from installed_releases import needs_history
from samples import classes as s
from samples.checkpoints import METADATA, WRITES, checkpoint, checkpoint_id, config, fill

pytestmark = pytest.mark.unpatched


def versions(saver):
    for thread in ("1", "2"):
        for ns in ("", "sub:1", "sub:1|deep:2"):
            for n in range(4):
                metadata = {"source": ["input", "loop"][n % 2], "step": n, "score": n / 2, "flag": n % 2 == 0}
                metadata.update(
                    {"nothing": None, "nested": {"a": [1, n]}, "words": ["x", "é"], "a.b": n, "a-b": "dash"}
                )
                written = saver.put(config(thread, ns, at=n - 1 if n else None), checkpoint(n), metadata, {})
                saver.put_writes(written, WRITES, f"task{n}")


FILTERS = [
    None,
    {},
    {"source": "loop"},
    {"source": "none"},
    {"step": 2},
    {"step": "2"},
    {"step": 2.0},
    {"step": True},
    {"score": 0.5},
    {"flag": True},
    {"flag": False},
    {"nothing": None},
    {"missing": None},
    {"nested": {"a": [1, 2]}},
    {"nested": {}},
    {"words": ["x", "é"]},
    {"nested.a": [1, 3]},
    {"a.b": 2},
    {"a-b": "dash"},
    {"source": "loop", "step": 3},
    {"source": s.Str("loop")},
    {"source": s.Word.YES},
    {"step": s.Int(2)},
    {"source": b"loop"},
    {"source": ("loop",)},
    {"source": uuid.UUID(int=1)},
    {"step": 2**70},
    {"bad key": 1},
    {"": 1},
    {"it's": 1},
    {"x') OR 1=1 --": 1},
    {5: 1},
    {"nested": {"a": object()}},
    {"source": "a\ud800"},
    {"source": float("nan")},
    [("source", "loop")],
    "source",
    5,
]


@pytest.mark.parametrize("number", range(len(FILTERS)))
def test_a_filter_finds_what_it_finds_with_stock(tmp_path, number):
    def tell(story):
        saver = story.saver()
        versions(saver)
        story.do("all", lambda: list(saver.list(None, filter=FILTERS[number])))
        story.do("thread", lambda: list(saver.list(config("1", "sub:1"), filter=FILTERS[number], limit=2)))
        story.note("lock", saver.lock.locked())

    same_story(tell, tmp_path)


def test_threads_namespaces_before_and_limit_find_what_they_find_with_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        versions(saver)
        configs = [None, config("1"), config("2", "sub:1"), config("1", None), {"configurable": {"thread_id": "1"}}]
        configs += [config("1", at=2), config("none"), config("1", "sub:1", at=9), {"configurable": {"thread_id": 1}}]
        befores = [None, config("1", at=2), config("x", at=0), config("1"), {"configurable": {}}]
        limits = [None, 0, 1, 3, 100, -1, True, 1.0, 1.5, "2", "x", b"1", 2**63, s.Int(2)]
        for number, given in enumerate(configs):
            for before in befores:
                story.do(f"list {number}", lambda g=given, b=before: list(saver.list(g, before=b)))
            for limit in limits:
                story.do(f"limit {limit}", lambda g=given, n=limit: list(saver.list(g, limit=n)))

    same_story(tell, tmp_path, native=["SqliteSaver.list"])


def test_a_list_does_nothing_until_it_is_asked(tmp_path):
    def tell(story):
        saver = story.saver()
        listing = saver.list({"no": "config"}, filter={"bad key": 1})
        story.note("is a generator", inspect.isgenerator(listing))
        story.note("is_setup", saver.is_setup)
        story.do("next", lambda: next(listing))
        story.do("next again", lambda: next(listing))
        fill(saver)
        listing = saver.list(config())
        listing.close()
        story.note("lock", saver.lock.locked())
        story.do("closed", lambda: next(listing))

    same_story(tell, tmp_path)


def test_a_list_that_is_left_half_way_lets_go_of_the_lock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver, steps=6)
        listing = saver.list(config())
        story.do("first", lambda: next(listing))
        listing.close()
        story.note("lock", saver.lock.locked())
        everything(story, saver, at=20)
        listing = saver.list(config())
        story.do("second", lambda: next(listing))
        story.do("thrown in", lambda: listing.throw(ValueError("thrown")))
        story.note("lock", saver.lock.locked())
        for found in saver.list(config()):
            story.note("found", found)
            break
        story.note("lock", saver.lock.locked())
        saver.conn.execute("DROP TABLE writes")
        story.note("in transaction", saver.conn.in_transaction)

    same_story(tell, tmp_path)


def test_a_list_shows_one_state_of_the_database(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver, steps=6)
        listing = saver.list(config())
        story.do("first", lambda: next(listing))
        other = sqlite3.connect(story.path)
        other.execute("DELETE FROM checkpoints")
        other.execute("DELETE FROM writes")
        other.commit()
        other.close()
        story.do("the rest", lambda: list(listing))
        story.do("again", lambda: list(saver.list(config())))

    same_story(tell, tmp_path)


def test_a_row_that_can_t_be_decoded_ends_a_list_where_stock_ends_it(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver, steps=5)
        saver.conn.execute("UPDATE checkpoints SET checkpoint = x'c1' WHERE checkpoint_id = ?", (checkpoint_id(2),))
        saver.conn.commit()
        listing = saver.list(config())
        for n in range(5):
            story.do(f"row {n}", lambda: next(listing))
            story.note("lock", saver.lock.locked())

    same_story(tell, tmp_path)


@pytest.mark.parametrize("cls", [SqliteSaver, AsyncSqliteSaver], ids=lambda cls: cls.__name__)
def test_each_method_looks_as_stock_s(cls):
    import fast_langgraph

    def looks():
        found = {}
        for name, value in vars(cls).items():
            if inspect.isfunction(value):
                about = (inspect.signature(value), value.__name__, value.__qualname__, value.__doc__, value.__module__)
                kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
                found[name] = (*map(repr, about), value.__annotations__, [kind(value) for kind in kinds])
        return found

    stock = looks()
    fast_langgraph.patch()
    ours = looks()
    assert list(ours) == list(stock)
    assert ours == stock


def test_arguments_by_name_and_by_place_do_what_they_do_with_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        checkpointed = {"config": config(), "checkpoint": checkpoint(1), "metadata": METADATA, "new_versions": {}}
        story.do("put", lambda: saver.put(**checkpointed))
        story.do("put by class", lambda: SqliteSaver.put(saver, *checkpointed.values()))
        written = {"config": config(at=1), "writes": WRITES, "task_id": "t"}
        story.do("writes", lambda: saver.put_writes(**written))
        story.do("writes with path", lambda: saver.put_writes(**written, task_path="~p"))
        story.do("writes by place", lambda: saver.put_writes(*written.values(), "~p"))
        story.do("get", lambda: saver.get_tuple(config=config()))
        story.do("list", lambda: list(saver.list(config=None, limit=1)))
        story.do("delete", lambda: saver.delete_thread(thread_id="x"))
        for name in ("put", "put_writes", "get_tuple", "list", "delete_thread", "get_delta_channel_history"):
            if hasattr(saver, name):
                method = getattr(saver, name)
                story.do(f"{name} of nothing", lambda m=method: m(), scrub=r"\w+\.\w+\(\)")
                story.do(f"{name} of too much", lambda m=method: m(*range(9)), scrub=r"\w+\.\w+\(\)")
                story.do(f"{name} of a stranger", lambda m=method: m(config(), stranger=1), scrub=r"\w+\.\w+\(\)")
        story.do("list by place", lambda: list(saver.list(None, {"source": "loop"})))
        if hasattr(saver, "get_delta_channel_history"):
            story.do(
                "history by place", lambda: saver.get_delta_channel_history(config(), ["x"]), scrub=r"\w+\.\w+\(\)"
            )

    same_story(tell, tmp_path)


CHANNELS = [
    [],
    ["messages"],
    ("messages", "count"),
    ["messages", "messages"],
    ["none"],
    "messages",
    {"count": 1},
    [5],
    None,
]


@needs_history
@pytest.mark.parametrize("number", range(len(CHANNELS)))
def test_a_history_of_channels_is_that_of_stock(tmp_path, number):
    def tell(story):
        saver = story.saver()
        fill(saver, steps=5)
        saver.put(config(at=4), checkpoint(5, messages=["seed"]), METADATA, {})
        saver.put(config(at=5), checkpoint(6), METADATA, {})
        saver.put_writes(config(at=5), WRITES, "t5", "~a")
        loop = {**checkpoint(9), "id": checkpoint_id(0)}
        for given in (config(), config(at=6), config(at=3), config(at=0), config("none"), config(at=77)):
            call = {"config": given, "channels": CHANNELS[number]}
            story.do("history", lambda call=call: saver.get_delta_channel_history(**call))
        saver.put(config(at=3), loop, METADATA, {})
        story.do("in a loop", lambda: saver.get_delta_channel_history(config=config(at=6), channels=CHANNELS[number]))

    same_story(tell, tmp_path)
