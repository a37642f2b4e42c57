"""Several operations in one transaction: what each caller is told, and what is on disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from beside_stock.new_process import in_new_process, same_path
from beside_stock.statements import INSERT, TABLE, bound, by_sqlite3, connect, contents, described, rows
from fast_langgraph import _native
from fast_langgraph._native import Operation

pytestmark = pytest.mark.unpatched


@pytest.fixture(autouse=True)
def bound_here():
    bound()


def one_by_one_and_together(tmp_path, batch, before=lambda conn: None, **settings):
    """What each operation's caller hears, and the rows: from sqlite3 one by one, and from Rust at once."""
    seen = []
    for side in ("sqlite3", "rust"):
        path = tmp_path / f"{side}.db"
        conn = connect(path, **settings)
        conn.executescript(TABLE)
        before(conn)
        if side == "sqlite3":
            errors = [by_sqlite3(conn, statements) for statements in batch]
        else:
            errors = _native.execute(conn, [Operation(statements) for statements in batch])
        seen.append(([described(error) for error in errors], conn.in_transaction, contents(path)))
        conn.close()
    assert seen[0] == seen[1]
    return seen[0][0]


def failures(told):
    return [error is not None for error in told]


GOOD, BAD = rows((1, "a"), (2, "b")), rows((3, "c"), (1, "again"), (4, "never"))


@pytest.mark.parametrize("level", ["", "IMMEDIATE", "EXCLUSIVE", None])
@pytest.mark.parametrize(
    "batch",
    [
        [GOOD, rows((5, "e"))],
        [GOOD, BAD, rows((5, "e"))],
        [rows((1, "x")), BAD],
        [BAD, rows((1, "y")), rows((1, "z"))],
        [rows(), BAD, rows()],
        [[("INSERT NONSENSE", [])], GOOD, rows((9,)), rows((9, 9))],
        [[], GOOD],
        [],
    ],
    ids=str,
)
def test_a_failure_is_its_caller_s_alone_and_keeps_the_rows_before_it(tmp_path, batch, level):
    one_by_one_and_together(tmp_path, batch, isolation_level=level)


def test_operations_together_are_one_transaction(tmp_path):
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    trace = []
    conn.set_trace_callback(trace.append)
    assert _native.execute(conn, [Operation(rows((n, n))) for n in range(3)]) == [None] * 3
    assert trace == ["BEGIN ", *(f"INSERT INTO t VALUES ({n}, {n})" for n in range(3)), "COMMIT"]
    conn.close()


@pytest.mark.parametrize("how", ["ROLLBACK", "FAIL", "ABORT"])
def test_a_trigger_that_ends_the_transaction_takes_no_other_operation_with_it(tmp_path, how):
    def before(conn):
        conn.executescript(
            f"CREATE TRIGGER ends BEFORE INSERT ON t WHEN NEW.a = 13 BEGIN SELECT RAISE({how}, 'no 13'); END"
        )

    batch = [rows((1, 1)), rows((2, 2), (13, 1), (3, 3)), rows((4, 4)), rows((1, 0)), rows((5, 5), (13, 13))]
    told = one_by_one_and_together(tmp_path, batch, before)
    assert failures(told) == [False, True, False, True, True]


def test_what_the_app_left_open_is_not_lost_with_a_later_operation(tmp_path):
    def before(conn):
        conn.executescript(
            "CREATE TRIGGER ends BEFORE INSERT ON t WHEN NEW.a = 13 BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
        )
        conn.execute(INSERT, (0, "the app's own"))
        assert conn.in_transaction

    told = one_by_one_and_together(tmp_path, [rows((1, 1)), rows((13, 1)), rows((2, 2))], before)
    assert failures(told) == [False, True, False]
    assert (0, "integer", "the app's own", "text") in contents(tmp_path / "rust.db")


def test_a_transaction_that_somebody_else_ends_is_done_again(tmp_path):
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    done = []

    def end(text):
        # Stands for another thread that uses the connection meanwhile.
        if text.endswith("(2, 2)") and not done:
            conn.rollback()
            done.append(text)

    conn.set_trace_callback(end)
    replace = "INSERT OR REPLACE INTO t VALUES (?, ?)"
    errors = _native.execute(conn, [Operation([(replace, [(n, n)])]) for n in (1, 2, 3)])
    conn.set_trace_callback(None)
    assert done
    assert errors == [None] * 3
    assert not conn.in_transaction
    assert [row[0] for row in contents(tmp_path / "test.db")] == [1, 2, 3]
    conn.close()


