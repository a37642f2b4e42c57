"""Pending writes that are being encoded are on disk no later than a checkpoint that is put meanwhile."""

from __future__ import annotations

import os
import sqlite3
import threading

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from apps.processes import Fork
from beside_stock.new_process import in_new_process
from fast_langgraph._native import Encodings
from samples.checkpoints import METADATA, checkpoint, config
from samples.hooks import Encoded
from threads import PATIENCE, at_once


@pytest.mark.unpatched
@pytest.mark.parametrize("saver_is", ["stock", "patched"])
@pytest.mark.parametrize("call", ["put", "delete_thread"])
def test_what_comes_while_pending_writes_are_encoded_is_done_after_them(tmp_path, saver_is, call):
    conn = sqlite3.connect(tmp_path / "test.db", check_same_thread=False)
    saver = SqliteSaver(conn)
    saver.setup()
    if saver_is == "patched":
        fast_langgraph.patch()
    encoding, is_over = threading.Event(), threading.Event()
    waited: list[bool] = []

    def meanwhile():
        encoding.set()
        # Enough for a call that does not wait.
        waited.append(not is_over.wait(0.5))

    def write():
        saver.put_writes(config(at=1), [("a", Encoded(meanwhile))], "task")

    def come():
        assert encoding.wait(PATIENCE)
        if call == "put":
            saver.put(config(at=1), checkpoint(2), METADATA, {})
        else:
            saver.delete_thread("1")
        is_over.set()

    at_once(write, come)
    assert waited == [True]
    tables = [conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("writes", "checkpoints")]
    assert tables == ([1, 1] if call == "put" else [0, 0])
    conn.close()


def test_pending_writes_that_could_not_be_encoded_keep_nobody_waiting():
    encodings = Encodings()
    with pytest.raises(ValueError) as kept, encodings.begin():
        raise ValueError
    encodings.begin()  # Ctrl-C has come before the `with`
    at_once(lambda: _is_over(encodings))
    assert kept.value.__traceback__ is not None


def test_nobody_waits_for_what_the_own_thread_has_begun():
    encodings = Encodings()
    with encodings.begin():
        assert encodings.wait()


def test_writes_that_are_queued_keep_nobody_waiting():
    encodings = Encodings()
    with encodings.begin() as encoding:
        encoding.end()
        at_once(lambda: _is_over(encodings))
        encoding.end()


def test_nobody_waits_for_ever():
    encodings = Encodings()
    with encodings.begin():
        at_once(lambda: _is_over(encodings, False))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_child_of_a_fork_does_not_wait_for_the_threads_of_its_parent():
    encodings = Encodings()
    begun, forked = threading.Event(), threading.Event()

    def encode():
        with encodings.begin():
            begun.set()
            assert forked.wait(PATIENCE)

    def fork():
        assert begun.wait(PATIENCE)
        child = Fork(lambda: _is_over(encodings))
        try:
            child.join()
        finally:
            forked.set()

    at_once(encode, fork)


def _is_over(encodings, expected=True):
    assert encodings.wait() is expected


READ_AHEAD = """
import linecache, sqlite3
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import MessagesState, StateGraph
import fast_langgraph

read, at_node = [], []
getlines = linecache.getlines


def noting(name, *rest):
    read.append(name)
    return getlines(name, *rest)


def node(state):
    at_node.append(sum("langchain_core" in name for name in read))
    return {{"messages": [AIMessage("hello")]}}


linecache.getlines = noting
fast_langgraph.patch()
saver = {saver}
graph = StateGraph(MessagesState).add_node(node).set_entry_point("node").compile(checkpointer=saver)
graph.invoke({{"messages": [HumanMessage("hello")]}}, {{"configurable": {{"thread_id": "1"}}}})
fast_langgraph.status()
assert at_node[0] > 0, "nothing was read"
print(sum("langchain_core" in name for name in read) - at_node[0])
"""


@pytest.mark.unpatched
@pytest.mark.parametrize(
    "saver",
    [
        "SqliteSaver(sqlite3.connect(':memory:', check_same_thread=False))",
        "fast_langgraph.RustSQLiteCheckpointer(':memory:')",
    ],
    ids=["SqliteSaver", "RustSQLiteCheckpointer"],
)
def test_a_node_s_first_messages_are_encoded_without_reading_sources(saver):
    done = in_new_process(READ_AHEAD.format(saver=saver), common=False)
    assert done.stdout == "0\n", done
