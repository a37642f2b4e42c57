"""Patched savers on files in the compact layout: which way they take, and whose file, connection and transaction it is.

That rows and results are stock's is shown by ``test_runs.py`` and by every story: they are told in both layouts.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import random
import shutil
import sqlite3
import threading
from contextlib import closing
from functools import partial

import aiosqlite
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.sqlite import SqliteStore

import fast_langgraph
from beside_stock.graph_runs import question
from beside_stock.new_process import in_new_process
from beside_stock.stories import all_rows
from fast_langgraph import RustSQLiteCheckpointer, _native
from samples import graphs
from samples.checkpoints import METADATA, WRITES, checkpoint, config
from samples.graphs import CONFIG
from threads import all_at_once, at_once

SERDE = JsonPlusSerializer()
NOT_WORTH_IT = "nothing in it is worth being a piece"


def messages(count, seed=0):
    """As many messages; those of a smaller count are the first of them."""
    return [
        (HumanMessage if n % 2 else AIMessage)(
            content=f"{seed} {n} " + random.Random(n).randbytes(150).hex(), id=f"{n}"
        )
        for n in range(count)
    ]


def put(saver, n, thread="1", said=None, parent=None):
    """Puts checkpoint ``n``, by default with ``n`` messages and ``n - 1`` as its parent."""
    at = parent if parent is not None else n - 1 if n else None
    said = messages(n) if said is None else said
    return saver.put(config(thread, at=at), checkpoint(n, messages=said), {**METADATA, "step": n}, {})


def is_that(found, n, said):
    """Whether what was found is checkpoint ``n``, byte for byte."""
    return SERDE.dumps_typed(found.checkpoint) == SERDE.dumps_typed(checkpoint(n, messages=said))


def compact(path):
    with closing(sqlite3.connect(path)) as conn:
        assert _native.make_compact(conn) is None
    return path


def layout(path):
    with closing(sqlite3.connect(path)) as conn:
        found = conn.execute("SELECT type FROM sqlite_master WHERE name = 'checkpoints'").fetchone()
        return {"view": "compact", "table": "standard"}[found[0]]


def done(path):
    """What status() says of the file: puts in pieces, puts whole by reason, reads."""
    file = fast_langgraph.status().compact.get(os.path.realpath(path))
    return (file.in_pieces, dict(file.whole), file.read) if file else (0, {}, 0)


@pytest.fixture
def path(tmp_path):
    return compact(tmp_path / "test.db")


@pytest.fixture
def conn(path):
    with closing(sqlite3.connect(path, check_same_thread=False)) as conn:
        yield conn


@pytest.fixture
def saver(conn):
    return SqliteSaver(conn)


def read_back(path, expected, thread="1"):
    """Every checkpoint is what was put, as stock reads it through the view and as the checkpointer reads it."""
    with (
        fast_langgraph.disabled(),
        SqliteSaver.from_conn_string(str(path)) as stock,
        RustSQLiteCheckpointer(path) as ours,
    ):
        for n, said in expected.items():
            for reader in (stock, ours):
                found = reader.get_tuple(config(thread, at=n))
                assert is_that(found, n, said)
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# --- which way ---


def test_only_what_is_new_is_stored(saver, path):
    for n in range(40):
        put(saver, n)
    assert done(path)[0] == 39
    sizes = [size for (size,) in saver.conn.execute("SELECT length(checkpoint) FROM fl_checkpoints ORDER BY rowid")]
    assert max(sizes) < 700
    assert saver.conn.execute("SELECT sum(length(bytes)) FROM fl_pieces").fetchone()[0] < 40 * 700
    read_back(path, {n: messages(n) for n in range(40)})


def test_an_async_saver_stores_only_what_is_new(path):
    async def run():
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            for n in range(20):
                at = n - 1 if n else None
                await saver.aput(config(at=at), checkpoint(n, messages=messages(n)), METADATA, {})
            return await saver.aget_tuple(config())

    assert is_that(asyncio.run(run()), 19, messages(19))
    assert done(path)[0] == 19
    assert done(path)[2] == 1
    read_back(path, {n: messages(n) for n in range(20)})


def test_a_read_does_not_use_the_view(saver, path):
    for n in range(5):
        put(saver, n)
    seen = []
    saver.conn.set_trace_callback(seen.append)
    found = [saver.get_tuple(config(at=n)) for n in range(5)]
    saver.conn.set_trace_callback(None)
    assert [len(one.checkpoint["channel_values"]["messages"]) for one in found] == list(range(5))
    assert seen
    assert not [text for text in seen if "FROM checkpoints" in text]
    assert done(path)[2] == 5


def test_what_another_saver_of_the_process_has_put_is_not_read_again(path):
    with SqliteSaver.from_conn_string(str(path)) as one, SqliteSaver.from_conn_string(os.path.relpath(path)) as other:
        put(one, 30, parent=29)
        other.get_tuple(config())
        seen = []
        other.conn.set_trace_callback(seen.append)
        put(other, 31)
        found = other.get_tuple(config(at=31))
        assert len(found.checkpoint["channel_values"]["messages"]) == 31
        assert not [text for text in seen if text.startswith("SELECT bytes FROM fl_pieces")]
    read_back(path, {30: messages(30), 31: messages(31)})


def test_savers_and_checkpointers_of_a_process_share_what_is_in_memory(path):
    with RustSQLiteCheckpointer(path) as own, SqliteSaver.from_conn_string(str(path)) as saver:
        own.setup()
        put(saver, 30, parent=29)
        before = own.stats().counters["cache_hits"]
        put(own, 31)
        assert own.stats().counters["cache_hits"] == before + 1
        seen = []
        saver.conn.set_trace_callback(seen.append)
        put(saver, 32)
        assert is_that(saver.get_tuple(config(at=32)), 32, messages(32))
        assert not [text for text in seen if text.startswith("SELECT bytes FROM fl_pieces")]
    read_back(path, {n: messages(n) for n in (30, 31, 32)})


def test_a_database_in_memory_keeps_what_is_new():
    with SqliteSaver.from_conn_string(":memory:") as saver:
        fast_langgraph.patch(layout="compact")
        before = fast_langgraph.status().compact.get(":memory:")
        for n in range(10):
            put(saver, n)
        after = fast_langgraph.status().compact[":memory:"]
        assert after.in_pieces - (before.in_pieces if before else 0) == 9
        assert saver.conn.execute("SELECT sum(length(bytes)) FROM fl_pieces").fetchone()[0] < 10 * 700


def test_a_state_without_pieces_is_put_whole_and_counted(saver, path):
    saver.put(config(), checkpoint(0, text="small"), METADATA, {})
    assert done(path) == (0, {NOT_WORTH_IT: 1}, 0)
    assert saver.get_tuple(config()).checkpoint["channel_values"]["text"] == "small"


def test_the_files_that_were_used_last_are_counted_by_name(tmp_path):
    def all_puts():
        return sum(file.in_pieces for file in fast_langgraph.status().compact.values())

    before = all_puts()
    paths = [compact(tmp_path / f"{n}.db") for n in range(70)]
    for path in paths:
        with SqliteSaver.from_conn_string(str(path)) as saver:
            put(saver, 3, parent=2)
    names = list(fast_langgraph.status().compact)
    assert names[:64] == [os.path.realpath(path) for path in paths[:5:-1]]
    assert names[64:] == ["others"]
    assert all_puts() == before + 70
    assert "and 60 more in the compact layout" in " ".join(repr(fast_langgraph.status()).split())


def test_delete_thread_deletes_the_pieces(saver, path):
    for thread in ("1", "2"):
        for n in range(5):
            put(saver, n, thread)
            saver.put_writes(config(thread, at=n), WRITES, "task")
    left = saver.conn.execute("SELECT count(*) FROM fl_pieces").fetchone()[0]
    saver.delete_thread("1")
    assert saver.conn.execute("SELECT count(*) FROM fl_pieces").fetchone()[0] == left // 2
    assert saver.conn.execute("SELECT thread_id FROM fl_threads").fetchall() == [("2",)]
    assert {row[0] for row in saver.conn.execute("SELECT thread_id FROM writes")} == {"2"}
    put(saver, 5, "1", parent=4)
    read_back(path, {5: messages(5)}, "1")
    read_back(path, {n: messages(n) for n in range(5)}, "2")


@pytest.mark.parametrize("way", ["row_factory", "subclass", "wrapper"])
def test_what_only_sqlite3_can_do_goes_through_the_view(path, way):
    class Connection(sqlite3.Connection):
        pass

    with closing(sqlite3.connect(path, factory=Connection if way == "subclass" else sqlite3.Connection)) as conn:
        saver = SqliteSaver(conn)
        if way == "row_factory":
            conn.row_factory = lambda cursor, row: tuple(row)
        if way == "wrapper":
            saver.setup = lambda: SqliteSaver.setup(saver)
        for n in range(5):
            put(saver, n)
        assert done(path) == (0, {}, 0)
        assert conn.execute("SELECT count(*) FROM fl_checkpoints WHERE ranges IS NULL").fetchone()[0] == 5
    read_back(path, {n: messages(n) for n in range(5)})


def test_unpatched_disabled_and_copied_savers_go_on_in_one_file(saver, path):
    """And a checkpoint that one of them put is the parent of one that another puts."""
    for n in range(24):
        if n % 4 == 0:
            put(saver, n)
        elif n % 4 == 1:
            with fast_langgraph.disabled():
                put(saver, n)
        elif n % 4 == 2:
            put(copy.copy(saver), n)
        else:
            fast_langgraph.unpatch()
            put(saver, n)
            fast_langgraph.patch()
    assert done(path)[0] == 12 - 1  # the first has no messages
    read_back(path, {n: messages(n) for n in range(24)})


# --- transactions ---


@pytest.mark.parametrize("level", ["", "IMMEDIATE", "EXCLUSIVE", None])
def test_a_trace_callback_sees_one_transaction_for_each_put(path, level):
    with closing(sqlite3.connect(path, isolation_level=level)) as conn:
        saver = SqliteSaver(conn)
        saver.setup()
        seen = []
        conn.set_trace_callback(seen.append)
        for n in range(3):
            seen.clear()
            put(saver, n, parent=None)
            begin, *between, commit = seen
            assert begin.startswith("BEGIN")
            assert commit == "COMMIT"
            assert not [text for text in between if text.startswith(("BEGIN", "COMMIT"))]
            assert [text for text in between if text.startswith("INSERT OR IGNORE INTO fl_checkpoints")]
            assert not conn.in_transaction


def test_a_transaction_that_the_app_rolls_back_leaves_nothing_in_memory(saver, conn, path):
    """The saver's put fails after its row was written; what it stored must not be taken for stored."""
    put(saver, 5)
    conn.execute(
        "CREATE TRIGGER fails AFTER INSERT ON fl_checkpoints WHEN NEW.checkpoint_id LIKE '%6' "
        "BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
    )
    conn.commit()
    with pytest.raises(sqlite3.IntegrityError, match="no"):
        put(saver, 6)
    conn.execute("DROP TRIGGER fails")
    conn.commit()
    put(saver, 7, parent=5)
    put(saver, 8)
    read_back(path, {5: messages(5), 7: messages(7), 8: messages(8)})


