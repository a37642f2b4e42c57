"""The view of the compact layout beside stock's table: rowids, columns of the app's own, and clean-up by plain SQL."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from fast_langgraph import RustSQLiteCheckpointer

METADATA = {"source": "loop", "step": 1, "parents": {}}


def config(thread: str, at: str | None = None) -> dict:
    named = {"thread_id": thread, "checkpoint_ns": ""}
    return {"configurable": {**named, "checkpoint_id": at} if at else named}


def state(number: int) -> dict:
    return {
        "v": 4,
        "ts": "",
        "id": f"{number:08}",
        "channel_values": {"messages": [f"{each} " * 100 for each in range(20 + number)]},
        "channel_versions": {},
        "versions_seen": {},
    }


def fill(saver: object) -> None:
    """Threads in another order than their names; one checkpoint is put again."""
    for thread in ("c", "a", "d", "b"):
        for number in range(3):
            saver.put(config(thread, f"{number - 1:08}" if number else None), state(number), METADATA, {})
            saver.put_writes(config(thread, f"{number:08}"), [("messages", number)], "task")
    saver.put(config("a", "00000000"), state(1), METADATA, {})


@pytest.fixture
def both(tmp_path) -> dict[str, Path]:
    """The same in stock's table, and in the compact layout."""
    paths = {"stock": tmp_path / "stock.db", "compact": tmp_path / "compact.db"}
    with closing(sqlite3.connect(paths["stock"], check_same_thread=False)) as conn:
        fill(SqliteSaver(conn))
    with RustSQLiteCheckpointer(paths["compact"], layout="compact") as saver:
        fill(saver)
    return paths


COLUMNS = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"


def on_both(both: dict[str, Path], work: Callable[[sqlite3.Connection], object]) -> None:
    """The same result, and the same rows afterwards."""
    outcomes = []
    for path in both.values():
        with closing(sqlite3.connect(path)) as conn:
            result = work(conn)
            conn.commit()
            rows = conn.execute(f"SELECT rowid, {COLUMNS} FROM checkpoints ORDER BY 1, 2, 3, 4").fetchall()
            outcomes.append((result, rows))
    assert outcomes[0] == outcomes[1]


QUERIES = [
    "SELECT {rowid}, thread_id, checkpoint_id FROM checkpoints ORDER BY {rowid}",
    "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY MAX({rowid}) DESC LIMIT -1 OFFSET 2",
    "SELECT max({rowid}), min(checkpoints.{rowid}), count({rowid}) FROM checkpoints",
    "SELECT c.{rowid}, w.rowid FROM checkpoints c JOIN writes w USING (thread_id, checkpoint_id) ORDER BY 1, 2",
    "SELECT thread_id FROM checkpoints WHERE {rowid} > 6 AND {rowid} < 10 ORDER BY {rowid} DESC",
    "SELECT checkpoint FROM checkpoints WHERE {rowid} = 5",
]


@pytest.mark.parametrize("rowid", ["rowid", "oid", "_rowid_", "ROWID"])
@pytest.mark.parametrize("query", QUERIES)
def test_rowids_are_those_of_stock_s_table(query, rowid, both):
    on_both(both, lambda conn: conn.execute(query.format(rowid=rowid)).fetchall())


CLEAN_UPS = [
    "DELETE FROM checkpoints WHERE thread_id IN (SELECT thread_id FROM checkpoints GROUP BY thread_id "
    "ORDER BY MAX({rowid}) DESC LIMIT -1 OFFSET 2)",
    "DELETE FROM checkpoints WHERE {rowid} IN (SELECT {rowid} FROM checkpoints ORDER BY {rowid} LIMIT 4)",
    "DELETE FROM checkpoints WHERE {rowid} NOT IN (SELECT MAX({rowid}) FROM checkpoints GROUP BY thread_id)",
    "UPDATE checkpoints SET metadata = x'7b7d' WHERE {rowid} BETWEEN 3 AND 6",
    "UPDATE checkpoints SET checkpoint = x'80' WHERE {rowid} = (SELECT MAX({rowid}) FROM checkpoints)",
    "INSERT INTO checkpoints ({rowid}, thread_id, checkpoint_id, type, checkpoint) VALUES (77, 'n', '1', 'msgpack', x'80')",
    "INSERT OR REPLACE INTO checkpoints (thread_id, checkpoint_id, type, checkpoint) VALUES ('c', '00000000', 'x', x'80')",
    "INSERT OR IGNORE INTO checkpoints (thread_id, checkpoint_id, type, checkpoint) VALUES ('c', '00000000', 'x', x'80')",
]


