"""patch() and unpatch(): in place and back, whatever else has wrapped the methods."""

from __future__ import annotations

import inspect
import logging
import sqlite3
import threading

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from beside_stock.codec import stock_dumps_typed, stock_loads_typed
from beside_stock.new_process import in_new_process
from beside_stock.patched_methods import SITES, STOCK, counts, functions
from beside_stock.sites import runs_native
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched


def test_patching_replaces_the_methods_and_nothing_else():
    fast_langgraph.patch()
    changed = {f"{cls}.{name}" for (cls, name), value in functions().items() if STOCK[cls, name] is not value}
    assert changed == {name for name, site in fast_langgraph.status().sites.items() if site.state == "active"}
    assert changed >= set(SITES)
    assert list(functions()) == list(STOCK), "no attribute is added to a class, none is taken away"


def test_patching_again_changes_nothing():
    fast_langgraph.patch()
    once = functions()
    for _ in range(3):
        fast_langgraph.patch()
    assert functions() == once
    fast_langgraph.unpatch()
    assert functions() == STOCK


def test_unpatching_puts_the_very_same_functions_back():
    for _ in range(3):
        fast_langgraph.patch()
        assert fast_langgraph.is_patched()
        fast_langgraph.unpatch()
        assert not fast_langgraph.is_patched()
        assert all(functions()[key] is value for key, value in STOCK.items())
    assert JsonPlusSerializer.dumps_typed is stock_dumps_typed
    assert JsonPlusSerializer.loads_typed is stock_loads_typed


def test_unpatching_what_was_never_patched_does_nothing():
    fast_langgraph.unpatch()
    fast_langgraph.unpatch()
    assert functions() == STOCK


def test_savers_made_before_are_covered_and_savers_made_while_patched_live_on(saver):
    fast_langgraph.patch()
    with runs_native("SqliteSaver.put"):
        saver.put(config(), checkpoint(1), METADATA, {})
    second = SqliteSaver(saver.conn)
    second.put(config(), checkpoint(2), METADATA, {})
    bound = second.get_tuple
    fast_langgraph.unpatch()
    assert second.get_tuple(config()).checkpoint["id"] == bound(config()).checkpoint["id"] == checkpoint(2)["id"]
    fast_langgraph.patch()
    with runs_native("SqliteSaver.get_tuple"):
        assert second.get_tuple(config()).checkpoint["id"] == checkpoint(2)["id"]


def test_a_method_taken_before_patching_goes_on_being_stock_s(saver):
    put, get = saver.put, SqliteSaver.get_tuple
    fast_langgraph.patch()
    before = counts("SqliteSaver.put"), counts("SqliteSaver.get_tuple")
    put(config(), checkpoint(1), METADATA, {})
    assert get(saver, config()).checkpoint["id"] == checkpoint(1)["id"]
    assert (counts("SqliteSaver.put"), counts("SqliteSaver.get_tuple")) == before