def test_another_thread_that_rolls_back_in_between_costs_no_piece(conn, path):
    """A store on the same connection has a lock of its own."""
    saver = SqliteSaver(conn)
    stop = threading.Event()

    def interfere():
        while not stop.is_set():
            try:
                conn.rollback()
            except Exception:  # of any kind: sqlite3 reads messages that another thread has replaced
                pass

    thread = threading.Thread(target=interfere)
    thread.start()
    try:
        for n in range(150):
            try:
                put(saver, n)
            except sqlite3.Error:
                pass
    finally:
        stop.set()
        thread.join()
    put(saver, 150)
    with fast_langgraph.disabled():
        found = {int(one.checkpoint["id"][-12:], 16): one for one in SqliteSaver(conn).list(config())}
    assert 150 in found
    for n, one in found.items():
        assert is_that(one, n, messages(n))


def test_a_store_on_the_same_connection_goes_on(conn, path):
    saver, store = SqliteSaver(conn), SqliteStore(conn)
    # The tables are made first: of two threads on a connection, CPython may take one's error for the other's.
    store.setup()
    saver.setup()
    errors = []

    def work(name, do):
        try:
            for n in range(60):
                do(n)
        except Exception as error:
            errors.append((name, error))

    at_once(
        partial(work, "saver", lambda n: put(saver, n, "saver")),
        partial(work, "store", lambda n: store.put(("a",), str(n), {"n": n})),
    )
    # What is an error on stock, where both begin a transaction, is one here as well. sqlite3 asks for its text later,
    # when another thread's statement may have gone well.
    assert all("transaction" in str(error) or str(error) == "not an error" for _, error in errors), errors
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_two_savers_on_one_connection_put_from_two_threads(conn, path):
    errors = []

    def work(thread, saver):
        for n in range(40):
            for _ in range(100):
                try:
                    put(saver, n, thread)
                    break
                except sqlite3.OperationalError as error:
                    # Each has a lock of its own, and both begin: as with stock.
                    if "within a transaction" not in str(error):
                        errors.append(error)
                        return

    # The tables are made first, as above: setup() counts on an error of its ALTER TABLE.
    savers = [SqliteSaver(conn) for _ in range(2)]
    for saver in savers:
        saver.setup()
    at_once(*(partial(work, str(n), saver) for n, saver in enumerate(savers)))
    assert errors == []
    assert done(path)[0] > 40
    for n in range(2):
        read_back(path, {n: messages(n) for n in range(40)}, str(n))


