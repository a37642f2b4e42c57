"""Many threads on one connection, and Python code that SQLite calls: no deadlock, no crash, no lost row."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time

import pytest

from beside_stock.new_process import in_new_process
from beside_stock.statements import TABLE, bound, by_rust, by_sqlite3, connect, contents, described, found, rows
from fast_langgraph import _native
from fast_langgraph._native import Operation
from threads import at_once

pytestmark = pytest.mark.unpatched

#: far longer than anything here takes; what hangs is a failure
LONG = 60


@pytest.fixture(autouse=True)
def bound_here():
    bound()


@pytest.fixture
def conn(tmp_path):
    conn = connect(tmp_path / "test.db")
    conn.execute(TABLE)
    yield conn
    conn.close()


def test_threads_share_a_connection_and_each_hears_of_its_own_error(conn, tmp_path):
    wrong = []

    def work(n):
        replace, bad = "INSERT OR REPLACE INTO t VALUES (?, ?)", f"INSERT INTO nowhere_{n} VALUES (?)"
        for i in range(60):
            key = n * 1000 + i
            good, failed = _native.execute(conn, [Operation([(replace, [(key, n)])]), Operation([(bad, [(1,)])])])
            if good is not None or str(failed) != f"no such table: nowhere_{n}":
                wrong.append((good, failed))
            query = f"SELECT 'T', 'C', b FROM t WHERE a = {key}"
            if found(conn, query) != ("T", "C", n):
                wrong.append(query)

    at_once(*(lambda n=n: work(n) for n in range(8)))
    assert wrong == []
    assert not conn.in_transaction
    assert len(contents(tmp_path / "test.db")) == 480


def test_a_thread_inside_a_python_function_on_the_same_connection_is_waited_for(conn):
    inside, leave = threading.Event(), threading.Event()

    def slow(value):
        inside.set()
        assert leave.wait(LONG)
        return value

    conn.create_function("slow", 1, slow)
    answers = []

    def other():
        assert inside.wait(LONG)
        threading.Timer(0.05, leave.set).start()
        answers.append(by_rust(conn, rows((1, 1))))
        answers.append(found(conn, "SELECT 'T', 'C', count(*) FROM t"))

    at_once(lambda: conn.execute("SELECT slow(1)").fetchone(), other)
    assert answers == [None, ("T", "C", 1)]


@pytest.mark.parametrize("shared", [False, True], ids=["own cache", "shared cache"])
def test_python_functions_triggers_and_threads_do_not_lock_one_another_up(tmp_path, shared):
    path = f"file:{tmp_path / 'test.db'}?cache={'shared' if shared else 'private'}"
    conns = [connect(path, uri=True, timeout=LONG) for _ in range(2)]
    conns[0].execute(TABLE)
    conns[0].execute("CREATE TRIGGER calls AFTER INSERT ON t BEGIN SELECT busy(NEW.a); END")
    for conn in conns:
        conn.create_function("busy", 1, lambda value: sum(range(2000)) and value)

    def write(conn, n):
        for i in range(40):
            while (error := by_rust(conn, rows((n * 1000 + i, None)))) is not None:
                # With a shared cache the table may be locked at once, as with sqlite3.
                assert isinstance(error, sqlite3.OperationalError)
                assert "locked" in str(error)
                time.sleep(0.001)

    def read(conn):
        for _ in range(40):
            try:
                # Not by sqlite3 as well: with the GIL it waits for the mutex of whoever is inside a function.
                found(conn, "SELECT 'T', 'C', busy(count(*)) FROM t")
            except (sqlite3.OperationalError, _native.Unsupported) as error:
                assert shared, error

    first, second = conns
    at_once(
        lambda: write(first, 1),
        lambda: write(first, 2),
        lambda: read(first),
        *([lambda: write(second, 3), lambda: read(second)] if shared else []),
    )
    for conn in conns:
        conn.close()
    assert len(contents(tmp_path / "test.db")) == (120 if shared else 80)


def test_an_operation_inside_a_python_function_on_the_same_connection_works(conn):
    def nested(value):
        error = by_rust(conn, rows((value, "nested")))
        assert found(conn, "SELECT 'T', 'C'") == ("T", "C")
        return str(error)

    conn.create_function("nested", 1, nested)
    assert conn.execute("SELECT nested(1)").fetchone() == ("None",)
    assert conn.execute("SELECT * FROM t").fetchall() == [(1, "nested")]


# --- errors in Python code ---


def raising(*_):
    raise ValueError("from Python")


@pytest.mark.parametrize("what", ["function", "trace", "authorizer", "progress", "collation"])
def test_python_code_that_raises_inside_does_what_it_does_with_sqlite3(tmp_path, what):
    seen = []
    for run in (by_sqlite3, by_rust):
        conn = connect(tmp_path / f"{run.__name__}.db")
        conn.execute(TABLE)
        conn.create_collation("odd", raising)
        conn.execute("CREATE TABLE sorted (a TEXT COLLATE odd, b)")
        conn.create_function("bad", 1, raising)
        if what == "function":
            conn.execute("CREATE TRIGGER calls AFTER INSERT ON t BEGIN SELECT bad(NEW.a); END")
        elif what == "collation":
            conn.execute("CREATE TRIGGER sorts AFTER INSERT ON t BEGIN DELETE FROM sorted WHERE a = 'x'; END")
            conn.execute("INSERT INTO sorted VALUES ('y', 1)")
            conn.commit()
        elif what == "trace":
            conn.set_trace_callback(raising)
        elif what == "authorizer":
            conn.set_authorizer(raising)
        else:
            conn.set_progress_handler(raising, 1)
        told = [described(run(conn, rows((1, 1), (2, 2)))), described(run(conn, rows((3, 3))))]
        conn.set_trace_callback(None)
        conn.set_authorizer(None)
        conn.set_progress_handler(None, 0)
        in_transaction = conn.in_transaction
        conn.close()
        seen.append((told, in_transaction, contents(tmp_path / f"{run.__name__}.db")[:1]))
    assert seen[0] == seen[1]


def test_an_error_that_a_collation_left_is_raised_by_a_read(conn):
    conn.create_collation("odd", raising)
    conn.execute("INSERT INTO t VALUES (1, 'a')")
    query = "SELECT 'T', 'C' FROM t WHERE b = 'b' COLLATE odd"
    with pytest.raises(ValueError, match="from Python"):
        conn.execute(query)
    with pytest.raises(ValueError, match="from Python"):
        found(conn, query)
    assert found(conn, "SELECT 'T', 'C'") == ("T", "C")


# --- closing ---

CLOSING = """
import sqlite3, sys, threading, time
from beside_stock.statements import *
bound()
sys.setswitchinterval(1e-5)
allowed = {{"Cannot operate on a closed database.", "None"}}
wrong = []
for turn in range(150):
    path = {path!r} + str(turn % 3)
    conn = connect(path)
    conn.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b)")
    conn.execute("PRAGMA synchronous = 0")
    acknowledged = []
    started = threading.Event()

    def write():
        for n in range(1000):
            started.set()
            key = turn * 10_000 + n
            error = by_rust(conn, rows((key, bytes(500))))
            if error is None:
                acknowledged.append(key)
                continue
            if str(error) not in allowed or type(error) is not sqlite3.ProgrammingError:
                wrong.append(error)
            return

    def read():
        try:
            while True:
                found(conn, "SELECT 'T', 'C', count(*) FROM t")
        except sqlite3.ProgrammingError as error:
            if str(error) not in allowed:
                wrong.append(error)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(turn % 5 / 1000)
    conn.close()
    for thread in threads:
        thread.join()
    kept = {{row[0] for row in contents(path)}}
    if not kept.issuperset(acknowledged):
        wrong.append(sorted(set(acknowledged) - kept))
