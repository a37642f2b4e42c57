"""What ``profile()`` puts before methods is seen by nobody, and is gone when the last profile is."""

from __future__ import annotations

import inspect
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from functools import wraps
from pathlib import Path
from typing import Any

import aiosqlite.core
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.sites import runs_native
from fast_langgraph import RustSQLiteCheckpointer, _native
from fast_langgraph._replacements import async_group_commit, group_commit
from fast_langgraph._shared.codec import Codec
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

TESTS = Path(__file__).parents[1]

OWNERS = [
    SqliteSaver,
    AsyncSqliteSaver,
    JsonPlusSerializer,
    RustSQLiteCheckpointer,
    aiosqlite.core.Connection,
    Codec,
    group_commit,
    async_group_commit,
    _native,
]


def functions() -> dict[tuple[str, str], Any]:
    return {(owner.__name__, name): value for owner in OWNERS for name, value in vars(owner).items() if callable(value)}


def put(saver: SqliteSaver, n: int = 1) -> None:
    saver.put(config(), checkpoint(n), METADATA, {})


def count(profile: Any) -> int:
    return sum(operation.count for operation in profile.report().operations)


@pytest.fixture(autouse=True)
def nothing_left():
    before, path = functions(), list(sys.meta_path)
    yield
    fast_langgraph.unpatch()
    assert functions() == before
    assert sys.meta_path == path


@pytest.mark.parametrize("on_ours", [False, True], ids=["stock", "patched"])
def test_every_function_is_back_after_a_profile(on_ours):
    if on_ours:
        fast_langgraph.patch()
    before = functions()
    with fast_langgraph.profile():
        inside = functions()
        assert inside[("SqliteSaver", "put")] is not before[("SqliteSaver", "put")]
    assert functions() == before
    with pytest.raises(ZeroDivisionError), fast_langgraph.profile():
        raise ZeroDivisionError
    assert functions() == before


def test_a_function_looks_as_it_did():
    plain = {method: inspect.signature(getattr(SqliteSaver, method)) for method in ("put", "put_writes", "list")}
    with fast_langgraph.profile():
        for method, signature in plain.items():
            found = getattr(SqliteSaver, method)
            assert inspect.signature(found) == signature
            assert (found.__name__, found.__qualname__) == (method, f"SqliteSaver.{method}")
        assert inspect.iscoroutinefunction(AsyncSqliteSaver.aput)
        assert inspect.isgeneratorfunction(SqliteSaver.list)
        assert inspect.isasyncgenfunction(AsyncSqliteSaver.alist)


def test_patch_and_unpatch_inside_a_profile_do_what_they_do_outside(saver):
    stock = functions()
    with fast_langgraph.profile() as profile:
        put(saver)
        fast_langgraph.patch()
        assert {site.state for site in fast_langgraph.status().sites.values()} == {"active"}
        put(saver)
        fast_langgraph.unpatch()
        assert not fast_langgraph.is_patched()
        put(saver)
        fast_langgraph.patch()
        put(saver)
    assert count(profile) == 4
    assert {site.name: site.calls for site in profile.report().sites}["SqliteSaver.put"] == 2
    assert {site.state for site in fast_langgraph.status().sites.values()} == {"active"}
    with runs_native("SqliteSaver.put"):
        put(saver)
    fast_langgraph.unpatch()
    assert functions() == stock


def test_profiles_may_be_nested_and_overlap(saver):
    first, second, inner = fast_langgraph.profile(), fast_langgraph.profile(), fast_langgraph.profile()
    put(saver)
    first.__enter__()
    put(saver)
    second.__enter__()
    put(saver)
    with inner:
        put(saver)
    first.__exit__(None, None, None)
    put(saver)
    second.__exit__(None, None, None)
    put(saver)
    assert [count(profile) for profile in (first, second, inner)] == [3, 3, 1]
    assert first.report() == first.report()