def test_a_cache_and_a_store_in_the_same_file_go_on(path):
    cache = SqliteCache(path=str(path))
    with SqliteSaver.from_conn_string(str(path)) as saver, SqliteStore.from_conn_string(str(path)) as store:
        store.setup()
        for n in range(10):
            put(saver, n)
            cache.set({(("a",), str(n)): (n, None)})
            store.put(("a",), str(n), {"n": n})
        assert cache.get([(("a",), "9")]) == {(("a",), "9"): 9}
        assert store.get(("a",), "9").value == {"n": 9}
    read_back(path, {n: messages(n) for n in range(10)})


def test_a_full_disk_loses_nothing_that_was_acknowledged(path, conn, saver):
    acknowledged = {}
    conn.execute(f"PRAGMA max_page_count = {conn.execute('PRAGMA page_count').fetchone()[0] + 40}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for n in range(1000):
            put(saver, n, said=messages(n, seed=n))
            acknowledged[n] = messages(n, seed=n)
    assert len(acknowledged) > 5
    assert not conn.in_transaction
    conn.execute("PRAGMA max_page_count = 1000000")
    n = len(acknowledged)
    put(saver, n, said=messages(n))
    read_back(path, {**acknowledged, n: messages(n)})


def test_a_locked_file_is_an_error_of_stock(path):
    with closing(sqlite3.connect(path, timeout=0.05)) as conn, closing(sqlite3.connect(path)) as other:
        saver = SqliteSaver(conn)
        put(saver, 3, parent=2)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="database is locked") as raised:
            put(saver, 4)
        if hasattr(raised.value, "sqlite_errorname"):
            assert raised.value.sqlite_errorname == "SQLITE_BUSY"
        assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(3)["id"]
        other.rollback()
        put(saver, 4)
    read_back(path, {3: messages(3), 4: messages(4)})