def test_patching_by_many_threads_at_once_patches_once():
    threads = [threading.Thread(target=fast_langgraph.patch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(site.state == "active" for name, site in fast_langgraph.status().sites.items() if name in SITES)
    fast_langgraph.unpatch()
    assert functions() == STOCK


def wrapper_of(function, seen):
    def wrapper(self, *args, **kwargs):
        seen.append(function.__name__)
        return function(self, *args, **kwargs)

    return wrapper


WRAPPED = [(SqliteSaver, "get_tuple", lambda saver: saver.get_tuple(config()))]
WRAPPED += [(SqliteSaver, "put", lambda saver: saver.put(config(), checkpoint(2), METADATA, {}))]
WRAPPED += [(JsonPlusSerializer, "dumps_typed", lambda saver: saver.serde.dumps_typed([1]))]


@pytest.mark.parametrize("number", range(len(WRAPPED)))
def test_a_wrapper_that_is_there_before_is_called_and_stays_and_may_go(number):
    done = in_new_process(f"""
        import sqlite3
        from langgraph.checkpoint.sqlite import SqliteSaver
        from test_patching import WRAPPED, wrapper_of
        cls, name, call = WRAPPED[{number}]
        stock, seen = getattr(cls, name), []
        wrapper = wrapper_of(stock, seen)
        setattr(cls, name, wrapper)
        fast_langgraph.patch()
        saver = SqliteSaver(sqlite3.connect(":memory:"))
        call(saver)
        assert seen == [name], seen
        site = fast_langgraph.status().sites[f"{{cls.__name__}}.{{name}}"]
        assert site.state in ("skipped", "foreign") and site.reason, site
        fast_langgraph.unpatch()
        assert vars(cls)[name] is wrapper
        call(saver)
        assert seen == [name] * 2, seen
        setattr(cls, name, stock)
        fast_langgraph.patch()
        site = fast_langgraph.status().sites[f"{{cls.__name__}}.{{name}}"]
        assert site.state == "active", site
        call(saver)
        assert seen == [name] * 2, seen
        fast_langgraph.unpatch()
        assert vars(cls)[name] is stock
        print("done")
    """)
    assert done.stdout == "done\n", done


@pytest.mark.parametrize(("cls", "name", "call"), WRAPPED, ids=lambda value: getattr(value, "__name__", None))
def test_a_wrapper_put_over_ours_is_called_and_stays(saver, monkeypatch, cls, name, call):
    fast_langgraph.patch()
    ours, seen = vars(cls)[name], []
    wrapper = wrapper_of(ours, seen)
    monkeypatch.setattr(cls, name, wrapper)
    site = fast_langgraph.status().sites[f"{cls.__name__}.{name}"]
    assert site.state == "foreign"
    assert site.reason
    call(saver)
    assert seen == [name]
    fast_langgraph.patch()
    assert vars(cls)[name] is wrapper
    fast_langgraph.unpatch()
    assert vars(cls)[name] is wrapper
    call(saver)
    assert seen == [name] * 2
    others = [key for key, value in functions().items() if value is not STOCK[key]]
    assert others == [(cls.__name__, name)]
    monkeypatch.undo()
    monkeypatch.setattr(cls, name, STOCK[cls.__name__, name])
    fast_langgraph.patch()
    assert fast_langgraph.status().sites[f"{cls.__name__}.{name}"].state == "active"


def test_a_wrapper_over_the_serializer_is_called_by_the_savers(saver, monkeypatch):
    fast_langgraph.patch()
    seen = []
    for name in ("dumps_typed", "loads_typed"):
        monkeypatch.setattr(JsonPlusSerializer, name, wrapper_of(vars(JsonPlusSerializer)[name], seen))
    saver.put(config(), checkpoint(1), METADATA, {})
    saver.put_writes(config(at=1), WRITES, "t")
    assert seen == ["dumps_typed"] * 4
    saver.get_tuple(config())
    assert seen.count("loads_typed") == 4
    fast_langgraph.unpatch()


def test_a_wrapper_that_goes_away_leaves_ours_active(monkeypatch):
    fast_langgraph.patch()
    ours = vars(SqliteSaver)["put"]
    with monkeypatch.context() as patching:
        patching.setattr(SqliteSaver, "put", wrapper_of(ours, []))
        assert fast_langgraph.status().sites["SqliteSaver.put"].state == "foreign"
    assert fast_langgraph.status().sites["SqliteSaver.put"].state == "active"
    assert vars(SqliteSaver)["put"] is ours


def test_unpatching_leaves_a_foreign_wrapper_that_calls_stock_s_code(saver, monkeypatch):
    fast_langgraph.patch()
    monkeypatch.setattr(SqliteSaver, "put", wrapper_of(vars(SqliteSaver)["put"], []))
    fast_langgraph.unpatch()
    before = counts("SqliteSaver.put")
    saver.put(config(), checkpoint(1), METADATA, {})
    assert counts("SqliteSaver.put") == before
    assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(1)["id"]


def test_subclasses_that_override_keep_their_own():
    class Mine(SqliteSaver):
        def get_tuple(self, config):
            return ("mine", super().get_tuple(config))

    own = vars(Mine)["get_tuple"]
    fast_langgraph.patch()
    conn = sqlite3.connect(":memory:")
    saver = Mine(conn)
    with runs_native("SqliteSaver.put", "SqliteSaver.get_tuple"):
        saver.put(config(), checkpoint(1), METADATA, {})
        assert saver.get_tuple(config())[0] == "mine"
    assert vars(Mine)["get_tuple"] is own
    fast_langgraph.unpatch()
    assert saver.get_tuple(config())[1].checkpoint["id"] == checkpoint(1)["id"]
    conn.close()


def test_patching_says_nothing_where_all_is_well(caplog):
    import warnings

    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        fast_langgraph.patch()
        fast_langgraph.status()
        fast_langgraph.unpatch()
    assert [record for record in caplog.records if record.name.startswith("fast_langgraph")] == []


def test_the_public_names_are_those_of_the_documentation():
    assert {"patch", "unpatch", "is_patched", "status", "disabled"} <= set(dir(fast_langgraph)) | set(
        fast_langgraph.__all__
    )
    for name in ("patch", "unpatch", "is_patched", "status", "disabled"):
        assert callable(getattr(fast_langgraph, name))
        assert inspect.getdoc(getattr(fast_langgraph, name))
