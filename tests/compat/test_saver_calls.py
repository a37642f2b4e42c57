"""Calls with odd configs, odd values and odd arguments end as with stock."""

from __future__ import annotations

import inspect
import itertools
import sqlite3
import uuid

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from beside_stock.stories import everything, same_story
from installed_releases import needs_history
from samples import classes as s
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, checkpoint_id, config, fill

pytestmark = pytest.mark.unpatched

ODD = {
    "int": 5,
    "zero": 0,
    "true": True,
    "float": 1.5,
    "none": None,
    "empty": "",
    "bytes": b"x",
    "memoryview": memoryview(b"x"),
    "bytearray": bytearray(b"x"),
    "str subclass": s.Str("x"),
    "str of lies": s.StrOfLies("truth"),
    "int subclass": s.Int(5),
    "int of lies": s.IntOfLies(5),
    "enum": s.Color.RED,
    "str enum": s.Word.YES,
    "uuid": uuid.UUID(int=5),
    "list": [1],
    "tuple": ("a",),
    "dict": {"a": 1},
    "big int": 2**70,
    "int of 64 bits": 2**63,
    "nan": float("nan"),
    "surrogate": "a\ud800",
    "nul": "a\x00b",
    "unicode": "é漢😀",
    "long": "x" * 5000,
    "quote": 'it\'s "quoted"; --',
    "path": s.PurePosixPath("/a"),
    "object": s.Opaque,
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("where", ["thread_id", "checkpoint_ns", "checkpoint_id"])
def test_a_config_with_an_odd_value_does_what_it_does_with_stock(tmp_path, where, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        odd = config(at=1)
        odd["configurable"][where] = ODD[name]
        story.do("put", lambda: saver.put(odd, checkpoint(7), METADATA, {}))
        story.do("put_writes", lambda: saver.put_writes(odd, WRITES, "task"))
        story.do("get_tuple", lambda: saver.get_tuple(odd))
        story.do(
            "get latest", lambda: saver.get_tuple({"configurable": {**odd["configurable"], "checkpoint_id": None}})
        )
        story.do("list", lambda: list(saver.list(odd)))
        story.do("list before", lambda: list(saver.list(config(), before=odd)))
        if hasattr(saver, "get_delta_channel_history"):
            story.do("history", lambda: saver.get_delta_channel_history(config=odd, channels=["messages"]))
        story.do("delete_thread", lambda: saver.delete_thread(ODD[name]))
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


CONFIGS = {
    "nothing": {},
    "empty": {"configurable": {}},
    "no namespace": {"configurable": {"thread_id": "1"}},
    "no thread": {"configurable": {"checkpoint_ns": ""}},
    "only a checkpoint": {"configurable": {"checkpoint_id": checkpoint_id(1)}},
    "no namespace but a checkpoint": {"configurable": {"thread_id": "1", "checkpoint_id": checkpoint_id(1)}},
    "with more": config(at=1, user="bob") | {"tags": ["a"], "recursion_limit": 5},
    "configurable is none": {"configurable": None},
    "configurable is a list": {"configurable": []},
    "none": None,
    "str": "1",
    "subclasses": s.Dict(configurable=s.Dict(thread_id="1", checkpoint_ns="")),
    "of lies": {"configurable": s.DictOfLies(thread_id="1", checkpoint_ns="")},
    "mapping": s.types.MappingProxyType({"configurable": {"thread_id": "1", "checkpoint_ns": ""}}),
    "user dict": s.MyDict(configurable=s.MyDict(thread_id="1", checkpoint_ns="")),
    "thread_ts": {"configurable": {"thread_id": "1", "checkpoint_ns": "", "thread_ts": checkpoint_id(1)}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_an_odd_shape_does_what_it_does_with_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        odd = CONFIGS[name]
        story.do("put", lambda: saver.put(odd, checkpoint(7), METADATA, {}))
        story.do("put_writes", lambda: saver.put_writes(odd, WRITES, "task"))
        story.do("get_tuple", lambda: saver.get_tuple(odd))
        story.do("list", lambda: list(saver.list(odd)))
        story.do("list before", lambda: list(saver.list(config(), before=odd)))
        if hasattr(saver, "get_delta_channel_history"):
            story.do("history", lambda: saver.get_delta_channel_history(config=odd, channels=["messages"]))
        story.note("lock", saver.lock.locked())
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


def test_the_config_that_comes_back_is_new_or_the_caller_s_as_with_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        asked = config(at=1, user="bob")
        found = saver.get_tuple(asked)
        story.note("same object", found.config is asked)
        story.note("config", found.config)
        latest = config(user="bob")
        found = saver.get_tuple(latest)
        story.note("new object", found.config is latest)
        story.note("config", found.config)
        given = config(user="bob")
        returned = saver.put(given, checkpoint(8), METADATA, {})
        story.note("returned", (returned, returned is given))
        odd = config(thread=7)
        story.note("thread as given", saver.put(odd, checkpoint(9), METADATA, {}))
        story.note("thread as stored", saver.get_tuple(config(thread=7)))

    same_story(tell, tmp_path, native=["SqliteSaver.put", "SqliteSaver.get_tuple"])


@pytest.mark.parametrize("name", ODD)
def test_a_checkpoint_with_an_odd_id_does_what_it_does_with_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        story.do("put", lambda: saver.put(config(at=1), {**checkpoint(7), "id": ODD[name]}, METADATA, {}))
        story.do("latest", lambda: saver.get_tuple(config()))
        story.do("list", lambda: list(saver.list(config())))
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


CHECKPOINTS = {
    "empty": {},
    "only an id": {"id": "x"},
    "none": None,
    "list": [1],
    "subclass": s.Dict(checkpoint(7)),
    "of lies": s.DictOfLies(checkpoint(7)),
    "bytes": b"x",
    "unencodable": checkpoint(7, bad=s.Opaque()),
    "big int": checkpoint(7, bad=2**64),
    "everything": checkpoint(7, a={1, 2}, b=s.Plain(1), c=s.Model(a=1), d=s.HumanMessage("x", id="1")),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_of_an_odd_shape_does_what_it_does_with_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        story.do("put", lambda: saver.put(config(at=1), CHECKPOINTS[name], METADATA, {}))
        story.do("latest", lambda: saver.get_tuple(config()))
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


WRITE_LISTS = {
    "none": [],
    "one": [("a", 1)],
    "special": SPECIAL,
    "mixed": [*SPECIAL, ("a", 1), *SPECIAL],
    "one twice": [("a", 1), ("a", 2)],
    "special twice": [("__error__", 1), ("__error__", 2)],
    "all special": [(name, 1) for name in ("__error__", "__scheduled__", "__interrupt__", "__resume__")],
    "tuple of tuples": (("a", 1), ("b", 2)),
    "lists": [["a", 1], ["b", 2]],
    "three parts": [("a", 1, 2)],
    "one part": [("a",)],
    "strings": ["ab", "cd"],
    "generator": "generator",
    "not iterable": 5,
    "none itself": None,
    "channel int": [(5, 1)],
    "channel none": [(None, 1)],
    "channel list": [([1], 1)],
    "channel bytes": [(b"x", 1)],
    "channel subclass": [(s.Str("a"), 1)],
    "channel surrogate": [("a\ud800", 1)],
    "channel nul": [("a\x00b", 1)],
    "special by subclass": [(s.Str("__error__"), 1)],
    "bytes": [("a", b"x"), ("b", bytearray(b"y")), ("c", None)],
    "bytes subclass": [("a", s.Bytes(b"x"))],
    "empty bytes": [("a", b""), ("b", bytearray())],
    "unencodable last": [("a", 1), ("b", s.Opaque())],
    "unencodable first": [("a", s.Opaque()), ("b", 1)],
    "many": [(f"c{i}", {"i": i, "x": "y" * i}) for i in range(200)],
    "messages": [("messages", [s.HumanMessage("x", id="1")]), ("m", s.AIMessage("y"))],
}


@pytest.mark.parametrize("name", WRITE_LISTS)
def test_writes_of_every_shape_do_what_they_do_with_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        writes = WRITE_LISTS[name]
        for task, path in (("task", ""), ("task", "~other"), ("again", "")):
            given = iter([("a", 1), ("b", 2)]) if writes == "generator" else writes
            story.do("put_writes", lambda g=given, t=task, p=path: saver.put_writes(config(at=1), g, t, p))
            story.note("in transaction", saver.conn.in_transaction)
        story.do("get", lambda: saver.get_tuple(config(at=1)))
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("where", ["task_id", "task_path"])
def test_writes_of_an_odd_task_do_what_they_do_with_stock(tmp_path, where, name):
    def tell(story):
        saver = story.saver()
        fill(saver)
        given = {"task_id": "task", "task_path": "", where: ODD[name]}
        story.do("put_writes", lambda: saver.put_writes(config(at=1), WRITES, **given))
        story.do("no writes", lambda: saver.put_writes(config(at=1), [], **given))
        story.do("get", lambda: saver.get_tuple(config(at=1)))
        story.note("in transaction", saver.conn.in_transaction)
        story.rows()

    same_story(tell, tmp_path)


def test_writes_come_back_in_stock_s_order(tmp_path):
    def tell(story):
        saver = story.saver()
        saver.put(config(), checkpoint(1), METADATA, {})
        for path, task in itertools.product(
            ["", "~pull, a", "~push, 1", "~push, 10", "~push, 2"], ["b", "a", "A", "é"]
        ):
            saver.put_writes(config(at=1), [("x", path), *SPECIAL, ("y", task)], f"{task}{path}", path)
        story.do("get", lambda: saver.get_tuple(config(at=1)))
        story.do("list", lambda: list(saver.list(config())))

    same_story(tell, tmp_path, native=["SqliteSaver.put_writes", "SqliteSaver.get_tuple"])


# --- list ---


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


# --- arguments ---


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
