"""The metadata column: json.dumps with stock's own treatment of what the config adds."""

from __future__ import annotations

import contextlib
import decimal
import sqlite3
from collections import OrderedDict, defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from beside_stock.outcomes import observe
from beside_stock.sites import runs_native
from beside_stock.stories import same_story
from samples import classes as s
from samples.checkpoints import METADATA, checkpoint, config
from samples.strategies import floats, good_text, ints, json_like, text


def cyclic(value):
    value["self"] = value
    return value


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


VALUES = {
    "text": "x",
    "unicode": "é漢😀\u2028\x7f",
    "control": '\x00\x01\x1f\n\r\t\b\f"\\/',
    "nul": "a\x00b",
    "surrogate": "a\ud800b",
    "paired surrogates": "\ud83d\ude00",
    "long": "x" * 100_000,
    "ints": [0, -1, 2**31, 2**63, 2**64, 2**200, -(2**63)],
    "floats": [0.0, -0.0, 1.0, 0.1, 1e16, 1e15, 123456789012345680.0, 1e-5, 0.0001, 1e22, 1.5e300, 5e-324, 1 / 3],
    "odd floats": [float("nan"), float("inf"), float("-inf")],
    "bools": [True, False, None],
    "tuple": (1, ("a",)),
    "empty": [[], {}, (), ""],
    "nested": {"a": [{"b": {"c": [1, 2, {"d": None}]}}]},
    "keys": {1: "a", 2.5: "b", True: "c", None: "d", "e": 1, -0.0: "z", float("nan"): "n", 2**70: "big"},
    "keys that become one": {1: "a", "1": "b", None: "c", "null": "d", True: "e", "true": "f"},
    "tuple key": {(1, 2): 3},
    "bytes key": {b"a": 1},
    "surrogate key": {"\ud800": 1},
    "nul key": {"a\x00b": 1},
    "bytes": b"x",
    "set": {1},
    "object": s.Opaque(),
    "decimal": decimal.Decimal("1.5"),
    "uuid": s.UUID(int=1),
    "datetime": s.datetime(2020, 1, 2),
    "dataclass": s.Plain(1),
    "named tuple": s.Point(1, 2),
    "model": s.Model(a=1),
    "message": s.HumanMessage("x"),
    "int subclass": s.Int(5),
    "int of lies": s.IntOfLies(5),
    "float subclass": s.Float(1.5),
    "str subclass": s.Str("x"),
    "str of lies": s.StrOfLies("truth"),
    "list subclass": s.List([1]),
    "list of lies": s.ListOfLies([1]),
    "dict subclass": s.Dict(a=1),
    "dict of lies": s.DictOfLies(a=1),
    "ordered": OrderedDict(b=1, a=2),
    "defaultdict": defaultdict(list, a=[1]),
    "int enum": s.Number.ONE,
    "str enum": s.Word.YES,
    "float enum": s.Real.HALF,
    "enum": s.Color.RED,
    "int flag": s.IntBits.A,
    "enum as key": {s.Number.ONE: 1, s.Word.YES: 2, s.Real.HALF: 3},
    "subclasses as keys": {s.Str("a"): 1, s.Int(5): 2, s.Float(1.5): 3},
    "cycle": cyclic({}),
    "list in itself": (lambda value: value.append(value) or value)([]),
    "deep": deep(200),
    "too deep": deep(100_000),
    "numpy": s.np.int64(5),
    "numpy float": s.np.float64(1.5),
}


@pytest.mark.unpatched
@pytest.mark.parametrize("name", VALUES)
def test_metadata_is_written_as_by_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        value = VALUES[name]
        story.do("value", lambda: saver.put(config(), checkpoint(1), {"source": "loop", "value": value}, {}))
        story.do("within", lambda: saver.put(config(), checkpoint(2), {"value": {"a": [value, value]}, "z": 1}, {}))
        story.do("configurable", lambda: saver.put(config(mine=value), checkpoint(3), METADATA, {}))
        story.do("metadata", lambda: saver.put(config() | {"metadata": {"mine": value}}, checkpoint(4), METADATA, {}))
        if isinstance(value, dict):
            story.do("itself", lambda: saver.put(config(), checkpoint(5), value, {}))
            story.do(
                "as configurable",
                lambda: saver.put(config(**{str(k): v for k, v in value.items()}), checkpoint(6), {}, {}),
            )
            story.do("as metadata", lambda: saver.put(config() | {"metadata": value}, checkpoint(7), {}, {}))
        story.note("in transaction", saver.conn.in_transaction)
        story.do("get", lambda: [found.metadata for found in saver.list(config())])
        story.rows()

    same_story(tell, tmp_path)


