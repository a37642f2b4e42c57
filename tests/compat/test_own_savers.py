"""Savers made one's own: overridden, replaced, copied, shared."""

from __future__ import annotations

import contextlib
import copy
import pickle
import sqlite3
import threading

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from beside_stock.stories import SYNC, everything, same_story
from installed_releases import HAS_TASK_PATH, allowing, needs_allowlist
from samples import classes as s
from samples.checkpoints import METADATA, WRITES, checkpoint, config, fill

pytestmark = pytest.mark.unpatched


def subclass(name, method):
    return type("MySaver", (SqliteSaver,), {name: method, "seen": []})


@contextlib.contextmanager
def noted_cursor(self, transaction=True):
    self.seen.append(("cursor", transaction))
    with SqliteSaver.cursor(self, transaction) as cur:
        yield cur


def noted_setup(self):
    self.seen.append("setup")
    return SqliteSaver.setup(self)


def noted(name):
    def method(self, *args, **kwargs):
        self.seen.append((name, repr(args), repr(kwargs)))
        return getattr(SqliteSaver, name)(self, *args, **kwargs)

    return method


OVERRIDES = {"cursor": noted_cursor, "setup": noted_setup}
for overridden in ("get_tuple", "put", "put_writes", "list", "delete_thread", "get_next_version"):
    OVERRIDES[overridden] = noted(overridden)


@pytest.mark.parametrize("name", OVERRIDES)
def test_what_a_subclass_overrides_is_called_as_by_stock(tmp_path, name):
    def tell(story):
        saver = subclass(name, OVERRIDES[name])(story.connect())
        fill(saver)
        everything(story, saver, at=7)
        story.note("seen", list(saver.seen))
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.parametrize("name", ["cursor", "setup", "get_tuple", "put", "put_writes", "list"])
def test_what_an_instance_overrides_is_called_as_by_stock(tmp_path, name):
    def tell(story):
        saver = story.saver()
        seen = []
        real = getattr(saver, name)

        def instead(*args, **kwargs):
            seen.append((name, repr(args), repr(kwargs)))
            return real(*args, **kwargs)

        setattr(saver, name, instead)
        fill(saver)
        everything(story, saver, at=7)
        story.note("seen", seen)
        delattr(saver, name)
        everything(story, saver, at=8)
        story.note("seen still", seen)
        story.rows()

    same_story(tell, tmp_path)


def test_a_subclass_that_overrides_nothing_here_runs_native(tmp_path):
    class Mine(SqliteSaver):
        def more(self):
            return "more"

    def tell(story):
        saver = Mine(story.connect())
        fill(saver)
        everything(story, saver, at=7)
        story.note("more", saver.more())
        story.rows()

    same_story(tell, tmp_path, native=SYNC)


def test_a_method_of_a_subclass_replaced_later_is_called(tmp_path):
    def tell(story):
        class Mine(SqliteSaver):
            seen: list = []

        saver = Mine(story.connect())
        fill(saver)
        for name in ("cursor", "setup", "get_tuple"):
            setattr(Mine, name, OVERRIDES[name])
            everything(story, saver, at=7)
            delattr(Mine, name)
        story.note("seen", list(Mine.seen))

    same_story(tell, tmp_path)


@pytest.mark.parametrize("name", ["cursor", "setup"])
def test_a_method_of_stock_s_class_replaced_later_is_called(tmp_path, monkeypatch, name):
    real = getattr(SqliteSaver, name)

    def tell(story):
        seen = []

        def instead(self, *args, **kwargs):
            seen.append((name, args, kwargs))
            return real(self, *args, **kwargs)

        saver = story.saver()
        fill(saver)
        with monkeypatch.context() as patching:
            patching.setattr(SqliteSaver, name, instead)
            everything(story, saver, at=7)
        everything(story, saver, at=8)
        story.note("seen", seen)

    same_story(tell, tmp_path)


HELPERS = ["get_checkpoint_metadata", "get_checkpoint_id", "search_where", "load_pending_writes", "pending_writes_sql"]


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_of_stock_s_module_replaced_later_is_called(tmp_path, monkeypatch, name):
    from langgraph.checkpoint import sqlite as module

    if not hasattr(module, name):
        pytest.skip(f"this release has no {name}")
    real = getattr(module, name)

    def tell(story):
        seen = []

        def instead(*args, **kwargs):
            seen.append(name)
            return real(*args, **kwargs)

        saver = story.saver()
        fill(saver)
        with monkeypatch.context() as patching:
            patching.setattr(module, name, instead)
            everything(story, saver, at=7)
        story.note("seen", seen)
        story.rows()

    same_story(tell, tmp_path)


class CountingLock:
    def __init__(self):
        self.lock, self.taken = threading.Lock(), 0

    def __enter__(self):
        self.taken += 1
        return self.lock.__enter__()

    def __exit__(self, *about):
        return self.lock.__exit__(*about)

    def locked(self):
        return self.lock.locked()


def test_a_lock_of_the_owner_s_is_taken_as_by_stock(tmp_path):
    def tell(story):
        saver = story.saver()
        saver.lock = CountingLock()
        fill(saver)
        everything(story, saver, at=7)
        story.note("taken", saver.lock.taken)
        saver.lock = threading.RLock()
        everything(story, saver, at=8)
        with saver.lock:
            everything(story, saver, at=9)
        saver.lock = None
        story.do("without", lambda: saver.get_tuple(config()))
        story.rows()

    same_story(tell, tmp_path)


