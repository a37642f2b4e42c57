"""patch() in processes of their own: what is imported, which releases, how they end and fork."""

from __future__ import annotations

import sys

import pytest

from beside_stock.new_process import in_new_process

pytestmark = pytest.mark.unpatched


def test_patching_before_langgraph_is_imported_patches_it():
    done = in_new_process(
        """
        import sys
        import fast_langgraph
        assert not any(name.split(".")[0] in ("langgraph", "langchain_core", "pydantic") for name in sys.modules)
        fast_langgraph.patch()
        import sqlite3
        from langgraph.checkpoint.sqlite import SqliteSaver
        from langgraph.graph import StateGraph
        assert fast_langgraph.is_patched()
        graph = StateGraph(dict)
        graph.add_node("n", lambda state: {"x": 1})
        graph.set_entry_point("n")
        saver = SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
        app = graph.compile(checkpointer=saver)
        app.invoke({"x": 0}, {"configurable": {"thread_id": "1"}})
        sites = fast_langgraph.status().sites
        assert sites["SqliteSaver.put"].state == "active"
        assert sites["SqliteSaver.put"].calls, sites
        assert not sites["SqliteSaver.put"].fallbacks, sites
        print("done")
        """,
        common=False,
    )
    assert done.stdout == "done\n", done


def test_importing_the_package_imports_nothing_of_langgraph():
    done = in_new_process(
        """
        import sys
        before = set(sys.modules)
        import fast_langgraph
        heavy = {"langgraph", "langchain_core", "pydantic", "ormsgpack", "numpy", "sqlite3", "aiosqlite", "asyncio"}
        print(sorted({name.split(".")[0] for name in set(sys.modules) - before} & heavy))
        """,
        common=False,
    )
    assert done.stdout == "[]\n", done


def test_status_disabled_and_is_patched_work_before_langgraph_is_imported():
    done = in_new_process(
        """
        import fast_langgraph
        assert not fast_langgraph.is_patched()
        with fast_langgraph.disabled():
            pass
        repr(fast_langgraph.status())
        fast_langgraph.unpatch()
        print("done")
        """,
        common=False,
    )
    assert done.stdout == "done\n", done


@pytest.mark.parametrize("package", ["langgraph-checkpoint-sqlite", "langgraph-checkpoint"])
@pytest.mark.parametrize("version", ["2.0.11", "99.0.0"])
def test_an_unknown_release_is_left_alone_with_one_warning(package, version):
    done = in_new_process(
        f"""
        import importlib.metadata as metadata, warnings
        real = metadata.version
        metadata.version = lambda name: {version!r} if name.replace("_", "-") == {package!r} else real(name)
        real_distribution = metadata.distribution

        class Distribution:
            version = {version!r}
            metadata = {{"Version": {version!r}, "Name": {package!r}}}

        metadata.distribution = lambda name: Distribution() if name.replace("_", "-") == {package!r} else real_distribution(name)
        import fast_langgraph
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite import SqliteSaver
        stock = dict(vars(SqliteSaver)), dict(vars(JsonPlusSerializer))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                fast_langgraph.patch()
        assert len(caught) == 1, caught
        assert {version!r} in str(caught[0].message), caught[0].message
        assert not fast_langgraph.is_patched()
        assert stock == (dict(vars(SqliteSaver)), dict(vars(JsonPlusSerializer)))
        assert {version!r} in repr(fast_langgraph.status())
        print("done")
        """,
        common=False,
    )
    assert done.stdout == "done\n", done


def test_patching_without_aiosqlite_patches_the_rest():
    done = in_new_process(
        """
        import sys
        sys.modules["aiosqlite"] = None
        import fast_langgraph
        fast_langgraph.patch()
        sites = fast_langgraph.status().sites
        assert sites["SqliteSaver.put"].state == "active"
        assert all(site.state != "active" for name, site in sites.items() if name.startswith("Async"))
        print("done")
        """,
        common=False,
    )
    assert done.stdout == "done\n", done


