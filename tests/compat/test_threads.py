"""Many threads and tasks: none loses anything, none waits for ever."""

from __future__ import annotations

import asyncio
import random
import sqlite3

import aiosqlite
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.codec import stock_dumps_typed
from beside_stock.new_process import in_new_process
from beside_stock.sites import runs_native
from beside_stock.stories import all_rows
from samples import graphs
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, checkpoint_id, config
from samples.messages import conversations
from threads import all_at_once

THREADS = 16


@pytest.fixture
def conn(tmp_path):
    conn = sqlite3.connect(tmp_path / "test.db", check_same_thread=False)
    yield conn
    conn.close()


def test_threads_that_each_have_their_conversation_lose_nothing(conn):
    saver = SqliteSaver(conn)

    def work(n):
        for i in range(25):
            written = saver.put(config(str(n)), checkpoint(i, text=f"{n}-{i}" * 50), METADATA, {})
            saver.put_writes(written, WRITES, f"task{i}")
            saver.put_writes(written, SPECIAL, f"task{i}")
            found = saver.get_tuple(config(str(n)))
            assert found.checkpoint["id"] == checkpoint_id(i)
            assert found.checkpoint["channel_values"]["text"] == f"{n}-{i}" * 50
            assert len(found.pending_writes) == 5

    with runs_native("SqliteSaver.put", "SqliteSaver.put_writes", "SqliteSaver.get_tuple"):
        all_at_once(work, THREADS)
    rows = all_rows(conn)
    assert len(rows["checkpoints"]) == THREADS * 25
    assert len(rows["writes"]) == THREADS * 25 * 5
    assert not conn.in_transaction


def test_threads_leave_the_rows_that_stock_s_leave(tmp_path):
    rows = []
    for stock in (True, False):
        conn = sqlite3.connect(tmp_path / f"{stock}.db", check_same_thread=False)
        saver = SqliteSaver(conn)
        (fast_langgraph.unpatch if stock else fast_langgraph.patch)()

        def work(n, saver=saver):
            for i in range(10):
                saver.put(config(str(n)), checkpoint(i), METADATA, {})
                saver.put_writes(config(str(n), at=i), WRITES, "t")

        all_at_once(work, THREADS)
        rows.append(all_rows(conn))
        conn.close()
    assert rows[0] == rows[1]


def test_threads_that_fail_fail_alone(conn):
    saver = SqliteSaver(conn)
    conn.execute("CREATE TABLE own (a)")

    def work(n):
        for i in range(20):
            if n % 4 == 0:
                with pytest.raises(sqlite3.IntegrityError):
                    saver.put(config(str(n)), {**checkpoint(i), "id": None}, METADATA, {})
            elif n % 4 == 1:
                with pytest.raises(TypeError):
                    saver.put(config(str(n)), checkpoint(i, bad=object()), METADATA, {})
            elif n % 4 == 2:
                with pytest.raises(sqlite3.IntegrityError):
                    saver.put_writes(config(str(n), at=i), SPECIAL, None)
            saver.put(config(f"good {n}"), checkpoint(i), METADATA, {})
            assert saver.get_tuple(config(f"good {n}")).checkpoint["id"] == checkpoint_id(i)

    all_at_once(work, THREADS)
    rows = conn.execute("SELECT thread_id, count(*) FROM checkpoints GROUP BY 1").fetchall()
    assert sorted(rows) == sorted((f"good {n}", 20) for n in range(THREADS))
    assert not conn.in_transaction


def test_threads_that_read_list_delete_and_write_at_once_end(conn):
    saver = SqliteSaver(conn)
    saver.put(config("kept"), checkpoint(0), METADATA, {})

    def work(n):
        chance = random.Random(n)
        for i in range(40):
            what = chance.randrange(5)
            if what == 0:
                assert [found.config for found in saver.list(config("kept"))]
            elif what == 1:
                assert saver.get_tuple(config("kept")).checkpoint["id"] == checkpoint_id(0)
            elif what == 2:
                saver.delete_thread(str(n))
                assert saver.get_tuple(config(str(n))) is None
            else:
                saver.put(config(str(n)), checkpoint(i), METADATA, {})
                saver.put_writes(config(str(n), at=i), WRITES, "t")

    all_at_once(work, THREADS)
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_threads_with_a_saver_each_on_one_file_lose_nothing(tmp_path):
    path = tmp_path / "test.db"
    SqliteSaver(sqlite3.connect(path)).setup()

    def work(n):
        conn = sqlite3.connect(path, timeout=60)
        saver = SqliteSaver(conn)
        for i in range(20):
            saver.put(config(str(n)), checkpoint(i), METADATA, {})
            assert saver.get_tuple(config(str(n))).checkpoint["id"] == checkpoint_id(i)
        conn.close()

    all_at_once(work, 8)
    conn = sqlite3.connect(path)
    assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (160,)
    conn.close()