def test_an_authorizer_that_names_the_table_is_obeyed(saver, conn, path):
    put(saver, 3, parent=2)

    def denies(table):
        conn.set_authorizer(lambda code, about, *more: sqlite3.SQLITE_DENY if about == table else sqlite3.SQLITE_OK)

    denies("checkpoints")
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        put(saver, 4)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        saver.delete_thread("1")
    # Pieces may not be stored: the row is put whole, through the view.
    denies("fl_pieces")
    put(saver, 5, parent=3, said=messages(9))
    conn.set_authorizer(lambda *about: sqlite3.SQLITE_OK)  # None takes it off only from Python 3.11 on
    assert list(done(path)[1]) == ["pieces can't be stored in this file, or not with this connection"]
    assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (2,)
    read_back(path, {3: messages(3), 5: messages(9)})


def test_total_changes_counts_and_no_cursor_of_the_app_is_touched(saver, conn):
    put(saver, 3, parent=2)
    cursor = conn.execute("SELECT thread_id FROM fl_checkpoints")
    before = conn.total_changes
    put(saver, 4)
    assert conn.total_changes > before
    assert cursor.fetchall()


# --- whose file ---


@pytest.mark.parametrize("to", ["standard", "compact"])
def test_another_process_converts_in_between(path, to):
    first = "compact" if to == "standard" else "standard"
    with RustSQLiteCheckpointer(path) as other, SqliteSaver.from_conn_string(str(path)) as saver:
        other.convert(first)
        for n in range(20):
            put(saver, n)
            assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(n)["id"]
            if n % 4 == 3:
                other.convert(to if n % 8 == 3 else first)
    read_back(path, {n: messages(n) for n in range(20)})