def test_a_commit_that_fails_is_every_caller_s_error_and_stays_open(tmp_path):
    conn = connect(tmp_path / "test.db", timeout=0)
    conn.execute(TABLE)
    conn.executemany(INSERT, [(n, n) for n in range(10, 20)])
    conn.commit()
    other = connect(tmp_path / "test.db")
    reading = other.execute("SELECT * FROM t")
    assert reading.fetchone()
    errors = _native.execute(conn, [Operation(rows((1, 1))), Operation(rows((10, 0))), Operation(rows((2, 2)))])
    assert [str(error) for error in errors] == ["database is locked"] * 3
    assert [type(error.__context__) for error in errors] == [type(None), sqlite3.IntegrityError, type(None)]
    assert conn.in_transaction
    assert len(other.execute("SELECT * FROM t").fetchall()) == 10
    reading.close()
    conn.commit()
    assert len(contents(tmp_path / "test.db")) == 12
    conn.close()
    other.close()


def test_an_interrupt_is_not_done_again_and_the_others_are(tmp_path):
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    calls = []

    def progress():
        calls.append(1)
        return len(calls) == 1

    conn.executescript(
        "CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n;"
        "CREATE TRIGGER slow BEFORE INSERT ON t WHEN NEW.a = 2 BEGIN SELECT sum(i) FROM many; END"
    )
    conn.set_progress_handler(progress, 2000)
    errors = _native.execute(conn, [Operation(rows((n, n))) for n in (1, 2, 3)])
    conn.set_progress_handler(None, 0)
    assert [str(error) for error in errors] == ["None", "interrupted", "None"]
    assert [row[0] for row in contents(tmp_path / "test.db")] == [1, 3]
    conn.close()


# --- disks and deaths ---

FULL = """
import resource, signal, sqlite3
from fast_langgraph import _native
from beside_stock.statements import *
bound()
conn = connect({path!r})
conn.execute("PRAGMA journal_mode = {mode}").fetchall()
conn.execute(TABLE)
conn.commit()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
kept = []
for first in range(0, 60, {size}):
    batch = [rows((n, bytes(20_000))) for n in range(first, first + {size})]
    if {rust}:
        errors = _native.execute(conn, [Operation(statements) for statements in batch])
    else:
        errors = [by_sqlite3(conn, statements) for statements in batch]
    kept += [first + i for i, error in enumerate(errors) if error is None]
    for error in errors:
        if error is not None:
            last = error
conn.rollback()
print(len(kept), repr(described(last)))
conn.close()
read = [row[0] for row in contents({path!r})]
assert read == kept, (read, kept)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit for the size of files")
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("size", [1, 4])
def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path, mode, size):
    said = []
    for rust in (False, True):
        script = FULL.format(path=str(tmp_path / f"{rust}.db"), mode=mode, size=size, rust=rust)
        done = in_new_process(script, "-X", "dev", common=False)
        assert (done.returncode, done.stderr) == (0, "")
        said.append(done.stdout)
    assert int(said[0].split()[0]) > 0
    if size == 1:
        assert said[0] == said[1]
    else:
        assert said[0].partition(" ")[2] == said[1].partition(" ")[2]


KILLED = """
import os, sys
from fast_langgraph import _native
from beside_stock.statements import *
bound()
conn = connect({path!r})
conn.execute("PRAGMA journal_mode = {mode}").fetchall()
conn.execute(TABLE)
conn.commit()
n = 0
while True:
    batch = [Operation(rows((n + i, bytes(2_000)))) for i in range(3)]
    assert _native.execute(conn, batch) == [None] * 3
    n += 3
    os.write(1, b"%d\\n" % n)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_process_that_is_killed_loses_nothing_that_was_acknowledged(tmp_path, mode):
    path = tmp_path / "test.db"
    source = same_path() + KILLED.format(path=str(path), mode=mode)
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(100):
        assert process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    acknowledged = max(int(line) for line in process.stdout.read().split(b"\n")[:-1] or [b"300"])
    process.wait()
    process.stdout.close()
    kept = [row[0] for row in contents(path)]
    assert kept == list(range(len(kept)))
    assert len(kept) >= max(acknowledged, 300)
    check = connect(path)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()
