"""Tracers that wrap the same methods, before us and after us, and go in either order; and going while a run is on."""

from __future__ import annotations

import sys
import textwrap

import pytest

from installed_wheel import ok

COMMON = """
import functools, sqlite3, sys, types
import fast_langgraph
from fast_langgraph import status
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
import wrapt

config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
saver = SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
fast_langgraph.unpatch()
STOCK = SqliteSaver.put
spans = []

# As a tracer's own module would have it.
tracer = types.ModuleType("tracer")
sys.modules["tracer"] = tracer
exec('''
def traced(wrapped, instance, args, kwargs):
    spans.append(wrapped.__name__)
    return wrapped(*args, **kwargs)

def plain(function):
    def wrapper(*args, **kwargs):
        spans.append(function.__name__)
        return function(*args, **kwargs)
    return wrapper

def named_alike(function):
    return functools.wraps(function)(plain(function))
''', vars(tracer))
tracer.spans, tracer.functools = spans, functools

def wrap_by_wrapt():
    wrapt.wrap_function_wrapper("langgraph.checkpoint.sqlite", "SqliteSaver.put", tracer.traced)

def wrap_by_hand():
    SqliteSaver.put = tracer.plain(SqliteSaver.put)

def wrap_alike():
    SqliteSaver.put = tracer.named_alike(SqliteSaver.put)

def unwrap(before):
    SqliteSaver.put = before

def put():
    before = len(spans), site().calls
    saver.put(config, empty_checkpoint(), {}, {})
    assert saver.get_tuple(config) is not None
    return len(spans) - before[0], site().calls - before[1]

def site():
    return status().sites["SqliteSaver.put"]

def live():
    return vars(SqliteSaver)["put"]
"""

#: CPython 3.10 doesn't keep where a function's code is defined, but for its own name
BY_HAND = "tracer.plain" if sys.version_info >= (3, 11) else "tracer.wrapper"
TRACERS = {"wrap_by_wrapt": "tracer.traced", "wrap_by_hand": BY_HAND, "wrap_alike": BY_HAND}


@pytest.fixture
def run(installed):
    def run(script):
        return ok(installed.run(COMMON + textwrap.dedent(script), FAST_LANGGRAPH_AUTO_PATCH="1"))

    return run


@pytest.mark.parametrize("wrap", TRACERS)
def test_a_tracer_after_us_that_goes_first(run, wrap):
    run(f"""
    fast_langgraph.patch()
    ours = live()
    {wrap}()
    assert put() == (1, 1), "the tracer is called, and calls ours"
    found = site()
    assert found.state == "foreign"
    assert found.reason.startswith("wrapped by {TRACERS[wrap]}") and found.reason.endswith("which calls ours"), found
    assert found.wrappers[0].startswith("{TRACERS[wrap]}"), found
    fast_langgraph.patch()
    assert put() == (1, 1)
    unwrap(ours)
    assert site().state == "active" and site().wrappers == []
    assert put() == (0, 1)
    fast_langgraph.unpatch()
    assert live() is STOCK
    """)


@pytest.mark.parametrize("wrap", TRACERS)
def test_a_tracer_after_us_that_goes_last(run, wrap):
    run(f"""
    fast_langgraph.patch()
    ours = live()
    {wrap}()
    fast_langgraph.unpatch()
    assert put() == (1, 0), "the tracer stays, and ends at stock's code"
    found = site()
    assert found.state == "foreign" and found.reason.endswith("which calls stock's"), found
    unwrap(ours)
    assert put() == (0, 0)
    found = site()
    assert found.state == "skipped" and "somebody put our function back" in found.reason, found
    fast_langgraph.unpatch()
    assert live() is STOCK
    fast_langgraph.patch()
    assert site().state == "active" and put() == (0, 1)
    """)


@pytest.mark.parametrize("wrap", TRACERS)
def test_a_tracer_before_us_that_goes_last(run, wrap):
    run(f"""
    {wrap}()
    wrapper = live()
    fast_langgraph.patch()
    assert live() is wrapper
    assert put() == (1, 0)
    found = site()
    assert found.state == "foreign" and found.reason.endswith("which calls stock's"), found
    assert found.wrappers[0].startswith("{TRACERS[wrap]}"), found
    fast_langgraph.unpatch()
    assert live() is wrapper
    unwrap(STOCK)
    fast_langgraph.patch()
    assert site().state == "active" and put() == (0, 1)
    """)


