"""One operation on a borrowed handle leaves what sqlite3 leaves: rows, errors, transactions and traces."""

from __future__ import annotations

import sqlite3
import sys
from types import SimpleNamespace

import pytest

from beside_stock.statements import INSERT, TABLE, bound, by_rust, by_sqlite3, connect, contents, described, found, rows
from fast_langgraph import _native
from fast_langgraph._native import Blob, Operation, Unsupported

pytestmark = pytest.mark.unpatched

LEVELS = ["", "DEFERRED", "immediate", "EXCLUSIVE", None]


@pytest.fixture(autouse=True)
def bound_here():
    bound()


def beside(tmp_path, scenario, **settings):
    """Runs the scenario on both sides, each on a file of its own, and compares all that can be seen.

    It gets ``run``, the connection and the file, and returns what else is to be compared.
    """
    seen = []
    for run in (by_sqlite3, by_rust):
        path = tmp_path / f"{run.__name__}.db"
        conn = connect(path, **settings)
        conn.execute(TABLE)
        conn.commit()
        trace = []
        conn.set_trace_callback(trace.append)
        told = []

        def tell(*what, conn=conn, told=told):
            told.append((*what, conn.in_transaction, conn.total_changes))

        extra = scenario(SimpleNamespace(run=run, conn=conn, path=path, tell=tell))
        conn.set_trace_callback(None)
        in_transaction = conn.in_transaction
        conn.close()
        seen.append((told, extra, trace, in_transaction, contents(path)))
    assert seen[0] == seen[1]
    told, _, trace, _, _ = seen[0]
    return told, trace


VALUES = [
    (1, None),
    (2, 0),
    (3, -(2**63)),
    (4, 2**63 - 1),
    (5, 0.1),
    (6, float("inf")),
    (7, float("nan")),
    (8, ""),
    (9, "x\0y"),
    (10, "\u00e9\U0001f600" * 1000),
    (11, b""),
    (12, bytes(range(256)) * 1000),
    (13, -0.0),
]


@pytest.mark.parametrize("level", LEVELS)
def test_values_of_every_kind_are_stored_and_traced_as_by_sqlite3(tmp_path, level):
    def scenario(s):
        for value in VALUES:
            s.tell(described(s.run(s.conn, rows(value))))
        s.tell(described(s.run(s.conn, [("DELETE FROM t WHERE a = ?", [(1,)]), (INSERT, VALUES[:1])])))
        s.tell(described(s.run(s.conn, [("update t set b = ? where a = ?", [("u", 2), ("v", 3)])])))

    told, trace = beside(tmp_path, scenario, isolation_level=level)
    assert len(told) == len(VALUES) + 2
    assert any(text.startswith("INSERT INTO t VALUES (12, x'0001") for text in trace)


