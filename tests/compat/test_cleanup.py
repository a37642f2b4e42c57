"""An app that tidies its database up beside the running saver loses nothing that was committed."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import aiosqlite
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.new_process import in_new_process
from beside_stock.sites import runs_native
from samples import graphs
from samples.checkpoints import METADATA, WRITES, checkpoint, checkpoint_id, config


def tidy(path, statement):
    """What a clean-up script in the app does: its own connection, opened and closed."""
    conn = sqlite3.connect(path, timeout=60)
    try:
        conn.execute(statement)
        conn.commit()
    finally:
        conn.close()


TIDIES = {
    "open and close": "SELECT 1",
    "read": "SELECT count(*) FROM checkpoints",
    "delete": "DELETE FROM checkpoints WHERE thread_id = 'old'",
    "delete writes": "DELETE FROM writes WHERE thread_id = 'old'",
    "vacuum": "VACUUM",
    "checkpoint": "PRAGMA wal_checkpoint(TRUNCATE)",
    "optimize": "PRAGMA optimize",
}


TURNS = 6


def intact(path):
    conn = sqlite3.connect(path)
    try:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return conn.execute("SELECT thread_id, checkpoint_id FROM checkpoints").fetchall()
    finally:
        conn.close()


@pytest.mark.parametrize("name", TIDIES)
def test_what_was_put_is_there_after_each_clean_up(name, tmp_path):
    path = tmp_path / "test.db"
    conn = sqlite3.connect(path, check_same_thread=False)
    saver = SqliteSaver(conn)
    saver.put(config("old"), checkpoint(1), METADATA, {})
    with runs_native("SqliteSaver.put", "SqliteSaver.put_writes", "SqliteSaver.get_tuple"):
        for n in range(40):
            saver.put(config(), checkpoint(n, text="x" * 3000), METADATA, {})
            tidy(path, TIDIES[name])
            saver.put_writes(config(at=n), WRITES, "t")
            assert saver.get_tuple(config()).checkpoint["id"] == checkpoint_id(n)
            assert len(saver.get_tuple(config(at=n)).pending_writes) == 3
    kept = [row for row in intact(path) if row[0] == "1"]
    assert len(kept) == 40
    conn.close()
    assert len([row for row in intact(path) if row[0] == "1"]) == 40


def test_an_app_and_its_clean_up_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "test.db"
    conn = sqlite3.connect(path, check_same_thread=False, timeout=60)
    saver = SqliteSaver(conn)
    app = graphs.agent().compile(checkpointer=saver)
    saver.setup()
    stop, errors, rounds = threading.Event(), [], []

    def clean():
        while not stop.is_set():
            try:
                for statement in TIDIES.values():
                    tidy(path, statement)
                    stop.wait(0.002)
                rounds.append(1)
            except sqlite3.OperationalError as error:
                # VACUUM and TRUNCATE may find a reader in their way, as beside stock
                if "locked" not in str(error):
                    errors.append(error)
            except BaseException as error:
                errors.append(error)

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for n in range(TURNS):
            for thread in ("a", "b", "old"):
                given = {"messages": [HumanMessage(f"q{n}", id=f"q{n}")]}
                app.invoke(given, {"configurable": {"thread_id": thread}})
    finally:
        stop.set()
        cleaner.join()
    assert errors == []
    assert rounds
    for thread in ("a", "b"):
        state = app.get_state({"configurable": {"thread_id": thread}})
        assert [message.id for message in state.values["messages"] if message.type == "human"] == [
            f"q{n}" for n in range(TURNS)
        ]
    found = [row[0] for row in intact(path)]
    assert found.count("a") == found.count("b") == TURNS * 5
    conn.close()
    assert [row[0] for row in intact(path)].count("a") == TURNS * 5


def test_an_async_app_and_its_clean_up_lose_nothing(tmp_path):
    path = tmp_path / "test.db"

    async def run():
        async with aiosqlite.connect(path, timeout=60) as conn:
            saver = AsyncSqliteSaver(conn)
            with runs_native("AsyncSqliteSaver.aput", "AsyncSqliteSaver.aget_tuple"):
                for n in range(30):
                    put = saver.aput(config(), checkpoint(n, text="x" * 3000), METADATA, {})
                    statement = list(TIDIES.values())[n % len(TIDIES)]
                    await asyncio.gather(put, asyncio.to_thread(tidied, path, statement))
                    assert (await saver.aget_tuple(config())).checkpoint["id"] == checkpoint_id(n)

    def tidied(path, statement):
        try:
            tidy(path, statement)
        except sqlite3.OperationalError as error:
            assert "locked" in str(error)

    asyncio.run(run())
    assert len(intact(path)) == 30


def test_another_process_sees_each_put_at_once_and_may_clean_up(tmp_path):
    path = tmp_path / "test.db"
    conn = sqlite3.connect(path, check_same_thread=False, timeout=60)
    saver = SqliteSaver(conn)
    for n in range(3):
        saver.put(config(), checkpoint(n), METADATA, {})
        done = in_new_process(
            f"""
            import sqlite3
            conn = sqlite3.connect({str(path)!r}, timeout=60)
            print(conn.execute("SELECT count(*), max(checkpoint_id) FROM checkpoints").fetchone())
            conn.execute("VACUUM")
            conn.close()
            """,
            common=False,
        )
        assert done.stdout == f"({n + 1}, '{checkpoint_id(n)}')\n", done
        tidy(path, "SELECT 1")
    conn.close()
    assert len(intact(path)) == 3


def test_what_was_put_survives_a_process_that_is_killed(tmp_path):
    path = tmp_path / "test.db"
    done = in_new_process(f"""
        import os, sqlite3
        from langgraph.checkpoint.sqlite import SqliteSaver
        from samples.checkpoints import METADATA, WRITES, checkpoint, config
        fast_langgraph.patch()
        saver = SqliteSaver(sqlite3.connect({str(path)!r}))
        for n in range(50):
            saver.put(config(), checkpoint(n), METADATA, {{}})
            saver.put_writes(config(at=n), WRITES, "t")
            print(n, flush=True)
        os.kill(os.getpid(), 9)
    """)
    assert done.returncode == -9, done
    acknowledged = len(done.stdout.split())
    assert acknowledged == 50
    assert len(intact(path)) == 50


def test_a_saver_that_is_closed_leaves_no_log_behind(tmp_path):
    path = tmp_path / "test.db"
    conn = sqlite3.connect(path)
    saver = SqliteSaver(conn)
    for n in range(10):
        saver.put(config(), checkpoint(n), METADATA, {})
        saver.get_tuple(config())
        next(iter(saver.list(config())))
    conn.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["test.db"], "a statement was left open"


def test_unpatching_in_the_middle_loses_nothing(tmp_path):
    path = tmp_path / "test.db"
    conn = sqlite3.connect(path, check_same_thread=False)
    saver = SqliteSaver(conn)
    stop, errors = threading.Event(), []

    def switch():
        while not stop.is_set():
            fast_langgraph.unpatch()
            fast_langgraph.patch()

    def work(thread):
        try:
            for n in range(60):
                saver.put(config(thread), checkpoint(n), METADATA, {})
                saver.put_writes(config(thread, at=n), WRITES, "t")
                assert saver.get_tuple(config(thread)).checkpoint["id"] == checkpoint_id(n)
        except BaseException as error:
            errors.append(error)

    switcher = threading.Thread(target=switch)
    workers = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    switcher.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    switcher.join()
    assert errors == []
    assert len(intact(path)) == 240
    conn.close()