@pytest.mark.parametrize("part", ["Connection._conn", "Connection._execute", "core.sqlite3"])
def test_an_aiosqlite_without_what_is_used_of_it_leaves_the_async_saver_as_it_is(part):
    owner, _, name = part.partition(".")
    done = in_new_process(
        f"""
        import aiosqlite, fast_langgraph
        delattr(aiosqlite.{owner}, {name!r})
        fast_langgraph.patch()
        sites = fast_langgraph.status().sites
        assert sites["SqliteSaver.put"].state == "active"
        aput = sites["AsyncSqliteSaver.aput"]
        assert aput.state == "skipped", aput
        assert aput.reason.startswith("this release of aiosqlite has no "), aput
        print("done")
        """,
        common=False,
    )
    assert done.stdout == "done\n", done


def test_an_exit_while_threads_are_saving_does_not_hang_or_crash():
    done = in_new_process(
        """
        import sqlite3, sys, tempfile, threading
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, checkpoint, config
        fast_langgraph.patch()
        path = tempfile.mkdtemp() + "/test.db"
        saver = SqliteSaver(sqlite3.connect(path, check_same_thread=False))
        saver.setup()
        started = threading.Event()

        def work(n):
            i = 0
            while True:
                saver.put(config(str(n)), checkpoint(i), METADATA, {})
                started.set()
                i += 1

        for n in range(4):
            threading.Thread(target=work, args=(n,), daemon=True).start()
        started.wait()
        print("done", flush=True)
        """,
        timeout=60,
    )
    assert done.stdout == "done\n", done
    assert done.returncode in (0, 1), done


def test_a_child_of_fork_goes_on_with_a_connection_of_its_own(tmp_path):
    if sys.platform == "win32":
        pytest.skip("no fork on Windows")
    done = in_new_process(f"""
        import os, sqlite3
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, checkpoint, config
        fast_langgraph.patch()
        conn = sqlite3.connect({str(tmp_path / "parent.db")!r})
        saver = SqliteSaver(conn)
        saver.put(config(), checkpoint(1), METADATA, {{}})
        child = os.fork()
        if child == 0:
            own = SqliteSaver(sqlite3.connect({str(tmp_path / "child.db")!r}))
            own.put(config(), checkpoint(2), METADATA, {{}})
            found = own.get_tuple(config()).checkpoint["id"] == checkpoint(2)["id"]
            os._exit(0 if found and JsonPlusSerializer().loads_typed(("msgpack", b"\\x91\\x01")) == [1] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(1)["id"]
        print("done")
    """)
    assert done.stdout == "done\n", done


def test_a_signal_handler_that_patches_while_a_module_is_patched_is_no_deadlock():
    done = in_new_process(
        """
    import faulthandler, signal
    faulthandler.dump_traceback_later(30, exit=True)
    import fast_langgraph
    from fast_langgraph import _native
    configure = _native.configure

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGUSR1)
        return configure(*arguments)

    signal.signal(signal.SIGUSR1, lambda *_: fast_langgraph.patch())
    _native.configure = interrupted
    fast_langgraph.patch()
    assert fast_langgraph.is_patched()
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    assert JsonPlusSerializer().loads_typed(JsonPlusSerializer().dumps_typed([1])) == [1]
    """,
        common=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_put_that_fails_keeps_nothing_of_its_arguments():
    done = in_new_process(
        """
    import gc, sqlite3, weakref
    from langgraph.checkpoint.sqlite import SqliteSaver
    import fast_langgraph
    fast_langgraph.patch()
    gc.disable()
    class Checkpoint(dict): ...
    class Value: ...
    saver = SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    checkpoint = Checkpoint(v=4, ts="", channel_values={}, channel_versions={}, versions_seen={})
    try:
        saver.put(config, checkpoint, {}, {})
    except KeyError as error:
        assert error.args == ("id",)
    else:
        raise AssertionError("it has no id")
    kept = weakref.ref(checkpoint)
    del checkpoint
    assert kept() is None
    value = Value()
    kept = weakref.ref(value)
    try:
        saver.put_writes({"configurable": {**config["configurable"], "checkpoint_id": "1"}}, [("a", value)], "task")
    except TypeError:
        pass
    else:
        raise AssertionError("it can't be encoded")
    del value
    assert kept() is None
    """,
        common=False,
    )
    assert done.returncode == 0, done.stderr