@pytest.mark.parametrize("level", LEVELS)
def test_an_operation_without_rows_begins_and_commits(tmp_path, level):
    def scenario(s):
        s.tell(described(s.run(s.conn, rows())))
        s.conn.execute("BEGIN")
        s.tell(described(s.run(s.conn, rows())))

    beside(tmp_path, scenario, isolation_level=level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("commit_failed", [True, False])
def test_rows_before_one_that_fails_are_kept(tmp_path, level, commit_failed):
    def scenario(s):
        for statements in (
            rows((1, "a"), (2, "b"), (1, "c"), (3, "d")),
            rows((None, "rowid"), ("text", "x")),
            rows((5, "e"), (6, "f", "g")),
            rows((7,)),
            [(INSERT, [(8, 8)]), ("INSERT INTO nowhere VALUES (?)", [(1,)]), (INSERT, [(9, 9)])],
            [("INSERT INTO t VALUES (?, nosuch)", [(1,)])],
            [("DELETE FROM t WHERE", [])],
            rows((10, 10)),
        ):
            s.tell(described(s.run(s.conn, statements, commit_failed)))

    told, _ = beside(tmp_path, scenario, isolation_level=level)
    assert [step[0] is None for step in told] == [False] * 7 + [True]


@pytest.mark.parametrize("level", LEVELS)
def test_what_the_app_has_left_open_is_committed(tmp_path, level):
    def scenario(s):
        for n, begin in enumerate(("BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT mine")):
            s.conn.execute(begin)
            s.conn.execute(INSERT, (n, "own"))
            s.tell(described(s.run(s.conn, rows((10 + n, "ours")))))
            s.conn.rollback()

    beside(tmp_path, scenario, isolation_level=level)


def test_a_commit_that_fails_leaves_the_transaction_and_has_the_first_error_as_its_context(tmp_path):
    def scenario(s):
        s.conn.executescript(
            "PRAGMA foreign_keys = 1;CREATE TABLE child (t REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED);"
        )
        child = "INSERT INTO child VALUES (?)"
        s.tell(described(s.run(s.conn, [(child, [(99,)])])))
        s.tell(described(s.run(s.conn, rows((1, 1), (1, 1)))))
        s.tell(described(s.run(s.conn, [(child, [(1,)])])))
        s.tell(described(s.run(s.conn, rows((99, 1)))))

    told, _ = beside(tmp_path, scenario)
    assert [bool(step[0]) for step in told] == [True, True, True, False]
    assert told[1][0][-1][0] is sqlite3.IntegrityError


# --- errors ---


def test_a_locked_file_is_waited_for_as_long_as_the_connection_says(tmp_path):
    def scenario(s):
        other = connect(s.path)
        for level, lock in (("", "BEGIN IMMEDIATE"), ("IMMEDIATE", "BEGIN IMMEDIATE"), ("", "BEGIN EXCLUSIVE")):
            other.execute(lock)
            s.conn.isolation_level = level
            s.tell(described(s.run(s.conn, rows((1, 1)))))
            other.rollback()
            s.tell(described(s.run(s.conn, [("INSERT OR REPLACE INTO t VALUES (?, ?)", [(1, 1)])])))
        # A reader of a rollback journal's file lets others write and not commit.
        reading = other.execute("SELECT 1 FROM t")
        assert reading.fetchone()
        s.tell(described(s.run(s.conn, rows((2, 2)))))
        reading.close()
        s.tell(described(s.run(s.conn, rows((3, 3)))))
        other.close()

    told, _ = beside(tmp_path, scenario, timeout=0.02)
    assert [step[0] and step[0][1] for step in told][:2] == ["database is locked", None]


def test_a_read_only_file_refuses_writes(tmp_path):
    def scenario(s):
        conn = connect(f"file:{s.path}?mode=ro", uri=True)
        error = described(s.run(conn, rows((1, 1))))
        conn.close()
        return error

    beside(tmp_path, scenario)


@pytest.mark.parametrize("what", ["not a database", "a page that is damaged"])
def test_a_corrupt_file_is_refused(tmp_path, what):
    seen = []
    for run in (by_sqlite3, by_rust):
        path = tmp_path / f"{run.__name__}.db"
        conn = connect(path)
        conn.execute(TABLE)
        conn.executemany(INSERT, [(n, bytes(3000)) for n in range(50)])
        conn.commit()
        conn.close()
        data = bytearray(path.read_bytes())
        data[: 100 if what == "not a database" else 0] = b"x" * (100 if what == "not a database" else 0)
        data[4096 : 4096 + 2000] = b"\xff" * 2000
        path.write_bytes(data)
        conn = connect(path)
        seen.append(described(run(conn, rows((51, 1)))))
        conn.close()
    assert seen[0] == seen[1]
    assert issubclass(seen[0][0], sqlite3.DatabaseError)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="setlimit is new in CPython 3.11")
def test_a_value_beyond_the_connection_s_limit_is_refused(tmp_path):
    def scenario(s):
        s.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100)
        for value in ("x" * 200, b"x" * 200):
            s.tell(described(s.run(s.conn, rows((1, "before"), (2, value)))))

    told, _ = beside(tmp_path, scenario)
    assert told[0][0][0] is sqlite3.DataError


