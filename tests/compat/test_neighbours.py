"""Stores, caches and other savers on one connection or one file."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.store.sqlite import SqliteStore

import fast_langgraph
from beside_stock.stories import SYNC, everything, same_story
from samples import classes as s
from samples.checkpoints import METADATA, checkpoint, config, fill

pytestmark = pytest.mark.unpatched


def test_a_store_on_the_same_connection_works_beside(tmp_path):
    def tell(story):
        conn = story.connect(isolation_level=None)
        saver, store = story.saver(conn), SqliteStore(conn)
        store.setup()
        for n in range(3):
            everything(story, saver, at=n)
            story.do("put", lambda n=n: store.put(("a", "b"), str(n), {"n": n}))
            story.note("value", store.get(("a", "b"), str(n)).value)
            story.note("in transaction", conn.in_transaction)
        story.do("search", lambda: sorted(found.value["n"] for found in store.search(("a",))))
        story.rows()

    same_story(tell, tmp_path, native=SYNC)


def test_a_store_and_a_cache_on_the_same_file_work_beside(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        cache = SqliteCache(path=story.path)
        with SqliteStore.from_conn_string(story.path) as store:
            store.setup()
            for n in range(3):
                everything(story, saver, at=n)
                store.put(("a",), str(n), {"n": n})
                cache.set({(("ns",), str(n)): ({"message": s.HumanMessage("x", id=str(n))}, None)})
                story.note("cached", cache.get([(("ns",), str(n))]))
                story.note("stored", store.get(("a",), str(n)).value)
        cache._conn.close()
        story.rows()

    same_story(tell, tmp_path, native=SYNC)


def test_a_store_s_threads_and_a_saver_s_share_a_connection(tmp_path):
    fast_langgraph.patch()
    conn = sqlite3.connect(tmp_path / "test.db", check_same_thread=False, isolation_level=None)
    saver, store = SqliteSaver(conn), SqliteStore(conn)
    saver.lock = store.lock  # as users do who share one connection
    saver.setup()
    store.setup()
    errors = []

    def save(n):
        for i in range(20):
            saver.put(config(str(n)), checkpoint(i), METADATA, {})
            saver.get_tuple(config(str(n)))

    def keep(n):
        for i in range(20):
            store.put((str(n),), str(i), {"i": i})

    def guarded(work, n):
        try:
            work(n)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work, n)) for n in range(4) for work in (save, keep)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (80,)
    assert len(store.search(("0",), limit=100)) == 20
    conn.close()


def test_two_savers_on_one_connection_work_in_turn(tmp_path):
    def tell(story):
        conn = story.connect()
        first, second = story.saver(conn), story.saver(conn)
        for n in range(4):
            everything(story, first, at=n)
            everything(story, second, at=n + 10)
        listing = first.list(config())
        story.do("paused", lambda: next(listing))
        everything(story, second, at=30)
        story.do("the rest", lambda: [found.checkpoint["id"] for found in listing])
        story.rows()

    same_story(tell, tmp_path, native=SYNC)


def test_two_savers_on_one_file_see_each_other(tmp_path):
    def tell(story):
        first, second = story.saver(), story.saver()
        for n in range(4):
            everything(story, first, at=n)
            everything(story, second, at=n + 10)
        story.rows()

    same_story(tell, tmp_path, native=SYNC)


def test_a_cursor_of_the_owner_s_works_within_the_saver_s(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        with saver.cursor() as cur:
            cur.execute("DELETE FROM writes WHERE idx = 1")
        with saver.cursor(transaction=False) as cur:
            story.note("rows", cur.execute("SELECT count(*) FROM writes").fetchall())
        open_cursor = saver.conn.execute("SELECT checkpoint_id FROM checkpoints")
        story.do("row", lambda: next(open_cursor))
        everything(story, saver, at=7)
        story.do("row after", lambda: next(open_cursor))
        story.rows()

    same_story(tell, tmp_path)
