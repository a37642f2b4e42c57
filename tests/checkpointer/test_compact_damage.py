"""Damaged and hostile files in the compact layout: an error for what is damaged, nothing in the way of the rest."""

from __future__ import annotations

import os
import resource
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fast_langgraph import RustSQLiteCheckpointer

METADATA = {"source": "loop", "step": 1, "parents": {}}


def config(thread: str = "t", namespace: str = "", at: str | None = None) -> dict:
    named = {"thread_id": thread, "checkpoint_ns": namespace}
    return {"configurable": {**named, "checkpoint_id": at} if at else named}


def state(number: int, messages: int = 50) -> dict:
    return {
        "v": 4,
        "ts": "",
        "id": f"{number:08}",
        "channel_values": {"messages": [f"{each} " * 100 for each in range(messages)]},
        "channel_versions": {},
        "versions_seen": {},
    }


def filled(path: Path, checkpoints: int = 10, threads: tuple[str, ...] = ("t",)) -> None:
    with RustSQLiteCheckpointer(path, layout="compact") as saver:
        for thread in threads:
            for number in range(checkpoints):
                parent = f"{number - 1:08}" if number else None
                saver.put(config(thread, at=parent), state(number, 40 + number), METADATA, {})


def change(path: Path, *statements: str, **values: object) -> None:
    with closing(sqlite3.connect(path)) as conn, conn:
        for statement in statements:
            conn.execute(statement, values)


#: ways in which one row, number 9 of thread t, can be damaged
DAMAGES = {
    "a piece is missing": "DELETE FROM fl_pieces WHERE id = (SELECT max(id) FROM fl_pieces)",
    "a piece is no blob": "UPDATE fl_pieces SET bytes = 5 WHERE id = (SELECT max(id) FROM fl_pieces)",
    "a piece is short": "UPDATE fl_pieces SET bytes = x'00' WHERE id = (SELECT max(id) FROM fl_pieces)",
    "the size is wrong": "UPDATE fl_checkpoints SET size = size + 1 WHERE checkpoint_id = '00000009'",
    "the size is text": "UPDATE fl_checkpoints SET size = 'much' WHERE checkpoint_id = '00000009'",
    "the size is below 0": "UPDATE fl_checkpoints SET size = -1 WHERE checkpoint_id = '00000009'",
    "the size is huge": f"UPDATE fl_checkpoints SET size = {2**63 - 1} WHERE checkpoint_id = '00000009'",
    "the size is NULL": "UPDATE fl_checkpoints SET size = NULL WHERE checkpoint_id = '00000009'",
    "the base is text": "UPDATE fl_checkpoints SET base = 'x' WHERE checkpoint_id = '00000009'",
    "the base is the largest": f"UPDATE fl_checkpoints SET base = {2**63 - 1} WHERE checkpoint_id = '00000009'",
    "the recipe is text": "UPDATE fl_checkpoints SET ranges = 'abc' WHERE checkpoint_id = '00000009'",
    "the recipe is a blob": "UPDATE fl_checkpoints SET ranges = x'ff' WHERE checkpoint_id = '00000009'",
    "own bytes are missing": "UPDATE fl_checkpoints SET checkpoint = x'' WHERE checkpoint_id = '00000009'",
    "own bytes are NULL": "UPDATE fl_checkpoints SET checkpoint = NULL WHERE checkpoint_id = '00000009'",
}


@pytest.fixture(params=DAMAGES)
def damaged(request, tmp_path) -> Path:
    path = tmp_path / "checkpoints.db"
    filled(path)
    change(path, DAMAGES[request.param])
    return path


def test_a_damaged_row_is_an_error_that_names_it_and_no_other_row_is(damaged):
    with RustSQLiteCheckpointer(damaged) as saver:
        with pytest.raises(sqlite3.DatabaseError, match="00000009"):
            saver.get_tuple(config())
        for number in range(9):
            found = saver.get_tuple(config(at=f"{number:08}"))
            assert found.checkpoint == state(number, 40 + number)


def test_a_damaged_row_is_not_in_the_way_of_new_ones(damaged):
    # In another namespace, after it, after a good one, and without a parent.
    puts = [("sub", None), ("", "00000009"), ("", "00000005"), ("", None)]
    with RustSQLiteCheckpointer(damaged) as saver:
        for number, (namespace, parent) in enumerate(puts, 20):
            saver.put(config("t", namespace, parent), state(number, number), METADATA, {})
            found = saver.get_tuple(config("t", namespace, f"{number:08}"))
            assert found.checkpoint == state(number, number)
    with RustSQLiteCheckpointer(damaged) as saver:
        for number, (namespace, _) in enumerate(puts, 20):
            assert saver.get_tuple(config("t", namespace, f"{number:08}")).checkpoint == state(number, number)


def test_a_damaged_row_can_be_counted_and_removed(damaged):
    with RustSQLiteCheckpointer(damaged) as saver:
        assert [(each.thread_id, each.checkpoints) for each in saver.threads(order="size")] == [("t", 10)]
        assert saver.stats().largest_threads[0].checkpoints == 10
        assert saver.prune(["t"], keep_last=8, dry_run=True) == saver.prune(["t"], keep_last=8)
        assert saver.delete_thread("t", dry_run=True).checkpoints == 8
        assert saver.delete_thread("t").checkpoints == 8
        assert list(saver.threads()) == []
        filled(damaged, 3)
        assert saver.get_tuple(config()).checkpoint == state(2, 42)