print(wrong)
"""


def test_a_connection_closed_by_another_thread_meanwhile_is_closed_and_no_crash(tmp_path):
    done = in_new_process(CLOSING.format(path=str(tmp_path / "test")), "-X", "dev", common=False, timeout=LONG * 4)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


ENDING = """
import threading
from beside_stock.statements import *
bound()
conn = connect({path!r})
conn.execute(TABLE)
conn.execute("PRAGMA synchronous = 0")
started = threading.Event()

def work():
    n = 0
    while True:
        n += 1
        by_rust(conn, rows((n, bytes(5000))))
        started.set()

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
started.wait()
"""


def test_an_interpreter_ends_while_daemon_threads_are_writing(tmp_path):
    for turn in range(5):
        done = in_new_process(ENDING.format(path=str(tmp_path / f"{turn}.db")), common=False, timeout=LONG)
        assert (done.returncode, done.stderr) == (0, "")


# --- memory ---

GROWTH = """
import gc
from fast_langgraph import _native
from beside_stock.statements import *
bound()

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096

conn = connect({path!r})
conn.execute(TABLE)
conn.execute("PRAGMA synchronous = 0")
conn.execute("PRAGMA journal_mode = MEMORY").fetchall()
conn.commit()
value = bytes(20_000)
REPLACE = "INSERT OR REPLACE INTO t VALUES (?, ?)"
query = "SELECT 'T', 'C', a, '', b FROM t WHERE ?1 <> ?2"

def turns(count):
    for n in range(count):
        _native.execute(conn, [Operation([(REPLACE, [(n % 10, value)])]), Operation([(INSERT, [(n % 10, value)])])])
        _native.fetch_checkpoint(conn, query, ("t", "n"), "SELECT ?1, ?2, ?3, x'00'")
        for odd in (lambda: Operation([(INSERT, [(object(), value)])]),
                    lambda: _native.fetch_checkpoint(conn, "SELECT nosuch", (), "SELECT 1")):
            try:
                odd()
            except (TypeError, sqlite3.OperationalError):
                pass

turns(2_000)
before = resident()
turns(20_000)
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_on_good_paths_or_bad(tmp_path):
    done = in_new_process(GROWTH.format(path=str(tmp_path / "test.db")), common=False)
    assert (done.returncode, done.stderr) == (0, "")
    # A leak of one value in a hundred turns would be 4 MB.
    assert int(done.stdout) < 2_000_000