def test_nested_profiles_see_the_same_of_a_call(saver):
    with fast_langgraph.profile() as outer, fast_langgraph.profile(encode_channels=True) as inner:
        written = saver.put(config(), checkpoint(1), METADATA, {})
        saver.put_writes(written, WRITES, "task")
        list(saver.list(config()))
    one, other = outer.report(), inner.report()
    assert one.operations == other.operations
    assert one.channels == other.channels
    assert [channel.writes for channel in one.channels if channel.name == WRITES[0][0]] == [1]
    assert one.put_bytes == other.put_bytes


def test_calls_that_are_added_up_between_are_all_counted(saver):
    with fast_langgraph.profile() as profile:
        for n in range(700):
            saver.put_writes(config(at=1), [("a", n), ("b", None)], "task", f"{n}")
            if n % 100 == 0:
                saver.put(config(), checkpoint(n), METADATA, {})
    found = {channel.name: channel for channel in profile.report().channels}
    assert (found["a"].writes, found["b"].writes) == (700, 700)
    assert found["a"].write_bytes == sum(len(saver.serde.dumps_typed(n)[1]) for n in range(700))
    assert count(profile) == 707
    assert len(profile.report().put_bytes) == 7


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timer")
def test_a_signal_handler_that_makes_calls_while_calls_are_told_of_is_counted(saver):
    other = SqliteSaver(sqlite3.connect(":memory:"))
    seen: list[int] = []

    def handle(*_: Any) -> None:
        other.put(config(), checkpoint(1), METADATA, {})
        seen.append(1)
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with fast_langgraph.profile() as profile:
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            for n in range(1_000):
                put(saver, n)
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        other.conn.close()
    # What the handler does within a call is part of that call.
    assert seen
    assert 1_000 <= count(profile) <= 1_000 + len(seen)
    assert profile.report().running == 0


def test_a_method_that_was_taken_before_a_profile_is_not_measured(saver):
    early = saver.put
    with fast_langgraph.profile() as profile:
        early(config(), checkpoint(1), METADATA, {})
        assert count(profile) == 0
        # One taken inside calls what is behind the front, which patch() exchanges.
        late = saver.put
        fast_langgraph.patch()
        with runs_native("SqliteSaver.put"):
            late(config(), checkpoint(2), METADATA, {})
        assert count(profile) == 1
    late(config(), checkpoint(3), METADATA, {})
    assert count(profile) == 1
    assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(3)["id"]


def test_a_report_may_be_asked_for_while_the_profile_is_on(saver):
    with fast_langgraph.profile() as profile:
        put(saver)
        assert count(profile) == 1
        put(saver)
        assert count(profile) == 2
    put(saver)
    assert count(profile) == 2


def test_a_profile_is_entered_once_and_reported_after_that():
    profile = fast_langgraph.profile()
    with pytest.raises(RuntimeError, match="has not begun"):
        profile.report()
    with profile, pytest.raises(RuntimeError, match="entered once"):
        profile.__enter__()
    assert profile.report().operations == ()
    assert "no operation of a SQLite saver was seen" in str(profile)


def test_a_call_that_began_before_is_not_counted_and_one_that_goes_on_is_named(saver):
    for n in range(3):
        put(saver, n)
    early = saver.list(config())
    next(early)
    with fast_langgraph.profile() as profile:
        assert len(list(early)) == 2
        late = saver.list(config())
        next(late)
    assert count(profile) == 0
    late.close()
    assert count(profile) == 0


def test_a_subclass_that_overrides_a_method_is_counted_where_it_calls_ours(saver):
    class Mine(SqliteSaver):
        def put(self, *args: Any) -> Any:
            return super().put(*args)

    mine = Mine(saver.conn)
    with fast_langgraph.profile() as profile:
        put(mine)
    assert count(profile) == 1


def test_a_wrapper_that_another_tool_puts_around_a_front_stays_and_counts_no_more(saver):
    plain = SqliteSaver.put
    traced: list[str] = []

    def trace(function: Any) -> Any:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            traced.append(function.__name__)
            return function(*args, **kwargs)

        return wrapper

    try:
        with fast_langgraph.profile() as profile:
            SqliteSaver.put = trace(SqliteSaver.put)
            put(saver)
        wrapper = SqliteSaver.put
        put(saver)
        assert count(profile) == 1
        assert len(traced) == 2
        with fast_langgraph.profile() as again:
            put(saver)
        assert count(again) == 1
        assert SqliteSaver.put is wrapper
    finally:
        SqliteSaver.put = plain