def test_a_file_that_is_being_converted_takes_whole_rows(path, saver, conn):
    put(saver, 3, parent=2)
    conn.execute("CREATE TABLE fl_closing (x)")
    put(saver, 4)
    assert done(path)[1] == {"the file is being converted": 1}
    assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(4)["id"]
    read_back(path, {3: messages(3), 4: messages(4)})


def restored_by_sqlite(path, backup):
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


@pytest.mark.parametrize("restore", [restored_by_sqlite, lambda path, backup: shutil.copyfile(backup, path)])
def test_a_backup_that_is_copied_into_the_file_is_not_mixed_with_what_was_there(path, tmp_path, restore):
    """It has the same threads with the same numbers and epochs, perhaps the same schema version, and other pieces."""
    backup = tmp_path / "backup.db"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        for n in range(4):
            put(saver, n)
    shutil.copyfile(path, backup)
    with SqliteSaver.from_conn_string(str(path)) as before:
        for n in range(4, 8):
            put(before, n)
    restore(path, backup)
    # The saver that had the file before is still there, and so is what it has in memory.
    with SqliteSaver.from_conn_string(str(path)) as saver:
        assert saver.get_tuple(config()).checkpoint["id"] == checkpoint(3)["id"]
        put(saver, 8, parent=7)
        put(saver, 9, said=messages(9, seed=1))
        put(saver, 10, said=messages(10, seed=1))
        assert saver.conn is not before.conn
    read_back(path, {**{n: messages(n) for n in range(4)}, 8: messages(8), 9: messages(9, 1), 10: messages(10, 1)})


def test_a_file_that_takes_the_place_of_another_is_not_mixed_with_it(path, tmp_path):
    with SqliteSaver.from_conn_string(str(path)) as first:
        for n in range(6):
            put(first, n)
        first.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(path, tmp_path / "copy.db")
        for n in range(6, 9):
            put(first, n)
        os.replace(tmp_path / "copy.db", path)
        for companion in ("-wal", "-shm"):
            (tmp_path / f"test.db{companion}").unlink()
        with SqliteSaver.from_conn_string(str(path)) as second:
            for n in range(6, 12):
                put(second, n, said=messages(n, seed=2))
                put(first, n + 10)
    read_back(path, {**{n: messages(n) for n in range(6)}, **{n: messages(n, seed=2) for n in range(6, 12)}})


def test_prune_by_another_checkpointer_in_between_costs_no_piece(path):
    with RustSQLiteCheckpointer(path) as other, SqliteSaver.from_conn_string(str(path)) as saver:
        for n in range(30):
            put(saver, n, said=messages(30)[n % 7 :][: n % 11 + 1])
            if n % 5 == 4:
                other.prune(["1"], keep_last=2)
    with RustSQLiteCheckpointer(path) as ours:
        kept = list(ours.list(config()))
    assert len(kept) == 2
    read_back(path, {n: messages(30)[n % 7 :][: n % 11 + 1] for n in (28, 29)})


def test_a_fork_in_the_middle_leaves_both_sides_working(path):
    finished = in_new_process(f"""
        import os, sys
        import fast_langgraph
        fast_langgraph.patch()
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, checkpoint, config
        said = lambda n: [f"{{i}} " + "word " * 50 for i in range(n)]
        def put(saver, thread, n):
            saver.put(config(thread, at=n - 1), checkpoint(n, messages=said(n)), METADATA, {{}})
        with SqliteSaver.from_conn_string({str(path)!r}) as saver:
            for n in range(5):
                put(saver, "parent", n)
        child = os.fork()
        with SqliteSaver.from_conn_string({str(path)!r}) as saver:
            for n in range(5, 10):
                put(saver, "parent" if child else "child", n)
            assert len(saver.get_tuple(config("parent" if child else "child")).checkpoint["channel_values"]["messages"]) == 9
        if child:
            assert os.waitpid(child, 0)[1] == 0
            print("done")
    """)
    assert finished.stdout == "done\n", finished