def test_a_conversion_names_the_damaged_rows_and_converts_all_others(damaged):
    with RustSQLiteCheckpointer(damaged) as saver:
        saver.put(config("other"), state(1), METADATA, {})
        with pytest.raises(sqlite3.DatabaseError, match=r'1 damaged checkpoints.*"00000009" of thread "t"'):
            saver.convert("standard")
        assert "half converted" in saver.stats(0).layout
        saver.put(config("third"), state(1), METADATA, {})
    with closing(sqlite3.connect(damaged)) as conn:
        in_pieces = "SELECT checkpoint_id FROM fl_checkpoints WHERE ranges IS NOT NULL"
        assert conn.execute(in_pieces).fetchall() == [("00000009",)]
    # It can be taken back, and done again once the row is gone.
    with RustSQLiteCheckpointer(damaged) as saver:
        saver.convert("compact")
        assert saver.stats(0).layout == "compact"
        with pytest.raises(sqlite3.DatabaseError, match="half converted"):
            saver.convert("standard")
        saver.delete_thread("t")
        saver.convert("standard")
        assert saver.stats(0).layout == "standard"
        assert {found.config["configurable"]["thread_id"] for found in saver.list(None)} == {"other", "third"}


def test_a_conversion_names_the_first_of_many_damaged_rows_and_counts_them(tmp_path):
    path = tmp_path / "checkpoints.db"
    filled(path, 600, ("a", "b"))
    change(path, "UPDATE fl_checkpoints SET size = size + 1 WHERE thread_id = 'a'")
    named = pytest.raises(sqlite3.DatabaseError, match=r"600 damaged checkpoints.*00000000.*and 592 more")
    with RustSQLiteCheckpointer(path) as saver, named:
        saver.convert("standard")
    with closing(sqlite3.connect(path)) as conn:
        count = "SELECT thread_id, count(*) FROM fl_checkpoints WHERE ranges IS NOT NULL GROUP BY 1"
        assert conn.execute(count).fetchall() == [("a", 600)]


def test_a_conversion_to_compact_goes_past_damaged_rows(damaged):
    with RustSQLiteCheckpointer(damaged) as saver:
        with pytest.raises(sqlite3.DatabaseError):
            saver.convert("standard")
        saver.convert("compact")
        for number in range(9):
            assert saver.get_tuple(config(at=f"{number:08}")).checkpoint == state(number, 40 + number)
    with closing(sqlite3.connect(damaged)) as conn:
        assert conn.execute("SELECT count(*) FROM fl_checkpoints WHERE ranges IS NULL").fetchone() == (0,)


def test_checkpoints_of_a_thread_with_a_damaged_row_can_be_removed_and_none_that_is_needed_goes(damaged):
    with RustSQLiteCheckpointer(damaged) as saver:
        saver.prune(["t"], keep_last=3)
        assert [found for found in (7, 8) if saver.get_tuple(config(at=f"{found:08}"))] == [7, 8]
        saver.delete_thread("t")
        assert list(saver.list(None)) == []
    with closing(sqlite3.connect(damaged)) as conn:
        assert conn.execute("SELECT count(*) FROM fl_pieces").fetchone() == (0,)


# A small file that asks for gigabytes


def hostile(path: Path, records: int, pieces: int, piece: bytes, size: int) -> None:
    filled(path, 1)
    with closing(sqlite3.connect(path)) as conn, conn:
        [(thread,)] = conn.execute("SELECT thread FROM fl_threads")
        base = thread << 32
        conn.execute("DELETE FROM fl_pieces")
        conn.executemany("INSERT INTO fl_pieces VALUES (?, ?)", [(base + i, piece) for i in range(1, pieces + 1)])
        ranges = f"{0:010}{1:010}{pieces:010}" * records
        conn.execute("UPDATE fl_checkpoints SET ranges = ?, size = ?, base = ?", (ranges, size, base))


@pytest.mark.parametrize("work", ["get", "put"])
@pytest.mark.parametrize(
    ("records", "pieces", "piece", "size"),
    [
        (12_000, 20_000, b"p", 1000),
        (12_000, 20_000, b"p" * 64, 1000),
        (12_000, 20_000, b"", 0),
        (12_000, 20_000, b"p" * 64, 2**62),
        (3_000_000, 1, b"p" * 64, 1000),
        (1, 1, b"p" * 64, 10**9 + 1),
        (50_000, 100, b"p" * 1000, 10**9 + 1),
    ],
)
def test_a_small_file_that_asks_for_gigabytes_is_an_error_in_little_memory(
    work, records, pieces, piece, size, tmp_path
):
    path = tmp_path / "hostile.db"
    hostile(path, records, pieces, piece, size)
    child = os.fork()
    if child == 0:
        limit = 700 << 20
        try:
            # What this process has mapped already counts as well.
            mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (mapped + limit, mapped + limit))
            saver = RustSQLiteCheckpointer(path)
            if work == "get":
                try:
                    saver.get_tuple(config())
                except sqlite3.DatabaseError as error:
                    assert "00000000" in str(error), error
                else:
                    raise AssertionError("it was read")
            else:
                saver.put(config(at="00000000"), state(2), METADATA, {})
                assert saver.get_tuple(config(at="00000002")).checkpoint == state(2)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