@pytest.mark.parametrize("rowid", ["rowid", "oid", "_rowid_"])
@pytest.mark.parametrize("statement", CLEAN_UPS)
def test_clean_up_by_rowid_leaves_what_it_leaves_in_stock_s_table(statement, rowid, both):
    on_both(both, lambda conn: conn.execute(statement.format(rowid=rowid)).fetchall())


@pytest.mark.parametrize("rowid", ["rowid", "oid", "_rowid_"])
def test_a_rowid_that_is_to_be_changed_is_an_error(rowid, both):
    with closing(sqlite3.connect(both["compact"])) as conn:
        for more in ("", ", metadata = x'7b7d'", ", checkpoint = x'80'"):
            with pytest.raises(sqlite3.IntegrityError, match="rowid of a checkpoint can't be changed"):
                conn.execute(f"UPDATE checkpoints SET {rowid} = 99{more} WHERE thread_id = 'a'")


# Columns of the app's own

OWN = [
    "ALTER TABLE checkpoints ADD COLUMN note TEXT",
    'ALTER TABLE checkpoints ADD COLUMN "odd ""name" INTEGER DEFAULT 7',
    "ALTER TABLE checkpoints ADD COLUMN created INTEGER NOT NULL DEFAULT 2",
    "ALTER TABLE checkpoints ADD COLUMN size_of AS (length(checkpoint_id))",
]
OWN_COLUMNS = 'note, "odd ""name", created, size_of'


def test_a_conversion_says_what_a_view_cant_hide(path, caplog):
    with caplog.at_level(logging.INFO, "fast_langgraph"), RustSQLiteCheckpointer(path) as saver:
        saver.convert("compact")
        (said,) = [record.getMessage() for record in caplog.records]
        assert "checkpoints a view" in said
        saver.convert("standard")
        assert len(caplog.records) == 1


@pytest.mark.parametrize("way", ["converted", "made before the columns"])
def test_columns_of_the_app_s_own_are_in_the_view_read_and_written(way, tmp_path):
    paths = [tmp_path / "standard.db", tmp_path / "compact.db"]
    statements = [
        "UPDATE checkpoints SET note = 'kept', \"odd \"\"name\" = 9 WHERE thread_id = 'a'",
        "INSERT INTO checkpoints (thread_id, checkpoint_id, note) VALUES ('n', '1', 'new')",
        "INSERT INTO checkpoints (thread_id, checkpoint_id, created) VALUES ('n', '2', 5)",
        "UPDATE checkpoints SET checkpoint = x'80' WHERE thread_id = 'b' AND checkpoint_id = '00000001'",
        "DELETE FROM checkpoints WHERE note = 'new'",
    ]
    found = []
    for path in paths:
        is_compact = path.name == "compact.db"
        with RustSQLiteCheckpointer(path, layout="compact" if is_compact and way != "converted" else None) as saver:
            fill(saver)
        with closing(sqlite3.connect(path)) as conn:
            table = "fl_checkpoints" if is_compact and way != "converted" else "checkpoints"
            for statement in OWN:
                conn.execute(statement.replace("TABLE checkpoints", f"TABLE {table}"))
            conn.execute(f"UPDATE {table} SET note = 'old' WHERE thread_id = 'c'")
            conn.commit()
        with RustSQLiteCheckpointer(path) as saver:
            if is_compact:
                saver.convert("compact")
            # A put replaces the row, as stock's does.
            saver.put(config("c", "00000000"), state(1), METADATA, {})
        with closing(sqlite3.connect(path)) as conn:
            for statement in statements:
                conn.execute(statement)
            conn.commit()
            found.append(conn.execute(f"SELECT rowid, {COLUMNS}, {OWN_COLUMNS} FROM checkpoints ORDER BY 1").fetchall())
        with RustSQLiteCheckpointer(path) as saver:
            saver.convert("standard")
        with closing(sqlite3.connect(path)) as conn:
            found.append(conn.execute(f"SELECT rowid, {COLUMNS}, {OWN_COLUMNS} FROM checkpoints ORDER BY 1").fetchall())
    assert found[0] == found[1] == found[2] == found[3]
    assert ("kept", 9, 2, 8) in [row[-4:] for row in found[0]]