# --- conversations ---


def test_a_conversation_goes_on_over_a_hundred_switches(path, tmp_path):
    """Stock, patched and own savers in turns on one file, beside stock alone on its own."""
    order = random.Random(19)
    app = graphs.agent()

    def sides():
        yield "patched", SqliteSaver.from_conn_string(str(path))
        yield "stock", SqliteSaver.from_conn_string(str(path))
        yield "own", RustSQLiteCheckpointer(path)

    expected = []
    with fast_langgraph.disabled(), SqliteSaver.from_conn_string(str(tmp_path / "stock.db")) as stock:
        for n in range(100):
            result = app.compile(checkpointer=stock).invoke(question(n), CONFIG)
            expected.append([message.content for message in result["messages"]])
    for n in range(100):
        side, opened = order.choice(list(sides()))
        with opened as saver:
            compiled = app.compile(checkpointer=saver)
            if side == "stock":
                with fast_langgraph.disabled():
                    result = compiled.invoke(question(n), CONFIG)
            else:
                result = compiled.invoke(question(n), CONFIG)
        assert [message.content for message in result["messages"]] == expected[n], (n, side)
    with SqliteSaver.from_conn_string(str(path)) as saver:
        assert len(list(saver.list(CONFIG))) == 500
        states = list(app.compile(checkpointer=saver).get_state_history(CONFIG))
    lengths = [len(state.values.get("messages", [])) for state in states]
    assert lengths == sorted(lengths, reverse=True)
    assert done(path)[0] > 100


# --- new files ---


def test_a_new_file_is_compact_if_it_is_asked_for(tmp_path):
    fast_langgraph.patch(layout="compact")
    with SqliteSaver.from_conn_string(str(tmp_path / "sync.db")) as saver:
        assert list(saver.list(None)) == []
        put(saver, 3, parent=2)
        assert saver.conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert saver.conn.execute("PRAGMA legacy_alter_table").fetchone() == (0,)

    async def run():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "async.db")) as saver:
            await saver.setup()
            await saver.aput(config(), checkpoint(3, messages=messages(3)), METADATA, {})

    asyncio.run(run())
    with RustSQLiteCheckpointer(tmp_path / "own.db") as ours:
        put(ours, 3, parent=2)
        assert ours.stats().layout == "compact"
    with RustSQLiteCheckpointer(tmp_path / "own first.db", layout="standard") as ours:
        assert ours.stats().layout == "standard"
    for name in ("sync.db", "async.db", "own.db"):
        assert layout(tmp_path / name) == "compact", name
        read_back(tmp_path / name, {3: messages(3)})
    assert layout(tmp_path / "own first.db") == "standard"
    found = fast_langgraph.status()
    assert found.layout == "compact"
    assert found.sites["SqliteSaver.setup"].state == "active"
    assert "new files are made in the compact layout" in " ".join(repr(found).split())
    assert "is compact: 1 checkpoints put in pieces" in " ".join(repr(found).split())


def test_a_file_that_exists_keeps_its_layout(tmp_path, path):
    standard = tmp_path / "standard.db"
    with SqliteSaver.from_conn_string(str(standard)) as saver:
        put(saver, 1)
    fast_langgraph.patch(layout="compact")
    for n in range(2, 4):
        with SqliteSaver.from_conn_string(str(standard)) as saver:
            put(saver, n)
    assert layout(standard) == "standard"
    fast_langgraph.patch(layout="standard")
    with SqliteSaver.from_conn_string(str(path)) as saver:
        put(saver, 3, parent=2)
    assert layout(path) == "compact"


@pytest.mark.parametrize("undo", [fast_langgraph.unpatch, fast_langgraph.patch])
def test_after_unpatch_or_another_patch_new_files_are_standard(tmp_path, undo):
    fast_langgraph.patch(layout="compact")
    undo()
    with SqliteSaver.from_conn_string(str(tmp_path / "new.db")) as saver:
        put(saver, 1)
    assert layout(tmp_path / "new.db") == "standard"
    assert "SqliteSaver.setup" not in fast_langgraph.status().sites