def test_a_connection_of_another_thread_or_a_closed_one_is_refused(tmp_path):
    import threading

    conn = sqlite3.connect(tmp_path / "test.db")
    conn.execute(TABLE)
    seen = []
    for run in (by_sqlite3, by_rust):
        thread = threading.Thread(target=lambda run=run: seen.append(str(run(conn, rows((1, 1))))))
        thread.start()
        thread.join()
    scrubbed = ["".join(letter for letter in text if not letter.isdigit()) for text in seen]
    assert scrubbed[0] == scrubbed[1]
    assert "SQLite objects created in a thread" in seen[1]
    conn.close()
    closed = [described(run(conn, rows((1, 1)))) for run in (by_sqlite3, by_rust)]
    assert closed[0] == closed[1]
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        found(conn, "SELECT 1")
    assert _native.eligible(conn) is not None


# --- what is left to sqlite3 ---


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value", [True, 2**63, -(2**63) - 1, "\ud800", Text("x"), bytearray(b"x"), memoryview(b"x"), [1], object()]
)
def test_values_of_other_types_are_left_to_sqlite3(value):
    with pytest.raises(Unsupported):
        Operation(rows((1, value)))
    with pytest.raises(Unsupported):
        _native.fetch_checkpoint(sqlite3.connect(":memory:"), "SELECT ?", (value,), "SELECT 1")
    assert issubclass(Unsupported, TypeError)


@pytest.mark.parametrize("text", ["SELECT 1", "CREATE TABLE x (y)", "", " INSERT", "INSERT \0", "PRAGMA x", "\u00e9"])
def test_statements_that_do_not_write_rows_are_left_to_sqlite3(text):
    with pytest.raises(Unsupported):
        Operation([(text, [])])


def test_settings_that_change_what_sqlite3_does_are_named():
    conn = sqlite3.connect(":memory:", isolation_level=None)
    assert _native.eligible(conn) is None
    for name, values in {
        "row_factory": [sqlite3.Row, tuple],
        "text_factory": [bytes, lambda text: text],
        "isolation_level": [],
        "autocommit": [True, False] if hasattr(conn, "autocommit") else [],
    }.items():
        usual = getattr(conn, name, None)
        for value in values:
            setattr(conn, name, value)
            assert name.partition("_")[0] in str(_native.eligible(conn))
        if values:
            setattr(conn, name, usual)
    assert _native.eligible(conn) is None
    conn.close()


@pytest.mark.parametrize("kind", [str, bytes, int, float, type(None)])
def test_adapters_of_the_types_that_are_bound_are_named(kind, monkeypatch):
    conn = sqlite3.connect(":memory:")
    monkeypatch.setitem(sqlite3.adapters, (kind, sqlite3.PrepareProtocol), repr)
    assert "adapters" in str(_native.eligible(conn))
    monkeypatch.undo()
    assert _native.eligible(conn) is None
    conn.close()


@pytest.mark.parametrize("name", ["TEXT", "BLOB", "INTEGER"])
def test_converters_of_the_tables_types_are_named(name, monkeypatch):
    conn = sqlite3.connect(":memory:")
    monkeypatch.setitem(sqlite3.converters, name, repr)
    assert "converters" in str(_native.eligible(conn))
    monkeypatch.undo()
    assert _native.eligible(conn) is None
    conn.close()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit is new in CPython 3.12")
@pytest.mark.parametrize("mode", [True, False])
def test_an_autocommit_mode_that_another_thread_could_not_see_is_seen_in_time(tmp_path, mode):
    import threading

    asked = []
    conn = sqlite3.connect(tmp_path / "test.db", autocommit=mode)
    conn.execute(TABLE)
    thread = threading.Thread(target=lambda: asked.append(_native.eligible(conn)))
    thread.start()
    thread.join()
    assert asked == [None]
    with pytest.raises(Unsupported, match="autocommit"):
        _native.execute(conn, [Operation(rows((1, 1)))])
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (0,)
    conn.close()


# --- reading ---


def test_columns_of_every_kind_are_read_as_by_sqlite3(tmp_path):
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    assert by_rust(conn, rows(*VALUES)) is None
    for key, _ in VALUES:
        query = f"SELECT 'T', 'C', a, b, b, b FROM t WHERE a = {key}"
        assert repr(found(conn, query)) == repr(conn.execute(query).fetchone())
    conn.close()


