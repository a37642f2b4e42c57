"""The class as LangGraph sees it: a BaseCheckpointSaver with all methods, and copies that share a database."""

from __future__ import annotations

import asyncio
import copy
import inspect
import random
import sqlite3

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.databases import connected
from beside_stock.new_process import in_new_process
from fast_langgraph import RustSQLiteCheckpointer
from installed_releases import allowing, needs_allowlist
from samples import classes as s
from samples import graphs
from samples.checkpoints import METADATA, checkpoint, config

BASE = {
    name: function
    for name, function in vars(BaseCheckpointSaver).items()
    if not name.startswith("_") and inspect.isfunction(function)
}
#: what the base class does by the other methods, or without a database
INHERITED = {"get", "aget", "with_allowlist"}
#: parameters that have a default here, or are more than upstream's
MORE = {
    "prune": {"keep_last": None, "older_than": None, "dry_run": False, "progress": None},
    "delete_for_runs": {"dry_run": False, "progress": None},
    "delete_thread": {"dry_run": False},
}
MORE |= {f"a{name}": more for name, more in MORE.items()}


# --- methods ---


def test_every_method_of_the_base_class_is_there():
    own = {name for name in BASE if name in vars(RustSQLiteCheckpointer)}
    assert set(BASE) - own <= INHERITED
    assert isinstance(RustSQLiteCheckpointer(":memory:"), BaseCheckpointSaver)


def test_each_method_has_upstream_s_signature():
    compared = 0
    for name, function in BASE.items():
        theirs = inspect.signature(function).parameters
        ours = inspect.signature(getattr(RustSQLiteCheckpointer, name)).parameters
        assert list(ours) == [*theirs, *MORE.get(name, {})], name
        for parameter, there in theirs.items():
            assert ours[parameter].kind == there.kind, (name, parameter)
            # Where upstream has a default ours is the same; `thread_ids` alone may be left out here.
            if (name, parameter) not in (("prune", "thread_ids"), ("aprune", "thread_ids")):
                assert ours[parameter].default == there.default, (name, parameter)
        for extra, default in MORE.get(name, {}).items():
            assert (ours[extra].default, ours[extra].kind) == (default, inspect.Parameter.KEYWORD_ONLY)
        compared += 1
    assert compared > 15


def test_each_method_has_an_async_twin_with_the_same_parameters():
    names = [name for name, value in vars(RustSQLiteCheckpointer).items() if inspect.isfunction(value)]
    twins = [name for name in names if f"a{name}" in names]
    assert {"put", "put_writes", "get_tuple", "list", "prune", "stats", "vacuum", "backup", "close"} <= set(twins)
    for name in twins:
        sync, twin = getattr(RustSQLiteCheckpointer, name), getattr(RustSQLiteCheckpointer, f"a{name}")
        assert list(inspect.signature(sync).parameters) == list(inspect.signature(twin).parameters)
        assert inspect.iscoroutinefunction(twin) or inspect.isasyncgenfunction(twin), name


def test_get_and_aget_return_the_checkpoint(checkpointer):
    saved = checkpointer.put(config(), checkpoint(1), METADATA, {})
    assert checkpointer.get(saved) == checkpoint(1)
    assert asyncio.run(checkpointer.aget(saved)) == checkpoint(1)
    assert checkpointer.get(config("nobody")) is None


def test_versions_follow_one_another_as_stock_s_do(checkpointer):
    conn = sqlite3.connect(":memory:")
    stock = SqliteSaver(conn)
    for current in (None, 5, "00000000000000000000000000000007.0.25", checkpointer.get_next_version(None, None)):
        given = []
        for saver in (stock, checkpointer):
            random.seed(7)
            given.append(saver.get_next_version(current, None))
        assert given[0] == given[1]
        assert int(given[1].split(".")[0]) == int(str(current or 0).split(".")[0]) + 1
    conn.close()


def test_a_saver_is_always_true_and_has_no_length(checkpointer):
    assert checkpointer
    assert not hasattr(checkpointer, "__len__")
    assert "__bool__" not in dir(checkpointer)
    assert checkpointer.config_specs == []


# --- copies ---


@needs_allowlist
def test_a_copy_with_an_allowlist_shares_the_database(path):
    checkpointer = RustSQLiteCheckpointer(path, serde=allowing([("builtins", "complex")]))
    other = checkpointer.with_allowlist([s.path_of(s.Plain)])
    assert other is not checkpointer
    assert type(other) is RustSQLiteCheckpointer
    saved = other.put(config(), checkpoint(1, plain=s.Plain(5)), METADATA, {})
    # Each decodes by its own list.
    assert type(other.get(saved)["channel_values"]["plain"]) is s.Plain
    assert type(checkpointer.get(saved)["channel_values"]["plain"]) is not s.Plain
    assert checkpointer.stats().counters["operations"] == other.stats().counters["operations"] == 1
    checkpointer.close()
    with pytest.raises(sqlite3.ProgrammingError):
        other.get(saved)


def test_a_copy_goes_on_when_the_original_is_collected(path):
    original = RustSQLiteCheckpointer(path)
    saved = original.put(config(), checkpoint(1), METADATA, {})
    other = copy.copy(original)
    del original
    assert other.get(saved) == checkpoint(1)
    other.put(saved, checkpoint(2), METADATA, {})
    other.close()
    with connected(path) as conn:
        assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (2,)


def test_one_that_nobody_holds_any_more_leaves_all_that_was_put(path):
    for n in range(5):
        RustSQLiteCheckpointer(path).put(config(), checkpoint(n), METADATA, {})
    with RustSQLiteCheckpointer(path) as last:
        assert len(list(last.list(config()))) == 5


def test_a_graph_takes_it_sync_and_async(checkpointer):
    app = graphs.fan_out().compile(checkpointer=checkpointer)
    given = {"items": [1, 2], "results": []}
    first = app.invoke(given, graphs.CONFIG)
    second = asyncio.run(app.ainvoke({"items": [3]}, graphs.CONFIG))
    assert second["results"][: len(first["results"])] == first["results"]
    assert len(second["results"]) == len(first["results"]) + 2


STRICT = """
import sqlite3, sys
from samples import graphs
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from fast_langgraph import RustSQLiteCheckpointer
from beside_stock.equality import difference

conn = sqlite3.connect("stock.db", check_same_thread=False)
told = []
for saver in (SqliteSaver(conn), RustSQLiteCheckpointer("ours.db")):
    app = graphs.agent().compile(checkpointer=saver)
    assert app.checkpointer is not saver, "a copy with the graph's own classes"
    for n in range(2):
        app.invoke({"messages": [HumanMessage(f"question {n}", id=f"q{n}")]}, graphs.CONFIG)
    told.append([(state.values, state.next) for state in app.get_state_history(graphs.CONFIG)])
assert len(told[0]) == 10
assert difference(*told) is None, difference(*told)
print("the same")
"""


@needs_allowlist
def test_in_strict_mode_a_graph_takes_a_copy_that_decodes_as_stock_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = in_new_process(STRICT, common=False, LANGGRAPH_STRICT_MSGPACK="true")
    assert done.stdout.strip().endswith("the same"), done.stderr