def test_an_error_while_an_operation_is_measured_is_the_app_s_own(saver):
    class Bad:
        def __len__(self) -> int:
            raise ZeroDivisionError

    with fast_langgraph.profile() as profile:
        with pytest.raises(TypeError):
            saver.put(config(), Bad(), METADATA, {})
        with pytest.raises(TypeError, match="missing"):
            saver.put()
        with pytest.raises(TypeError, match="missing"):
            SqliteSaver.put()
    (found,) = profile.report().operations
    assert (found.count, found.errors) == (2, {"TypeError": 2})


ORDERS = {
    "profile-then-import": "with profile() as found:\n    import_all(); work()",
    "profile-then-import-then-patch": "with profile() as found:\n    import_all(); fast_langgraph.patch(); work()",
    "profile-then-patch": "with profile() as found:\n    fast_langgraph.patch(); work()",
    "patch-then-profile": "fast_langgraph.patch()\nwith profile() as found:\n    work()",
    "import-then-profile": "import_all()\nwith profile() as found:\n    work()",
    "import-between": "with profile() as early:\n    pass\nimport_all()\nwith profile() as found:\n    work()",
    "reload-inside": "import_all()\nwith profile() as found:\n    importlib.reload(sys.modules['langgraph.checkpoint.sqlite']); work()",
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_profile_sees_calls_whatever_is_imported_or_patched_first(order, tmp_path):
    script = textwrap.dedent(
        """
        import importlib, sys
        import fast_langgraph
        from fast_langgraph import profile
        assert not any(name.startswith(("langgraph", "opentelemetry", "fast_langgraph._profile.page")) for name in sys.modules)

        def import_all():
            from langgraph.checkpoint.sqlite import SqliteSaver
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
            from fast_langgraph import RustSQLiteCheckpointer

        def work():
            from langgraph.checkpoint.sqlite import SqliteSaver
            from fast_langgraph import RustSQLiteCheckpointer
            from samples.checkpoints import METADATA, checkpoint, config
            with SqliteSaver.from_conn_string(":memory:") as saver, RustSQLiteCheckpointer(":memory:") as other:
                for one in (saver, other):
                    one.put(config(), checkpoint(1), METADATA, {})
        """
    )
    script += f"\n{ORDERS[order]}\n" + textwrap.dedent(
        """
        seen = sorted((one.saver, one.name, one.count, one.parts["encode"] is not None) for one in found.report().operations)
        assert seen == [("RustSQLiteCheckpointer", "put", 1, True), ("SqliteSaver", "put", 1, True)], seen
        from langgraph.checkpoint.sqlite import SqliteSaver
        assert not hasattr(SqliteSaver.put, "_fast_langgraph_slot")
        states = {site.state for name, site in fast_langgraph.status().sites.items() if not name.startswith("Async")}
        assert states == ({"active"} if "patch" in sys.argv[1] else {"skipped"}), states
        """
    )
    done = subprocess.run([sys.executable, "-c", script, order], capture_output=True, text=True, check=False, cwd=TESTS)
    assert done.returncode == 0, done.stderr


FORKED = """
import os, sqlite3, sys, threading
from langgraph.checkpoint.sqlite import SqliteSaver
import fast_langgraph
from samples.checkpoints import METADATA, checkpoint, config
saver = SqliteSaver(sqlite3.connect(":memory:"))
with fast_langgraph.profile() as profile:
    saver.put(config(), checkpoint(1), METADATA, {})
    held, over = threading.Event(), threading.Event()
    def hold():
        with profile._recorder.lock:
            held.set()
            over.wait()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:
        saver.put(config(), checkpoint(2), METADATA, {})
        os._exit(profile.report().puts)
    over.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
assert profile.report().puts == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_child_of_a_fork_goes_on_counting_though_another_thread_held_the_lock():
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=False, cwd=TESTS, timeout=120
    )
    assert done.returncode == 0, done.stderr
