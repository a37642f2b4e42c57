"""status(): what is live, what was called, what went back to stock and why."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from beside_stock.patched_methods import SITES, counts
from beside_stock.sites import falls_back
from samples import classes as s
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

STATES = {"active", "skipped", "foreign", "pending"}


def test_status_before_and_after_says_what_is_live():
    fast_langgraph.unpatch()
    assert all(site.state != "active" for site in fast_langgraph.status().sites.values())
    fast_langgraph.patch()
    sites = fast_langgraph.status().sites
    assert set(SITES) <= set(sites)
    for name, site in sites.items():
        assert site.state in STATES
        assert site.state == "active" or site.reason
    assert all(sites[name].state == "active" for name in SITES)
    fast_langgraph.unpatch()
    assert all(site.state == "skipped" for site in fast_langgraph.status().sites.values())


def test_status_counts_each_call(saver):
    fast_langgraph.patch()
    saver.setup()
    names = [
        name for name in fast_langgraph.status().sites if name.startswith("SqliteSaver.") and "history" not in name
    ]
    assert len(names) >= 4
    before = {name: counts(name) for name in names}
    for n in range(3):
        saver.put(config(), checkpoint(n), METADATA, {})
        saver.put_writes(config(at=n), WRITES, "t")
        saver.get_tuple(config())
        list(saver.list(config()))
        saver.delete_thread("none")
    for name in names:
        calls, fallbacks = counts(name)
        assert calls == before[name][0] + 3, name
        assert fallbacks == before[name][1], name


def test_status_counts_the_codec_s_calls():
    fast_langgraph.patch()
    serde = JsonPlusSerializer()
    before = counts("JsonPlusSerializer.dumps_typed")[0], counts("JsonPlusSerializer.loads_typed")[0]
    for _ in range(5):
        serde.loads_typed(serde.dumps_typed({"a": [HumanMessage("x", id="1")]}))
    after = counts("JsonPlusSerializer.dumps_typed")[0], counts("JsonPlusSerializer.loads_typed")[0]
    assert after == (before[0] + 5, before[1] + 5)


def test_status_counts_what_stock_did_and_says_why():
    class Mine(sqlite3.Connection):
        pass

    fast_langgraph.patch()
    conn = sqlite3.connect(":memory:", factory=Mine)
    saver = SqliteSaver(conn)
    with falls_back("SqliteSaver.put"), falls_back("SqliteSaver.get_tuple"):
        saver.put(config(), checkpoint(1), METADATA, {})
        assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(1)["id"]
    conn.close()


def test_status_counts_by_many_threads_are_exact():
    fast_langgraph.patch()
    serde = JsonPlusSerializer()
    before, _ = counts("JsonPlusSerializer.dumps_typed")
    threads = [threading.Thread(target=lambda: [serde.dumps_typed([i]) for i in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts("JsonPlusSerializer.dumps_typed")[0] == before + 4000


def test_status_can_be_read_and_is_a_snapshot():
    import dataclasses

    fast_langgraph.patch()
    status = fast_langgraph.status()
    assert dataclasses.is_dataclass(status)
    text = repr(status)
    assert all(name in text for name in SITES)
    calls = status.sites["JsonPlusSerializer.dumps_typed"].calls
    JsonPlusSerializer().dumps_typed([1])
    assert status.sites["JsonPlusSerializer.dumps_typed"].calls == calls
    assert fast_langgraph.status().sites["JsonPlusSerializer.dumps_typed"].calls == calls + 1


def test_status_says_how_sqlite_is_reached_and_which_versions_are_installed():
    fast_langgraph.patch()
    conn = sqlite3.connect(":memory:")
    SqliteSaver(conn).get_tuple(config())
    conn.close()
    text = repr(fast_langgraph.status())
    assert sqlite3.sqlite_version in text
    for package in ("langgraph-checkpoint", "langgraph-checkpoint-sqlite"):
        assert package in text


def test_a_call_that_raises_is_counted_too(saver):
    fast_langgraph.patch()
    saver.setup()
    calls, _ = counts("SqliteSaver.put")
    with pytest.raises(TypeError):
        saver.put(config(), checkpoint(1, bad=s.Opaque()), METADATA, {})
    with pytest.raises(KeyError):
        saver.put({"configurable": {}}, checkpoint(1), METADATA, {})
    assert counts("SqliteSaver.put")[0] == calls + 2