CLOSED = """
    import sqlite3, tempfile, threading
    from langgraph.checkpoint.sqlite import SqliteSaver
    from samples.checkpoints import METADATA, checkpoint, checkpoint_id, config
    from threads import all_at_once
    fast_langgraph.patch()
    with tempfile.TemporaryDirectory() as directory:
        for turn in range(20):
            path = f"{directory}/{turn}.db"
            conn = sqlite3.connect(path, check_same_thread=False)
            saver = SqliteSaver(conn)
            saver.setup()
            acknowledged = []

            def work(n):
                if n == 0:
                    for _ in range(20):
                        saver.get_tuple(config())
                    conn.close()
                    return
                for i in range(200):
                    try:
                        saver.put(config(str(n)), checkpoint(i), METADATA, {})
                        saver.get_tuple(config(str(n)))
                    except (sqlite3.ProgrammingError, sqlite3.OperationalError) as error:
                        errors.add(str(error))
                        return
                    acknowledged.append((str(n), checkpoint_id(i)))

            errors = set()
            all_at_once(work, 5)
            check = sqlite3.connect(path)
            kept = set(check.execute("SELECT thread_id, checkpoint_id FROM checkpoints"))
            assert set(acknowledged) <= kept
            assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            check.close()
    print("done")
"""


def test_a_connection_closed_under_its_threads_ends_them_and_loses_nothing():
    """Stock's sqlite3 may crash here, so there is nothing to compare with."""
    done = in_new_process(CLOSED)
    assert (done.stdout, done.returncode) == ("done\n", 0), done


def test_a_sql_function_that_needs_the_gil_does_not_hang_the_threads(conn):
    saver = SqliteSaver(conn)
    saver.setup()
    conn.create_function("slow", 1, lambda value: sum(range(2000)) and value)
    conn.execute("CREATE TRIGGER slows AFTER INSERT ON checkpoints BEGIN SELECT slow(NEW.thread_id); END")

    def work(n):
        for i in range(15):
            saver.put(config(str(n)), checkpoint(i), METADATA, {})
            saver.get_tuple(config(str(n)))

    all_at_once(work, 8)
    assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (120,)


def test_threads_that_use_the_connection_beside_the_saver_do_not_hang(conn):
    saver = SqliteSaver(conn)
    saver.setup()
    conn.create_function("mine", 1, lambda value: value * 2)

    def work(n):
        for i in range(25):
            # One thread alone: two that call a function on one connection hang one another in sqlite3 itself,
            # one waiting for the GIL with the mutex, the other for the mutex with the GIL.
            if n:
                saver.put(config(str(n)), checkpoint(i), METADATA, {})
                saver.get_tuple(config(str(n)))
            else:
                assert conn.execute("SELECT mine(?)", (i,)).fetchone() == (i * 2,)

    all_at_once(work, 8)


def test_a_codec_shared_by_threads_gives_each_its_own_bytes():
    serde = JsonPlusSerializer()
    state = conversations()["messages in a dict"]()
    expected = stock_dumps_typed(serde, state)

    def work(n):
        mine = {"n": n, "text": str(n) * 1000, "state": state}
        wanted = stock_dumps_typed(serde, mine)
        for _ in range(30):
            assert serde.dumps_typed(mine) == wanted
            assert serde.dumps_typed(state) == expected
            assert serde.loads_typed(wanted)["text"] == str(n) * 1000
            assert serde.loads_typed(expected)["messages"] == state["messages"]

    all_at_once(work, 8)


def test_graphs_in_threads_each_reach_their_end(conn):
    app = graphs.agent().compile(checkpointer=SqliteSaver(conn))

    def work(n):
        for i in range(3):
            given = {"messages": [HumanMessage(f"{n} {i}", id=f"q{i}")]}
            result = app.invoke(given, {"configurable": {"thread_id": str(n)}})
            assert len(result["messages"]) == 4 * (i + 1)

    all_at_once(work, 8)


def test_many_tasks_on_an_async_saver_lose_nothing(tmp_path):
    async def run():
        async with aiosqlite.connect(tmp_path / "test.db") as conn:
            saver = AsyncSqliteSaver(conn)

            async def work(n):
                for i in range(10):
                    await saver.aput(config(str(n)), checkpoint(i), METADATA, {})
                    await saver.aput_writes(config(str(n), at=i), WRITES, "t")
                    found = await saver.aget_tuple(config(str(n)))
                    assert found.checkpoint["id"] == checkpoint_id(i)
                    assert len(found.pending_writes) == 3

            with runs_native("AsyncSqliteSaver.aput", "AsyncSqliteSaver.aput_writes", "AsyncSqliteSaver.aget_tuple"):
                await asyncio.gather(*(work(n) for n in range(40)))

    asyncio.run(run())
    conn = sqlite3.connect(tmp_path / "test.db")
    assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (400,)
    assert conn.execute("SELECT count(*) FROM writes").fetchone() == (1200,)
    conn.close()
