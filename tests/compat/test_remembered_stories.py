"""What an app sees of its chats is what it sees with stock's savers, whatever it does with the states that it was given."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from apps.soak import scaled
from beside_stock.remembered_stories import tell
from fast_langgraph import _native
from fast_langgraph._shared import verification
from fast_langgraph._shared.memory import PATCHED

pytestmark = [pytest.mark.unpatched, pytest.mark.soak]
SEEDS = range(scaled(4, 1_000))


@contextlib.contextmanager
def verified():
    fast_langgraph.patch()
    _native.verify_remembered(verification.compare)
    try:
        yield
        assert PATCHED.numbers()["encoded_unchanged"] > 10
        assert PATCHED.numbers()["decoded_unchanged"] > 10
    finally:
        fast_langgraph.unpatch()
        _native.verify_remembered(None)
        verification.begin()


@contextlib.contextmanager
def sqlite_savers(path, count):
    with contextlib.ExitStack() as stack:
        yield [
            SqliteSaver(stack.enter_context(contextlib.closing(sqlite3.connect(path, check_same_thread=False))))
            for _ in range(count)
        ]


def now_and_then(which, work):
    """Without us, or with nothing remembered."""
    if which % 4 == 0:
        with fast_langgraph.disabled():
            work()
    elif which % 4 == 1:
        fast_langgraph.unpatch()
        work()
        fast_langgraph.patch()
    elif which % 4 == 2:
        PATCHED.clear()
        work()
    else:
        work()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_savers_tell_stock_s_story(seed, count, tmp_path):
    with sqlite_savers(tmp_path / "stock.db", count) as savers:
        expected = tell(seed, savers)
    with sqlite_savers(tmp_path / "ours.db", count) as savers, verified():
        assert tell(seed, savers, now_and_then) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_a_saver_with_a_serializer_alone_tells_stock_s_story(seed):
    expected = tell(seed, [InMemorySaver()])
    with verified():
        assert tell(seed, [InMemorySaver()], now_and_then) == expected
