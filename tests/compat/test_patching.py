"""patch(), unpatch(), is_patched(), disabled() and status(): what is live, and the truth about it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import aiosqlite
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.codec import stock_dumps_typed, stock_loads_typed
from beside_stock.new_process import in_new_process
from beside_stock.sites import falls_back, runs_native
from beside_stock.stories import MAY_BE_STOCK
from samples import classes as s
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

CLASSES = (JsonPlusSerializer, SqliteSaver, AsyncSqliteSaver)
METHODS = {
    JsonPlusSerializer: ["dumps_typed", "loads_typed"],
    SqliteSaver: ["put", "put_writes", "get_tuple", "list", "delete_thread", "get_delta_channel_history"],
    AsyncSqliteSaver: ["aput", "aput_writes", "aget_tuple", "alist", "adelete_thread", "aget_delta_channel_history"],
}
#: the methods that the installed release has and that are patched in any case
SITES = [f"{cls.__name__}.{name}" for cls, names in METHODS.items() for name in names if name in vars(cls)]
SITES = [name for name in SITES if name.split(".")[1] not in MAY_BE_STOCK]
STATES = {"active", "skipped", "foreign", "pending"}


def functions():
    members = ((cls.__name__, name, value) for cls in CLASSES for name, value in vars(cls).items())
    return {(owner, name): value for owner, name, value in members if inspect.isfunction(value)}


STOCK = functions()


@pytest.fixture
def saver():
    conn = sqlite3.connect(":memory:", check_same_thread=False)
    yield SqliteSaver(conn)
    conn.close()


def counts(name):
    site = fast_langgraph.status().sites[name]
    return site.calls, dict(site.fallbacks)


# --- in place and back ---


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


# --- somebody else's wrappers ---


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


# --- disabled ---


def test_within_disabled_stock_s_code_runs_and_nothing_is_counted(saver):
    fast_langgraph.patch()
    before = {name: counts(name) for name in SITES}
    with fast_langgraph.disabled():
        assert fast_langgraph.is_patched()
        saver.put(config(), checkpoint(1, message=HumanMessage("x", id="1")), METADATA, {})
        saver.put_writes(config(at=1), WRITES, "t")
        saver.get_tuple(config())
        list(saver.list(config()))
        saver.delete_thread("none")
    assert {name: counts(name) for name in SITES} == before
    with runs_native("SqliteSaver.get_tuple"):
        saver.get_tuple(config())


def test_disabled_may_be_nested_and_ends_with_an_exception(saver):
    fast_langgraph.patch()
    saver.put(config(), checkpoint(1), METADATA, {})

    def native():
        before = counts("SqliteSaver.get_tuple")
        saver.get_tuple(config())
        return counts("SqliteSaver.get_tuple") != before

    with fast_langgraph.disabled():
        with pytest.raises(ValueError, match="inside"), fast_langgraph.disabled():
            assert not native()
            raise ValueError("inside")
        assert not native()
    assert native()


def test_disabled_holds_for_its_own_thread_only(saver):
    fast_langgraph.patch()
    saver.put(config(), checkpoint(1), METADATA, {})
    with fast_langgraph.disabled(), runs_native("SqliteSaver.get_tuple"):
        thread = threading.Thread(target=saver.get_tuple, args=(config(),))
        thread.start()
        thread.join()


def test_disabled_is_carried_by_a_copied_context(saver):
    fast_langgraph.patch()
    saver.put(config(), checkpoint(1), METADATA, {})
    before = counts("SqliteSaver.get_tuple")
    with fast_langgraph.disabled(), ThreadPoolExecutor() as pool:
        context = contextvars.copy_context()
        assert pool.submit(context.run, saver.get_tuple, config()).result().checkpoint["id"] == checkpoint(1)["id"]
    assert counts("SqliteSaver.get_tuple") == before


def test_disabled_holds_for_its_own_task_only(tmp_path):
    fast_langgraph.patch()

    async def run():
        async with aiosqlite.connect(tmp_path / "test.db") as conn:
            saver = AsyncSqliteSaver(conn)
            await saver.setup()
            order = []

            async def stock():
                with fast_langgraph.disabled():
                    for n in range(5):
                        await saver.aput(config("stock"), checkpoint(n), METADATA, {})
                        order.append("stock")

            async def ours():
                for n in range(5):
                    await saver.aput(config("ours"), checkpoint(n), METADATA, {})
                    order.append("ours")

            calls, _ = counts("AsyncSqliteSaver.aput")
            await asyncio.gather(stock(), ours())
            assert counts("AsyncSqliteSaver.aput")[0] == calls + 5
            assert set(order) == {"stock", "ours"}
            assert [found.checkpoint["channel_values"]["count"] async for found in saver.alist(config("stock"))] == [
                4,
                3,
                2,
                1,
                0,
            ]

    asyncio.run(run())


def test_a_graph_run_within_disabled_runs_on_stock(saver):
    from samples import graphs

    fast_langgraph.patch()
    app = graphs.agent().compile(checkpointer=saver)
    before = {name: counts(name) for name in SITES}
    with fast_langgraph.disabled():
        app.invoke({"messages": [HumanMessage("x", id="1")]}, graphs.CONFIG)
    assert {name: counts(name) for name in SITES} == before


def test_disabled_without_patching_does_nothing(saver):
    with fast_langgraph.disabled():
        saver.put(config(), checkpoint(1), METADATA, {})
    assert not fast_langgraph.is_patched()
    assert functions() == STOCK


# --- status ---


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


# --- in a new process ---


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


def test_patching_says_nothing_where_all_is_well(caplog):
    import warnings

    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        fast_langgraph.patch()
        fast_langgraph.status()
        fast_langgraph.unpatch()
    assert [record for record in caplog.records if record.name.startswith("fast_langgraph")] == []


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


def test_the_public_names_are_those_of_the_documentation():
    assert {"patch", "unpatch", "is_patched", "status", "disabled"} <= set(dir(fast_langgraph)) | set(
        fast_langgraph.__all__
    )
    for name in ("patch", "unpatch", "is_patched", "status", "disabled"):
        assert callable(getattr(fast_langgraph, name))
        assert inspect.getdoc(getattr(fast_langgraph, name))