@pytest.mark.parametrize("wrap", TRACERS)
def test_a_tracer_before_us_that_goes_first(run, wrap):
    run(f"""
    {wrap}()
    fast_langgraph.patch()
    unwrap(STOCK)
    found = site()
    assert found.state == "skipped" and "patch() replaces it again" in found.reason, found
    assert put() == (0, 0)
    fast_langgraph.patch()
    assert put() == (0, 1)
    fast_langgraph.unpatch()
    assert live() is STOCK
    """)


def test_two_tracers_one_on_either_side_of_us_are_both_named(run):
    run(f"""
    fast_langgraph.patch()
    wrap_by_hand()
    wrap_by_wrapt()
    found = site()
    assert found.reason.startswith("wrapped by tracer.traced, in it {BY_HAND}"), found
    assert len(found.wrappers) == 2
    assert put() == (2, 1)
    text = " ".join(repr(status()).split())
    assert "SqliteSaver.put foreign" in text and found.reason in text, text
    """)


def test_a_method_that_was_replaced_altogether_is_told(run):
    run("""
    from unittest import mock
    fast_langgraph.patch()
    with mock.patch.object(SqliteSaver, "put"):
        assert site().state == "foreign"
        assert site().reason == "replaced by unittest.mock.MagicMock", site()
    assert site().state == "active"
    """)


def test_a_tracer_that_waits_for_the_import_sees_the_method_that_is_live(installed):
    done = installed.run(
        """
        import wrapt
        spans = []
        def traced(wrapped, instance, args, kwargs):
            spans.append(wrapped.__name__)
            return wrapped(*args, **kwargs)

        @wrapt.when_imported("langgraph.checkpoint.sqlite")
        def wrap(module):
            wrapt.wrap_function_wrapper(module, "SqliteSaver.put", traced)

        import sqlite3
        from langgraph.checkpoint.base import empty_checkpoint
        from langgraph.checkpoint.sqlite import SqliteSaver
        import fast_langgraph
        saver = SqliteSaver(sqlite3.connect(":memory:"))
        saver.put({"configurable": {"thread_id": "1", "checkpoint_ns": ""}}, empty_checkpoint(), {}, {})
        site = fast_langgraph.status().sites["SqliteSaver.put"]
        assert spans == ["put"]
        # Whoever was first at the import: either ours runs in the tracer, or the tracer's call is stock's.
        assert site.state == "foreign"
        assert site.calls == (1 if site.reason.endswith("calls ours") else 0), site
        """,
        FAST_LANGGRAPH_AUTO_PATCH="1",
    )
    ok(done)


GRAPH = """
import threading
from typing import Annotated, TypedDict
import operator
from langgraph.graph import StateGraph

class State(TypedDict):
    log: Annotated[list, operator.add]

def chain(act, steps=12):
    graph = StateGraph(State)
    names = [f"n{i}" for i in range(steps)]
    for i, name in enumerate(names):
        graph.add_node(name, lambda state, i=i: (act(i), {"log": [i]})[1])
    for a, b in zip(names, names[1:]):
        graph.add_edge(a, b)
    graph.set_entry_point(names[0])
    return graph.compile(checkpointer=saver)

def check(app, config, steps=12):
    assert app.get_state(config).values["log"] == list(range(steps))
    assert len(list(app.get_state_history(config))) == steps + 2
"""


def test_unpatching_from_inside_a_run_leaves_the_run_whole(run):
    run(
        GRAPH
        + """
config = {"configurable": {"thread_id": "run"}}
fast_langgraph.patch()
def act(i):
    if i % 4 == 1:
        fast_langgraph.unpatch()
    elif i % 4 == 3:
        fast_langgraph.patch()
app = chain(act)
# Each step is saved before the next begins: else all of them might be while it is patched.
app.invoke({"log": []}, config, durability="sync")
check(app, config)
calls = site().calls
assert 0 < calls < 13, calls
"""
    )


def test_unpatching_from_another_thread_leaves_runs_whole(run):
    run(
        GRAPH
        + """
fast_langgraph.patch()
app = chain(lambda i: None)
done = threading.Event()
def toggle():
    while not done.wait(0.001):
        fast_langgraph.unpatch()
        fast_langgraph.patch()
toggling = threading.Thread(target=toggle)
toggling.start()
def work(n):
    for k in range(4):
        config = {"configurable": {"thread_id": f"{n}.{k}"}}
        app.invoke({"log": []}, config)
        check(app, config)
        results.append(n)
results = []
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
done.set()
toggling.join()
assert len(results) == 16, results
fast_langgraph.unpatch()
assert live() is STOCK
for n in range(4):
    check(app, {"configurable": {"thread_id": f"{n}.3"}})
"""
    )