def test_without_a_layout_setup_is_left_as_it_is():
    assert "SqliteSaver.setup" not in fast_langgraph.status().sites
    assert fast_langgraph.status().layout == "standard"
    assert not hasattr(SqliteSaver.setup, "__wrapped__")
    assert not hasattr(AsyncSqliteSaver.setup, "__wrapped__")


def test_an_unknown_layout_is_named(tmp_path):
    with pytest.warns(
        RuntimeWarning, match="'compakt' is not valid and has no effect; valid values are standard, compact"
    ):
        fast_langgraph.patch(layout="compakt")
    assert fast_langgraph.status().layout == "standard"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("UTF-16", "UTF-8"),
        ("row_factory", "row_factory"),
        ("authorizer", "not authorized"),
    ],
)
def test_where_a_new_file_cant_be_compact_it_is_standard_and_says_why(tmp_path, caplog, what, reason):
    fast_langgraph.patch(layout="compact")
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path)) as conn, caplog.at_level(logging.WARNING, "fast_langgraph"):
        if what == "UTF-16":
            conn.execute("PRAGMA encoding = 'UTF-16le'")
        elif what == "row_factory":
            conn.row_factory = lambda cursor, row: tuple(row)
        else:
            conn.set_authorizer(
                lambda code, *about: sqlite3.SQLITE_DENY if "fl_threads" in about else sqlite3.SQLITE_OK
            )
        saver = SqliteSaver(conn)
        put(saver, 1)
        assert len(saver.get_tuple(config()).checkpoint["channel_values"]["messages"]) == 1
        assert conn.execute("PRAGMA legacy_alter_table").fetchone() == (0,)
        conn.set_authorizer(None)
    assert layout(path) == "standard"
    assert [name for name in fast_langgraph.status().sites["SqliteSaver.setup"].fallbacks if reason in name]
    assert what == "row_factory" or "makes files in the standard layout" in caplog.text


def test_an_open_transaction_is_committed_when_a_new_file_is_made(tmp_path):
    fast_langgraph.patch(layout="compact")
    with closing(sqlite3.connect(tmp_path / "new.db")) as conn:
        conn.execute("CREATE TABLE own (x)")
        conn.execute("INSERT INTO own VALUES (1)")
        assert conn.in_transaction
        put(SqliteSaver(conn), 3, parent=2)
        with closing(sqlite3.connect(tmp_path / "new.db")) as other:
            assert other.execute("SELECT * FROM own").fetchall() == [(1,)]
    assert layout(tmp_path / "new.db") == "compact"


def test_many_that_make_the_same_file_at_once_make_one(tmp_path):
    fast_langgraph.patch(layout="compact")
    errors = []
    begin = threading.Barrier(8)

    def make(n):
        try:
            with SqliteSaver.from_conn_string(str(tmp_path / "new.db")) as saver:
                begin.wait()
                put(saver, 4, str(n), parent=3)
        except Exception as error:
            errors.append(error)

    all_at_once(make, 8)
    assert errors == []
    assert layout(tmp_path / "new.db") == "compact"
    for n in range(8):
        read_back(tmp_path / "new.db", {4: messages(4)}, str(n))


def test_a_compact_file_holds_what_sqlite_would_have_made(tmp_path):
    """One transaction: a file has all of the tables or none."""
    with closing(sqlite3.connect(compact(tmp_path / "new.db"))) as conn:
        names = {name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'")}
        assert {"checkpoints", "fl_checkpoints", "fl_pieces", "fl_threads", "writes"} <= names
        assert all_rows(conn) == {"checkpoints": [], "writes": []}


def test_aiosqlite_connections_that_are_not_open_yet_make_compact_files(tmp_path):
    fast_langgraph.patch(layout="compact")

    async def run():
        conn = aiosqlite.connect(tmp_path / "new.db")
        saver = AsyncSqliteSaver(conn)
        await saver.aput(config(), checkpoint(3, messages=messages(3)), METADATA, {})
        await conn.close()

    asyncio.run(run())
    assert layout(tmp_path / "new.db") == "compact"
    read_back(tmp_path / "new.db", {3: messages(3)})
