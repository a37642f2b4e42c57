"""Configs, checkpoints and writes of every shape: what stock makes of them, ours does."""

from __future__ import annotations

import itertools
import uuid

import pytest

from beside_stock.stories import same_story
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
