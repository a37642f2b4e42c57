"""A connection of another thread, a closed one, one of a class of its owner's: what stock does with it, ours does."""

from __future__ import annotations

import sqlite3

import pytest

from beside_stock.stories import ALL_SYNC, SYNC, everything, same_story
from samples.checkpoints import METADATA, WRITES, checkpoint, config, fill
from threads import at_once

pytestmark = pytest.mark.unpatched


def test_a_plain_connection_runs_native(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver, ("1", "2"))
        everything(story, saver, at=7)
        story.do("delete", lambda: saver.delete_thread("2"))
        story.rows()

    same_story(tell, tmp_path, native=ALL_SYNC)


@pytest.mark.parametrize("path", [":memory:", "", "file:shared?mode=memory&cache=shared"])
def test_a_database_that_is_no_file_runs_native(tmp_path, path):
    def tell(story):
        conn = story.connect(path, uri=path.startswith("file:"))
        saver = story.saver(conn)
        fill(saver)
        everything(story, saver, at=7)
        story.rows(conn=conn)

    same_story(tell, tmp_path, native=ALL_SYNC)


# --- threads and closed connections ---


def in_a_thread(call):
    result = []
    at_once(lambda: result.append(call()))
    return result[0]


@pytest.mark.parametrize("is_setup", [False, True])
def test_a_connection_of_another_thread_is_refused(tmp_path, is_setup):
    def tell(story):
        saver = story.saver(story.connect(check_same_thread=True))
        if is_setup:
            saver.setup()
        calls = {
            "put": lambda: saver.put(config(), checkpoint(), METADATA, {}),
            "put_writes": lambda: saver.put_writes(config(at=0), WRITES, "task"),
            "get_tuple": lambda: saver.get_tuple(config()),
            "list": lambda: list(saver.list(config())),
            "delete_thread": lambda: saver.delete_thread("1"),
        }
        for name, call in calls.items():
            story.do(name, lambda call=call: in_a_thread(call), scrub=r"thread id \d+")
            story.note("lock", saver.lock.locked())
        everything(story, saver)
        story.rows()

    story = same_story(tell, tmp_path)
    refused = dict(story.steps)["get_tuple"]
    assert refused.error is None or isinstance(refused.error, sqlite3.ProgrammingError)


def test_a_connection_of_its_own_thread_runs_native(tmp_path):
    def tell(story):
        def all_in_one():
            saver = story.saver(story.connect(check_same_thread=True))
            everything(story, saver)
            saver.conn.close()
            story.open.clear()

        in_a_thread(all_in_one)

    same_story(tell, tmp_path, native=ALL_SYNC)


@pytest.mark.parametrize("is_setup", [False, True])
def test_a_closed_connection_is_refused(tmp_path, is_setup):
    def tell(story):
        saver = story.saver()
        if is_setup:
            fill(saver)
        saver.conn.close()
        everything(story, saver)
        story.note("lock", saver.lock.locked())

    story = same_story(tell, tmp_path)
    assert all(isinstance(outcome.error, sqlite3.ProgrammingError) for name, outcome in story.steps if name != "lock")


def test_a_connection_closed_while_a_list_is_paused_ends_the_list_as_with_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        listing = saver.list(config())
        story.do("first", lambda: next(listing))
        saver.conn.close()
        story.do("second", lambda: next(listing))
        story.do("third", lambda: next(listing))
        story.note("lock", saver.lock.locked())

    same_story(tell, tmp_path)


# --- connections of other kinds ---


class MyConnection(sqlite3.Connection):
    """What it is asked for is noted."""

    asked: list = []

    def cursor(self, *args, **kwargs):
        self.asked.append("cursor")
        return super().cursor(*args, **kwargs)

    def commit(self):
        self.asked.append("commit")
        super().commit()


class PlainSubclass(sqlite3.Connection):
    pass


class Proxy:
    """Stands in for a connection without being one."""

    def __init__(self, conn):
        self._conn, self._asked = conn, []

    def __getattr__(self, name):
        self._asked.append(name)
        return getattr(self._conn, name)


class ProxyThatLies(Proxy):
    @property
    def __class__(self):
        return sqlite3.Connection


def test_a_subclass_of_connection_is_asked_as_by_stock(tmp_path):
    def tell(story):
        MyConnection.asked = []
        saver = story.saver(story.connect(factory=MyConnection))
        fill(saver)
        everything(story, saver, at=7)
        story.note("asked", MyConnection.asked)
        story.rows()

    same_story(tell, tmp_path, stock=SYNC)


def test_a_plain_subclass_of_connection_works(tmp_path):
    def tell(story):
        saver = story.saver(story.connect(factory=PlainSubclass))
        fill(saver)
        everything(story, saver, at=7)
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("kind", [Proxy, ProxyThatLies])
def test_a_proxy_of_a_connection_is_asked_as_by_stock(tmp_path, kind):
    def tell(story):
        proxy = kind(story.connect())
        saver = story.saver(proxy)
        fill(saver)
        everything(story, saver, at=7)
        story.note("asked", proxy._asked)
        story.rows()

    same_story(tell, tmp_path, stock=SYNC)