def test_a_column_of_the_app_s_that_is_named_as_a_rowid_is_the_app_s(tmp_path):
    path = tmp_path / "checkpoints.db"
    with RustSQLiteCheckpointer(path) as saver:
        fill(saver)
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("ALTER TABLE checkpoints ADD COLUMN oid TEXT DEFAULT 'mine'")
    with RustSQLiteCheckpointer(path) as saver:
        saver.convert("compact")
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("SELECT DISTINCT oid FROM checkpoints").fetchall() == [("mine",)]
        assert conn.execute("SELECT max(rowid) = count(*) + 1 FROM checkpoints").fetchone() == (1,)


def test_the_view_of_an_earlier_release_is_made_anew(both):
    path = both["compact"]
    with closing(sqlite3.connect(path)) as conn:
        names = dict(conn.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL"))
        view = names["checkpoints"].replace(", fl_checkpoints.rowid AS rowid", "")
        assert view != names["checkpoints"]
        conn.executescript(f"DROP VIEW checkpoints; {view};")
        # A view's triggers go with it.
        assert conn.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (0,)
    with RustSQLiteCheckpointer(path, read_only=True) as saver:
        assert len(list(saver.list(None))) == 12
    with RustSQLiteCheckpointer(path) as saver:
        assert len(list(saver.list(None))) == 12
    with closing(sqlite3.connect(path)) as conn:
        assert dict(conn.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL")) == names


# The pieces of a thread that is gone


def pieces(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as conn:
        counts = "SELECT thread_id, count(*) FROM fl_threads JOIN fl_pieces ON id >> 32 = thread GROUP BY 1"
        found = dict(conn.execute(counts).fetchall())
        assert conn.execute("SELECT count(*) FROM fl_pieces").fetchone() == (sum(found.values()),)
    return found


def test_deleting_the_last_checkpoint_of_a_thread_drops_its_pieces_at_once(both):
    path = both["compact"]
    before = pieces(path)
    assert set(before) == {"a", "b", "c", "d"}
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("DELETE FROM checkpoints WHERE thread_id = 'a' AND checkpoint_id < '00000002'")
    assert pieces(path) == before
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("DELETE FROM checkpoints WHERE thread_id IN ('a', 'd')")
    assert pieces(path) == {thread: count for thread, count in before.items() if thread in "bc"}
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("DELETE FROM checkpoints")
        conn.execute("DELETE FROM writes")
    assert pieces(path) == {}
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("VACUUM")
    assert path.stat().st_size < 80_000


def test_a_thread_that_was_deleted_through_the_view_begins_anew_in_an_open_checkpointer(both):
    path = both["compact"]
    with RustSQLiteCheckpointer(path) as saver:
        saver.put(config("a", "00000001"), state(5), METADATA, {})
        assert saver.get_tuple(config("a")).checkpoint == state(5)
        with closing(sqlite3.connect(path)) as conn, conn:
            conn.execute("DELETE FROM checkpoints WHERE thread_id = 'a'")
        assert saver.get_tuple(config("a")) is None
        for number in (5, 6):
            saver.put(config("a"), state(number), METADATA, {})
            assert saver.get_tuple(config("a")).checkpoint == state(number)
    with RustSQLiteCheckpointer(path) as saver:
        assert [found.checkpoint for found in saver.list(config("a"))] == [state(6), state(5)]