def test_the_pending_writes_are_those_of_the_row_or_of_the_checkpoint_that_was_named(tmp_path):
    conn = connect(tmp_path / "test.db")
    by_row = _native.fetch_checkpoint(conn, "SELECT 'T', 'C', ?1, ?2", ("t", "n"), "SELECT ?1, ?2, ?3")
    assert by_row == (("T", "C", "t", "n"), [("T", "n", "C")])
    by_name = _native.fetch_checkpoint(conn, "SELECT 'T', 'C', ?1, ?2, ?3", ("t", "n", "c"), "SELECT ?1, ?2, ?3")
    assert by_name is not None
    assert by_name[1] == [("t", "n", "c")]
    assert _native.fetch_checkpoint(conn, "SELECT 'T', 'C' WHERE ?1 = ?2", ("t", "n"), "SELECT 1") is None
    for odd in (
        "SELECT 1, 'C'",
        "SELECT 'T', x'00'",
        "SELECT 'T', NULL",
        "SELECT 'T'",
        "SELECT 'T', CAST(x'ff' AS TEXT)",
    ):
        with pytest.raises(Unsupported):
            _native.fetch_checkpoint(conn, odd + " WHERE ?1 <> ?2", ("t", "n"), "SELECT ?1, ?2, ?3")
    with pytest.raises(Unsupported):
        _native.fetch_checkpoint(conn, "SELECT 'T', 'C', ?1, ?2, ?3", ("t", "n", 5), "SELECT ?1, ?2, ?3")
    conn.close()


def test_a_query_that_fails_raises_what_sqlite3_raises(tmp_path):
    conn = connect(tmp_path / "test.db")
    row = "SELECT 'T', 'C' WHERE ?1 <> ?2"
    failing = [
        "SELECT nosuch, ?, ?",
        "SELECT ?",
        "SELECT ?, ?, ?, ?",
        "SELECT abs(-9223372036854775808), ?, ?",
        "NONSENSE",
    ]
    for query in failing:
        with pytest.raises(sqlite3.Error) as expected:
            conn.execute(query, ("t", "n"))
        with pytest.raises(sqlite3.Error) as raised:
            _native.fetch_checkpoint(conn, query, ("t", "n"), "SELECT 1")
        assert described(raised.value) == described(expected.value)
        with pytest.raises(sqlite3.Error) as expected:
            conn.execute(query, ("T", "n", "C"))
        with pytest.raises(sqlite3.Error) as raised:
            _native.fetch_checkpoint(conn, row, ("t", "n"), query)
        assert described(raised.value) == described(expected.value)
    conn.close()


def test_a_read_leaves_no_transaction_and_no_lock(tmp_path):
    conn = connect(tmp_path / "test.db", timeout=0)
    conn.execute(TABLE)
    conn.executemany(INSERT, [(n, "x") for n in range(100)])
    conn.commit()
    assert found(conn, "SELECT 'T', 'C', b FROM t ORDER BY a") == ("T", "C", "x")
    assert not conn.in_transaction
    other = connect(tmp_path / "test.db", timeout=0)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("DELETE FROM t")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        found(conn, "SELECT 'T', 'C' FROM t")
    other.commit()
    assert found(conn, "SELECT 'T', 'C' FROM t") is None
    conn.execute("BEGIN")
    conn.execute(INSERT, (1, "open"))
    assert found(conn, "SELECT 'T', 'C', b FROM t") == ("T", "C", "open")
    assert conn.in_transaction
    conn.close()
    other.close()


def test_blobs_go_in_and_come_out_without_python_bytes(tmp_path):
    from fast_langgraph import patch, unpatch

    patch()
    try:
        blob = _native.dumps_blob({"a": list(range(10_000))})
    finally:
        unpatch()
    assert type(blob) is Blob
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    assert by_rust(conn, rows((1, blob), (2, blob))) is None
    read = _native.fetch_checkpoint(
        conn, "SELECT 'T', 'C', a, '', b FROM t WHERE ?1 <> ?2", ("t", "n"), "SELECT ?1, ?2, ?3"
    )
    assert type(read[0][4]) is Blob
    assert bytes(read[0][4]) == bytes(blob) == conn.execute("SELECT b FROM t WHERE a = 2").fetchone()[0]
    conn.close()
