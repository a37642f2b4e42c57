"""What is imported when, and what is patched whatever the order."""

from __future__ import annotations

import sys

import pytest

from installed_wheel import ok

# --- at the start of the interpreter ---


def test_off_nothing_is_imported_at_the_start(run):
    script = """
    assert not [name for name in sys.modules if name.startswith("fast_langgraph")]
    assert not hook()
    """
    ok(run(script, auto=""))


def test_on_next_to_nothing_is_imported_at_the_start(run, installed):
    script = "import sys; print(sorted(sys.modules))"
    on = ok(installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1"))
    off = ok(installed.run(script))
    assert sorted(set(eval(on)) - set(eval(off))) == [
        "__future__",
        "fast_langgraph",
        "fast_langgraph._boot",
        "fast_langgraph._patching",
        "fast_langgraph._patching.import_hook",
        "fast_langgraph._shared",
        "fast_langgraph._shared.stock_classes",
        "fast_langgraph.patch",
    ]


def test_the_pth_file_has_one_short_line(installed):
    [line] = installed.pth.read_text().splitlines()
    assert len(line) < 100
    assert line.startswith('import os; os.environ.get("FAST_LANGGRAPH_AUTO_PATCH") and ')


def test_langgraph_is_not_imported_by_us(run):
    script = """
    import fast_langgraph
    fast_langgraph.status(), fast_langgraph.is_patched()
    assert of_langgraph() == [], of_langgraph()
    assert count("pending") == 12
    import langgraph.checkpoint.serde.jsonplus
    assert not [name for name in of_langgraph() if "sqlite" in name], of_langgraph()
    assert (count("active"), count("pending")) == (2, 10), states()
    import langgraph.checkpoint.sqlite
    assert "langgraph.checkpoint.sqlite.aio" not in sys.modules
    assert (count("active"), count("pending")) == (7, 5), states()
    import langgraph.checkpoint.sqlite.aio
    assert count("active") == 12
    """
    ok(run(script))


def test_what_we_import_when_patching_is_ours_alone(run, installed):
    script = "import sys, langgraph.checkpoint.sqlite.aio; print(sorted(sys.modules))"
    on = eval(ok(installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1")))
    off = eval(ok(installed.run(script)))
    more = {name.partition(".")[0] for name in set(on) - set(off)}
    assert more - sys.stdlib_module_names == {"fast_langgraph"}


# --- orders ---


@pytest.mark.parametrize(
    "imports",
    [
        "import langgraph.checkpoint.sqlite.aio",
        "from langgraph.checkpoint.sqlite import SqliteSaver; from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver",
        "import langgraph.checkpoint.base, langgraph.graph, langgraph.checkpoint.sqlite.aio",
        "import fast_langgraph, langgraph.checkpoint.sqlite.aio",
        "import langgraph.checkpoint.sqlite.aio, fast_langgraph",
        "import fast_langgraph; fast_langgraph.patch(); import langgraph.checkpoint.sqlite.aio",
        "import langgraph.checkpoint.sqlite.aio, fast_langgraph; fast_langgraph.patch()",
        "import importlib; importlib.import_module('langgraph.checkpoint.sqlite.aio')",
        "def lazily():\n    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver\n    return AsyncSqliteSaver\nlazily()",
    ],
)
@pytest.mark.parametrize("auto", ["1", ""])
def test_all_is_active_whatever_is_imported_first(run, imports, auto):
    if not auto and "patch()" not in imports:
        imports += "\nimport fast_langgraph; fast_langgraph.patch()"
    ok(run(f"{imports}\nassert count('active') == 12, states()", auto=auto))


def test_an_object_made_while_the_module_was_half_imported_is_covered(run):
    script = """
    import langgraph.checkpoint.base as base
    import fast_langgraph
    # A class attribute of the base class, made when it was defined.
    base.BaseCheckpointSaver.serde.dumps_typed([1])
    assert fast_langgraph.status().sites["JsonPlusSerializer.dumps_typed"].calls == 1
    """
    ok(run(script))


def test_imports_by_many_threads_at_once_patch_once_and_do_not_hang(run):
    script = """
    import threading
    barrier = threading.Barrier(9)

    def work(name):
        barrier.wait()
        if name == "patch":
            import fast_langgraph
            fast_langgraph.patch()
        else:
            importlib.import_module(name)

    names = ["langgraph.checkpoint.sqlite.aio", "langgraph.checkpoint.serde.jsonplus", "patch"]
    threads = [threading.Thread(target=work, args=(name,)) for name in names * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count("active") == 12, states()
    """
    for auto in ("1", ""):
        ok(run(script, auto=auto))


# --- reload ---


@pytest.mark.parametrize("auto", ["1", ""])
def test_a_module_that_is_reloaded_is_patched_again_and_what_was_there_stays(run, auto):
    script = """
    import sqlite3, fast_langgraph
    from langgraph.checkpoint.base import empty_checkpoint
    import langgraph.checkpoint.sqlite.aio
    fast_langgraph.patch()
    config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}

    def calls():
        return fast_langgraph.status().sites["SqliteSaver.put"].calls

    old = langgraph.checkpoint.sqlite.SqliteSaver
    saver = old(sqlite3.connect(":memory:"))
    saver.put(config, empty_checkpoint(), {}, {})
    importlib.reload(langgraph.checkpoint.sqlite)
    new = langgraph.checkpoint.sqlite.SqliteSaver
    assert new is not old
    assert count("active") == 12, states()
    assert calls() == 1
    saver.put(config, empty_checkpoint(), {}, {})
    other = new(sqlite3.connect(":memory:"))
    other.put(config, empty_checkpoint(), {}, {})
    assert calls() == 3, calls()
    importlib.reload(langgraph.checkpoint.serde.jsonplus)
    assert count("active") == 12, states()
    serde = langgraph.checkpoint.serde.jsonplus.JsonPlusSerializer()
    assert serde.loads_typed(serde.dumps_typed({"a": {1}})) == {"a": {1}}
    assert saver.get_tuple(config).checkpoint["v"] == other.get_tuple(config).checkpoint["v"]
    fast_langgraph.unpatch()
    for cls in (old, new):
        assert cls.put.__globals__ is vars(langgraph.checkpoint.sqlite), cls
    assert not fast_langgraph.is_patched()
    """
    ok(run(script, auto=auto))


def test_a_module_that_is_removed_and_imported_again_is_patched_again(run):
    script = """
    import langgraph.checkpoint.sqlite
    del sys.modules["langgraph.checkpoint.sqlite"]
    assert (count("active"), count("pending")) == (2, 10), states()
    import langgraph.checkpoint.sqlite
    assert count("active") == 7, states()
    """
    ok(run(script))