MERGES = {
    "what is there wins": ({"a": "metadata"}, {"a": "config"}, {"a": "configurable"}),
    "config before configurable": ({}, {"a": "config"}, {"a": "configurable"}),
    "order": ({"z": 1, "a": 2}, {"m": 3, "b": 4}, {"y": 5, "c": 6}),
    "left out": ({}, {"thread_id": "x", "__private": 1, "checkpoint_id": "x", "langgraph_step": 1}, {"__pregel_x": 1}),
    "kinds": ({}, {"l": [1], "d": {}, "n": None, "f": 1.5, "b": True, "s": "x\x00y", "t": (1,)}, {"o": s.Opaque()}),
    "subclasses": ({}, {"s": s.Str("a\x00b"), "i": s.Int(5), "f": s.Float(1.5)}, {"e": s.Word.YES, "n": s.Number.ONE}),
    "nul in what is there": ({"a": "x\x00y", "b": ["x\x00y"], "c": {"d": "\x00"}}, {}, {}),
    "keys that are no str": ({1: 2}, {3: 4}, {}),
    "empty": ({}, {}, {}),
    "config is none": ({"a": 1}, None, {}),
    "config is a list": ({"a": 1}, [("b", 2)], {}),
    "writes": ({"writes": {"node": {"x": [1]}}, "source": "loop"}, {}, {}),
}


@pytest.mark.unpatched
@pytest.mark.parametrize("name", MERGES)
def test_config_and_metadata_are_merged_as_by_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        metadata, more, configurable = MERGES[name]
        given = {"configurable": {**config()["configurable"], **configurable}, "metadata": more}
        story.do("put", lambda: saver.put(given, checkpoint(1), metadata, {}))
        story.note("given", (given, metadata))
        story.do("get", lambda: saver.get_tuple(config()))
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.unpatched
@pytest.mark.parametrize(
    "metadata", [None, 5, "x", [], [("a", 1)], s.Dict(a=1), s.DictOfLies(a=1), s.MyDict(a=1)], ids=repr
)
def test_metadata_of_an_odd_shape_does_what_it_does_with_stock(tmp_path, metadata):
    def tell(story):
        saver = story.saver()
        story.do("put", lambda: saver.put(config(), checkpoint(1), metadata, {}))
        story.rows()

    same_story(tell, tmp_path)


def test_plain_metadata_runs_native(tmp_path):
    saver = SqliteSaver(sqlite3.connect(tmp_path / "test.db"))
    with runs_native("SqliteSaver.put"):
        saver.put(config(user="é", n=1.5), checkpoint(1), {**METADATA, "nested": {"a": [1, None, True, 2.5e-7]}}, {})
    saver.conn.close()


loose = json_like | st.dictionaries(text | ints | floats | st.booleans() | st.none(), json_like | text, max_size=4)


@settings(max_examples=400, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(good_text | text, loose | ints | floats | text, max_size=5),
    st.dictionaries(good_text, loose, max_size=3),
)
def test_any_metadata_is_written_as_by_stock(metadata, configurable):
    fast_langgraph.patch()
    written = []
    for side in (fast_langgraph.disabled, contextlib.nullcontext):
        conn = sqlite3.connect(":memory:")
        saver = SqliteSaver(conn)
        given = {"configurable": {**configurable, **config()["configurable"]}}
        with side():
            outcome = observe(lambda s=saver, g=given: s.put(g, checkpoint(1), metadata, {}))
        rows = conn.execute("SELECT metadata FROM checkpoints").fetchall() if saver.is_setup else None
        written.append((type(outcome.error), str(outcome.error), rows))
        conn.close()
    assert written[0] == written[1]