def test_a_lock_that_is_held_is_waited_for(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        done = []
        calls = [
            lambda: saver.put(config(), checkpoint(7), METADATA, {}),
            lambda: saver.put_writes(config(at=1), WRITES, "t"),
            lambda: saver.get_tuple(config()),
            lambda: list(saver.list(config())),
            lambda: saver.delete_thread("none"),
        ]
        with saver.lock:
            threads = [threading.Thread(target=lambda c=call: done.append(c() or 1)) for call in calls]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(0.05)
            story.note("done meanwhile", len(done))
        for thread in threads:
            thread.join()
        story.note("done after", len(done))
        story.rows()

    same_story(tell, tmp_path)


def test_a_connection_put_in_place_of_the_first_is_used(tmp_path):
    def tell(story):
        saver = story.saver(story.connect(str(story.directory / "first.db")))
        fill(saver)
        saver.conn = story.connect()
        story.do("no tables", lambda: saver.get_tuple(config()))
        saver.is_setup = False
        everything(story, saver, at=7)
        saver.conn = None
        story.do("none", lambda: saver.get_tuple(config()))
        story.rows()

    same_story(tell, tmp_path)


@pytest.mark.skipif(not HAS_TASK_PATH, reason="this release has no such switch")
def test_a_path_of_tasks_that_is_switched_off_is_not_read(tmp_path):
    def tell(story):
        saver = story.saver()
        fill(saver)
        saver._has_task_path = False
        everything(story, saver, at=7)
        story.do("get", lambda: saver.get_tuple(config(at=1)))

    same_story(tell, tmp_path)


def test_a_saver_without_its_init_fails_as_with_stock(tmp_path):
    def tell(story):
        saver = SqliteSaver.__new__(SqliteSaver)
        everything(story, saver)
        saver.conn = story.connect()
        everything(story, saver)
        saver.lock = threading.Lock()
        everything(story, saver)
        saver.is_setup = False
        everything(story, saver)
        story.rows()

    same_story(tell, tmp_path)


def test_a_saver_from_a_connection_string_runs_native(tmp_path):
    def tell(story):
        with SqliteSaver.from_conn_string(story.path) as saver:
            fill(saver)
            everything(story, saver, at=7)
        everything(story, saver, at=8)
        story.rows()

    same_story(tell, tmp_path)


def attributes(saver):
    """What of a saver is there for others to see."""
    return sorted(name for name in vars(saver) if not name.startswith("_fast_langgraph"))


def test_copies_share_what_stock_s_share(tmp_path):
    def tell(story):
        saver = story.saver()
        twin = copy.copy(saver)
        fill(saver)
        fill(twin, ("2",))
        everything(story, twin, at=7)
        story.note("attributes", attributes(twin))
        story.note("shared", (twin.conn is saver.conn, twin.lock is saver.lock, twin.serde is saver.serde))
        del saver
        everything(story, twin, at=8)
        story.do("deepcopy", lambda: copy.deepcopy(twin) and None, scrub="'.*'")
        story.do("pickle", lambda: pickle.dumps(twin), scrub="'.*'")
        story.rows()

    same_story(tell, tmp_path, native=["SqliteSaver.put", "SqliteSaver.get_tuple"])


def test_a_copy_that_is_given_its_own_connection_and_lock_is_apart(tmp_path):
    fast_langgraph.patch()
    conns = [sqlite3.connect(tmp_path / f"{n}.db", check_same_thread=False) for n in range(2)]
    first = SqliteSaver(conns[0])
    fill(first)
    second = copy.copy(first)
    second.conn, second.lock, second.is_setup = conns[1], threading.Lock(), False

    def work(saver, thread):
        for n in range(100):
            saver.put(config(thread), checkpoint(n), METADATA, {})

    names = [(first, "first a"), (second, "second a"), (first, "first b"), (second, "second b")]
    threads = [threading.Thread(target=work, args=about) for about in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    query = "SELECT thread_id, count(*) FROM checkpoints GROUP BY 1 ORDER BY 1"
    assert conns[0].execute(query).fetchall() == [("1", 3), ("first a", 100), ("first b", 100)]
    assert conns[1].execute(query).fetchall() == [("second a", 100), ("second b", 100)]
    for conn in conns:
        conn.close()


@needs_allowlist
def test_a_saver_with_an_allowlist_follows_it(tmp_path):
    def tell(story):
        saver = story.saver(serde=allowing(None))
        saver.put(config(), checkpoint(1, plain=s.Plain(1), model=s.Model(a=1)), METADATA, {})
        saver.put_writes(config(at=1), [("a", s.Plain(2))], "t")
        wide = saver.with_allowlist([s.path_of(s.Plain)])
        story.note("another", wide is saver)
        for one in (saver, wide, saver):
            story.do("get", lambda one=one: one.get_tuple(config()))
            story.do("list", lambda one=one: list(one.list(config())))
        story.rows()

    same_story(tell, tmp_path, native=["SqliteSaver.get_tuple"])


def test_attributes_and_truth_of_a_saver_are_stock_s(tmp_path):
    def tell(story):
        saver = story.saver()
        everything(story, saver)
        story.note("attributes", attributes(saver))
        story.note("public", sorted(name for name in dir(SqliteSaver) if not name.startswith("_")))
        story.note("truth", (bool(saver), hasattr(saver, "__len__"), type(saver).__name__))
        story.note("own", sorted(vars(SqliteSaver)))

    same_story(tell, tmp_path)
