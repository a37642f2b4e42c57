"""get_tuple and list beside stock's, on the same rows; and where a metadata filter finds what stock's does not."""

from __future__ import annotations

import sqlite3
from itertools import product
from uuid import UUID

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.databases import connected, opened, without_task_path
from beside_stock.equality import difference
from fast_langgraph import RustSQLiteCheckpointer
from installed_releases import HAS_TASK_PATH
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, checkpoint_id, config

THREADS = ("1", "2", "é")
NAMESPACES = ("", "child:1", "child:1|deeper:2")


def fill(saver) -> None:
    """Chains in several threads and namespaces, with writes; no id is used twice."""
    at = {}
    for n in range(45):
        where = (THREADS[n % 3], NAMESPACES[n // 3 % 3])
        metadata = {**METADATA, "step": n // 9, "source": "input" if n % 2 else "loop", "run_id": f"run-{n % 5}"}
        written = saver.put(config(*where, at=at.get(where)), checkpoint(n, text="x" * n), metadata, {})
        at[where] = n
        if n % 4:
            # Tasks whose order by path is not that by id.
            saver.put_writes(written, WRITES, f"task-{n % 7}", "~b")
            saver.put_writes(written, SPECIAL, "task-0", "~a")
            saver.put_writes(written, [("count", n)], f"task-{9 - n % 7}")


@pytest.fixture(params=["with task_path", "without task_path"])
def both(request, path):
    """Stock and ours, on one database."""
    with opened("stock", path) as stock:
        fill(stock)
    if request.param == "without task_path":
        without_task_path(path)
    with opened("stock", path) as stock, opened("ours", path) as ours:
        yield stock, ours


def test_get_tuple_finds_what_stock_finds(both):
    stock, ours = both
    found = 0
    for thread, ns, at in product((*THREADS, "nobody"), (*NAMESPACES, "none"), (None, *range(0, 46, 5))):
        asked = config(thread, ns, at=at)
        expected = stock.get_tuple(asked)
        found += expected is not None
        assert difference(expected, ours.get_tuple(asked)) is None, asked
    assert found > 3 * 3
    # A namespace may be left out, an id empty, and an id of another type.
    for configurable in ({"thread_id": "1"}, {"thread_id": "1", "checkpoint_id": ""}, {"thread_id": 1}):
        asked = {"configurable": configurable}
        assert stock.get_tuple(asked) is not None
        assert difference(stock.get_tuple(asked), ours.get_tuple(asked)) is None, asked


def test_list_finds_what_stock_finds_in_every_combination(both):
    stock, ours = both
    configs = [None, *({"configurable": {"thread_id": thread}} for thread in ("1", "nobody", 2))]
    configs += [config("1", ns) for ns in (*NAMESPACES, "none")] + [config("1", "", at=9), config("é", "", at=45)]
    filters = [None, {}, {"source": "loop"}, {"step": 2}, {"run_id": "run-3", "source": "input"}, {"none": 1}]
    befores = [None, config("1", at=30), config("1", at=0), {"configurable": {"checkpoint_id": "zzz"}}]
    limits = [None, 0, 1, 7, 1000, -1]
    found = 0
    for asked, filter, before, limit in product(configs, filters, befores, limits):
        settings = {"filter": filter, "before": before, "limit": limit}
        expected = list(stock.list(asked, **settings))
        listed = list(ours.list(asked, **settings))
        assert [each.config for each in expected] == [each.config for each in listed], (asked, settings)
        found += len(expected)
        if limit is None:
            assert difference(expected, listed) is None, (asked, settings)
    assert found > 1000


def test_list_takes_ids_of_other_types_as_stock_does():
    with opened("stock", ":memory:") as stock, opened("ours", ":memory:") as ours:
        for saver in (stock, ours):
            for n in range(3):
                saver.put(config(5, 7), {**checkpoint(n), "id": n}, METADATA, {})
        for asked in ({"thread_id": 5}, {"thread_id": 5, "checkpoint_ns": 7}, {"thread_id": "5", "checkpoint_id": 1}):
            expected = list(stock.list({"configurable": asked}))
            assert expected
            assert difference(expected, list(ours.list({"configurable": asked}))) is None
        before = {"configurable": {"checkpoint_id": 2}}
        assert len(list(stock.list(None, before=before))) == 2
        assert difference(list(stock.list(None, before=before)), list(ours.list(None, before=before))) is None


def test_a_config_without_its_keys_raises_as_stock_does():
    with opened("stock", ":memory:") as stock, opened("ours", ":memory:") as ours:
        calls = [
            lambda saver: saver.get_tuple({"configurable": {}}),
            lambda saver: list(saver.list({"configurable": {}})),
            lambda saver: saver.put({"configurable": {"thread_id": "1"}}, checkpoint(), METADATA, {}),
            lambda saver: saver.put_writes(config("1"), WRITES, "task"),
            lambda saver: saver.put(config("1"), {**checkpoint(), "id": None}, METADATA, {}),
            lambda saver: saver.put(config("\ud800"), checkpoint(), METADATA, {}),
            lambda saver: saver.get_tuple(config("\ud800")),
            lambda saver: saver.delete_thread("\ud800"),
        ]
        for call in calls:
            raised = []
            for saver in (stock, ours):
                with pytest.raises((KeyError, sqlite3.IntegrityError, UnicodeEncodeError)) as caught:
                    call(saver)
                raised.append((type(caught.value), str(caught.value)))
            assert raised[0] == raised[1]


def test_a_database_of_an_old_release_that_is_read_only_reads_as_with_stock(path):
    with opened("stock", path) as stock:
        fill(stock)
    without_task_path(path)
    with connected(path) as conn:
        before = conn.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    try:
        with RustSQLiteCheckpointer(path, read_only=True) as ours:
            listed = list(ours.list(None))
            assert len(listed) == 45
            if HAS_TASK_PATH:
                assert difference(list(SqliteSaver(conn).list(None)), listed) is None
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                ours.put(config(), checkpoint(99), METADATA, {})
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                ours.delete_thread("1")
    finally:
        conn.close()
    with connected(path) as conn:
        assert conn.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == before


# --- metadata filters: documented differences ---

METADATAS = [
    {"a.b": 1, "a": {"b": 2}},
    {"a": {"b": 1}},
    {"it's": 'x"y', "a b": "é"},
    {"flag": True},
    {"flag": 1},
    {"flag": 1.0},
    {"flag": None},
    {"nested": {"x": [1, {"y": "é"}], "z": None}},
    {"nested": {"z": None, "x": [1, {"y": "é"}]}},
    {"big": 2**63, "huge": 10**30},
    {"text": "1"},
]
RAISES = "raises"

#: a filter, what it finds (by position in METADATAS), and what stock finds
FILTERS = [
    ({"a.b": 1}, {0, 1}, {1}),
    ({"a.b": 2}, set(), {0}),
    ({"a": {"b": 2}}, {0}, {0}),
    ({"it's": 'x"y'}, {2}, RAISES),
    ({"a b": "é"}, {2}, RAISES),
    ({"flag": True}, {3}, {3, 4, 5}),
    ({"flag": 1}, {4, 5}, {3, 4, 5}),
    ({"flag": 1.0}, {4, 5}, {3, 4, 5}),
    ({"flag": False}, set(), set()),
    ({"flag": None}, {0, 1, 2, 6, 7, 8, 9, 10}, {0, 1, 2, 6, 7, 8, 9, 10}),
    ({"nested": {"x": [1, {"y": "é"}], "z": None}}, {7, 8}, set()),
    ({"nested.x": [1, {"y": "é"}]}, {7, 8}, set()),
    ({"nested": {"x": [1]}}, set(), set()),
    ({"big": 2**63}, {9}, RAISES),
    ({"text": "1"}, {10}, {10}),
    ({"text": 1}, set(), set()),
]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    path = tmp_path_factory.mktemp("filters") / "checkpoints.db"
    with opened("stock", path) as stock, opened("ours", path) as ours:
        for n, metadata in enumerate(METADATAS):
            stock.put(config(), checkpoint(n), metadata, {})
        yield stock, ours


def positions(saver, filter) -> object:
    ids = {checkpoint_id(n): n for n in range(len(METADATAS))}
    try:
        return {ids[found.checkpoint["id"]] for found in saver.list(None, filter=filter)}
    except (ValueError, OverflowError, sqlite3.OperationalError):
        return RAISES


@pytest.mark.parametrize(("filter", "ours", "stock"), FILTERS)
def test_a_filter_compares_metadata_by_value(filter, ours, stock, described):
    assert positions(described[1], filter) == ours
    assert positions(described[0], filter) == stock


@pytest.mark.asyncio
async def test_alist_takes_the_same_filters(described):
    for filter, expected, _ in FILTERS:
        found = {each.checkpoint["id"] async for each in described[1].alist(None, filter=filter)}
        assert found == {checkpoint_id(n) for n in expected}


def test_a_filter_reads_metadata_that_is_no_json(checkpointer):
    """Python writes NaN and Infinity into it, and releases of SQLite before 3.42 then refuse the row."""
    metadatas = [
        {"score": float("inf"), "text": 'NaN "Infinity\\', "n": 1},
        {"score": float("nan"), "-Infinity": 2},
        {},
    ]
    for n, metadata in enumerate(metadatas):
        checkpointer.put(config(), checkpoint(n), metadata, {})
    finds = {
        0: [{"n": 1}, {"score": float("inf")}, {"text": 'NaN "Infinity\\'}],
        1: [{"-Infinity": 2}],
        None: [{"score": float("-inf")}, {"score": "Infinity"}],
    }
    for at, filters in finds.items():
        for filter in filters:
            found = [each.checkpoint["id"] for each in checkpointer.list(None, filter=filter)]
            assert found == ([] if at is None else [checkpoint_id(at)]), filter


def test_a_filter_compares_what_json_lacks_by_its_text(checkpointer):
    checkpointer.put(config(), checkpoint(), {"tag": str(UUID(int=5))}, {})
    assert len(list(checkpointer.list(None, filter={"tag": UUID(int=5)}))) == 1
    assert not list(checkpointer.list(None, filter={"tag": UUID(int=6)}))


def test_a_limit_that_is_no_number_is_refused(checkpointer):
    for n in range(4):
        checkpointer.put(config(), checkpoint(n), METADATA, {})
    for limit in ("1; DROP TABLE checkpoints; --", "2"):
        with pytest.raises(TypeError):
            list(checkpointer.list(None, limit=limit))
    assert len(list(checkpointer.list(config(), limit=3))) == 3
