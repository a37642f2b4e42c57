"""The column ``created_at``, and clean-up scripts that the app runs through its own sqlite3 meanwhile."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from datetime import datetime, timedelta, timezone

import pytest
from langgraph.checkpoint.base.id import uuid6

from apps.databases import connected, opened, without_task_path
from beside_stock.graph_runs import question
from beside_stock.stories import all_rows
from fast_langgraph import RustSQLiteCheckpointer
from samples import graphs
from samples.checkpoints import METADATA, WRITES, checkpoint, config
from samples.moments import NOW, id_of

CLEAN_UP = "DELETE FROM checkpoints WHERE created_at < datetime('now', ? || ' days')"


def put(saver, thread: str, checkpoint_id: str):
    return saver.put(config(thread), {**checkpoint(1), "id": checkpoint_id}, METADATA, {})


# --- what it says ---


def test_it_is_the_time_in_the_id_in_utc(checkpointer, sql):
    moments = [NOW, NOW - timedelta(days=400), datetime(1999, 12, 31, 23, 59, 59, 999999, timezone.utc)]
    moments += [datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2300, 2, 28, 12, tzinfo=timezone.utc)]
    for n, moment in enumerate(moments):
        put(checkpointer, str(n), id_of(moment))
    found = dict(sql("SELECT thread_id, created_at FROM checkpoints"))
    assert found == {str(n): moment.strftime("%Y-%m-%d %H:%M:%S") for n, moment in enumerate(moments)}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text) for text in found.values())


def test_the_ids_that_langgraph_makes_are_dated_by_the_second(checkpointer, sql):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    graphs.agent().compile(checkpointer=checkpointer).invoke(question(1), graphs.CONFIG)
    # Ids of one process never go back, so that they may run ahead of the clock by a little.
    after = datetime.now(timezone.utc) + timedelta(seconds=1)
    found = [datetime.fromisoformat(text + "+00:00") for (text,) in sql("SELECT created_at FROM checkpoints")]
    assert found
    assert all(before <= moment <= after for moment in found)


@pytest.mark.parametrize(
    "checkpoint_id",
    [
        "1",
        "",
        "1ef4f797-8335-6428-8001-8A1503F9B875",
        "1EF4F797-8335-6428-8001-8a1503f9b875",
        "{1ef4f797-8335-6428-8001-8a1503f9b875}",
        "1ef4f79783356428800 18a1503f9b875",
        "1ef4f797-8335-6428-8001-8a1503f9b875x",
        " 1ef4f797-8335-6428-8001-8a1503f9b875",
        "1ef4f797-8335-6428-c001-8a1503f9b875",
        "1ef4f797-8335-6428-8001-8a1503f9b87é",
        "00000000-0000-0000-0000-000000000005",
        "98ae4304-e8b3-11f1-b386-02fc00000001",
        "0091fa39-881a-43cb-b8aa-98123edee685",
        "01890a5d-ac96-774b-bcce-b302099a8057",
    ],
)
def test_of_any_other_id_nothing_is_said_so_that_no_clean_up_takes_it(checkpoint_id, checkpointer, sql):
    put(checkpointer, "1", checkpoint_id)
    assert sql("SELECT created_at FROM checkpoints") == [(None,)]
    assert sql(CLEAN_UP, "-30") == sql(CLEAN_UP, "36500") == []
    assert checkpointer.get(config("1", at=None)) is not None
    assert sql("SELECT count(*) FROM checkpoints") == [(1,)]


def test_it_costs_no_room_and_shows_last_in_the_row(checkpointer, sql, table):
    put(checkpointer, "1", id_of(NOW))
    hidden = dict(sql(f"SELECT name, hidden FROM pragma_table_xinfo('{table}')"))
    # Generated when it is read, not stored; in the compact layout by the view, so that a put does not compile it.
    assert hidden.get("created_at") == (None if table == "fl_checkpoints" else 2)
    columns = [name for (name,) in sql("SELECT name FROM pragma_table_xinfo('checkpoints')")]
    # Behind it the compact layout's view has the rowid, by its three names.
    assert columns[7:] == ["created_at", *(["rowid", "oid", "_rowid_"] if table == "fl_checkpoints" else [])]
    assert len(sql("SELECT * FROM checkpoints")[0]) == len(columns)


# --- where it is ---


def columns_of(path, table="checkpoints") -> list[str]:
    with connected(path) as conn:
        return [name for (name,) in conn.execute(f"SELECT name FROM pragma_table_xinfo('{table}')")]


@pytest.mark.parametrize("layout", ["with task_path", "without"])
def test_an_existing_database_gets_it_and_keeps_its_rows(layout, path):
    with opened("stock", path) as stock:
        app = graphs.agent().compile(checkpointer=stock)
        app.invoke(question(1), graphs.CONFIG)
    if layout == "without":
        without_task_path(path)
    with connected(path) as conn:
        checkpoints = all_rows(conn)["checkpoints"]
        writes = conn.execute("SELECT task_id, idx, channel, type, value FROM writes ORDER BY 1, 2").fetchall()
    with RustSQLiteCheckpointer(path) as ours:
        assert len(list(ours.list(None))) == len(checkpoints)
    assert columns_of(path)[-1] == "created_at"
    assert "task_path" in columns_of(path, "writes")
    with connected(path) as conn:
        assert all_rows(conn)["checkpoints"] == checkpoints
        assert conn.execute("SELECT task_id, idx, channel, type, value FROM writes ORDER BY 1, 2").fetchall() == writes
        assert conn.execute("SELECT count(*) FROM checkpoints WHERE created_at IS NULL").fetchone() == (0,)


def test_stock_goes_on_reading_and_writing_a_file_that_has_it(path):
    with RustSQLiteCheckpointer(path) as ours:
        app = graphs.agent().compile(checkpointer=ours)
        app.invoke(question(1), graphs.CONFIG)
    with opened("stock", path) as stock:
        app = graphs.agent().compile(checkpointer=stock)
        app.invoke(question(1), graphs.CONFIG)
        stock.put_writes(next(stock.list(graphs.CONFIG)).config, WRITES, "task", "~p")
        states = list(app.get_state_history(graphs.CONFIG))
        listed = list(stock.list(None))
    with RustSQLiteCheckpointer(path) as ours:
        app = graphs.agent().compile(checkpointer=ours)
        assert list(app.get_state_history(graphs.CONFIG)) == states
        assert list(ours.list(None)) == listed
        assert asyncio.run(ours.aget_tuple(graphs.CONFIG)) == listed[0]


def test_without_the_option_no_database_gets_it(path):
    with RustSQLiteCheckpointer(path, created_at=False) as ours:
        put(ours, "1", id_of(NOW))
    assert columns_of(path)[-1] == "metadata"
    # One that has it keeps it.
    RustSQLiteCheckpointer(path).setup()
    with RustSQLiteCheckpointer(path, created_at=False) as ours:
        put(ours, "2", id_of(NOW))
    assert columns_of(path)[-1] == "created_at"


def in_compact_table(path) -> bool:
    return "created_at" in columns_of(path, "fl_checkpoints")


def test_conversions_take_it_along(path, sql):
    with RustSQLiteCheckpointer(path, layout="standard") as ours:
        put(ours, "1", id_of(NOW))
        before = sql("SELECT created_at FROM checkpoints")
        ours.convert("compact")
        assert sql("SELECT created_at FROM checkpoints") == before
        assert not in_compact_table(path)
        put(ours, "2", id_of(NOW))
        ours.convert("standard")
        assert sql("SELECT created_at FROM checkpoints") == before * 2
        hidden = dict(sql("SELECT name, hidden FROM pragma_table_xinfo('checkpoints')"))
        assert hidden["created_at"] == 2
    # And one that never had it does not get it.
    without = path.with_name("without.db")
    with RustSQLiteCheckpointer(without, layout="standard", created_at=False) as ours:
        put(ours, "1", id_of(NOW))
        ours.convert("compact")
        assert "created_at" not in columns_of(without)
        ours.convert("standard")
    assert "created_at" not in columns_of(without)


@pytest.mark.parametrize(
    "what",
    ["CREATE INDEX dated ON checkpoints (Created_At)", "ALTER TABLE checkpoints ADD COLUMN day AS (date(created_at))"],
)
def test_it_stays_in_the_table_where_something_of_the_app_s_refers_to_it(what, path, sql):
    with RustSQLiteCheckpointer(path, layout="standard") as ours:
        put(ours, "1", id_of(NOW))
        before = sql("SELECT created_at FROM checkpoints")
        sql(what)
        ours.convert("compact")
        put(ours, "2", id_of(NOW))
    assert in_compact_table(path)
    with RustSQLiteCheckpointer(path) as ours:
        version = sql("PRAGMA schema_version")
        assert sql("SELECT created_at FROM checkpoints") == before * 2
        ours.convert("standard")
        assert sql("PRAGMA schema_version") != version
    assert sql("SELECT created_at FROM checkpoints") == before * 2
    assert sql("PRAGMA integrity_check") == [("ok",)]


def test_a_view_of_the_app_s_that_shows_it_goes_on_through_conversions(path, sql):
    with RustSQLiteCheckpointer(path, layout="standard") as ours:
        put(ours, "1", id_of(NOW))
        sql("CREATE VIEW dated AS SELECT thread_id, created_at FROM checkpoints")
        before = sql("SELECT * FROM dated")
        for layout in ("compact", "standard", "compact"):
            ours.convert(layout)
            assert sql("SELECT * FROM dated") == before


@pytest.mark.parametrize("name", ["dated", "fl_dated"])
def test_a_view_or_a_trigger_of_the_app_s_may_have_any_name(name, path, sql):
    with RustSQLiteCheckpointer(path, layout="standard") as ours:
        put(ours, "1", id_of(NOW))
        sql(f"CREATE VIEW {name} AS SELECT created_at FROM checkpoints")
        sql(f"CREATE TRIGGER {name}_too AFTER INSERT ON writes BEGIN SELECT created_at FROM checkpoints; END")
        before = sql(f"SELECT * FROM {name}")
        for layout in ("compact", "standard", "compact"):
            ours.convert(layout)
            assert sql(f"SELECT * FROM {name}") == before
    with RustSQLiteCheckpointer(path) as ours:
        put(ours, "2", id_of(NOW))
    assert sql(f"SELECT * FROM {name}") == before * 2


@pytest.mark.parametrize(
    "condition", ["< 2027", ">= 2027", "> 5", "BETWEEN 2000 AND 2100", "= '2024'", "< x'ff'", "IN (2024)"]
)
def test_it_compares_as_text_in_either_layout(condition, path, sql):
    with RustSQLiteCheckpointer(path, layout="standard") as ours:
        put(ours, "1", id_of(datetime(2024, 5, 4, tzinfo=timezone.utc)))
        count = f"SELECT count(*) FROM checkpoints WHERE created_at {condition}"
        before = sql(count)
        ours.convert("compact")
        assert sql(count) == before


def test_a_compact_file_that_has_it_in_its_table_is_brought_up_to_date(path, sql):
    with RustSQLiteCheckpointer(path, layout="standard") as ours:
        put(ours, "1", id_of(NOW))
    (made,) = sql("SELECT substr(sql, instr(sql, 'created_at')) FROM sqlite_master WHERE name = 'checkpoints'")[0]
    with RustSQLiteCheckpointer(path) as ours:
        ours.convert("compact")
    # As an earlier state of this package made it.
    (view,) = sql("SELECT sql FROM sqlite_master WHERE name = 'checkpoints'")[0]
    sql(f"ALTER TABLE fl_checkpoints ADD COLUMN {made[: made.index(' VIRTUAL')]} VIRTUAL")
    sql("DROP VIEW checkpoints")
    sql(re.sub(r", CAST\(CASE WHEN checkpoint_id GLOB .* AS created_at", ", created_at", view))
    before = sql("SELECT created_at FROM checkpoints")
    assert in_compact_table(path)
    RustSQLiteCheckpointer(path).setup()
    assert not in_compact_table(path)
    assert sql("SELECT created_at FROM checkpoints") == before
    assert sql("SELECT sql FROM sqlite_master WHERE name = 'checkpoints'") == [(view,)]


@pytest.mark.parametrize("name", ["created_at", "Created_At"])
def test_a_column_of_that_name_that_the_app_has_made_is_the_app_s(name, path, sql):
    with opened("stock", path) as stock:
        put(stock, "1", id_of(NOW))
    sql(f"ALTER TABLE checkpoints ADD COLUMN {name} TEXT DEFAULT 'mine'")
    with RustSQLiteCheckpointer(path) as ours:
        put(ours, "2", id_of(NOW))
        assert len(list(ours.list(None))) == 2
    assert sql("SELECT thread_id, created_at FROM checkpoints") == [("1", "mine"), ("2", "mine")]


def test_a_database_that_is_read_only_stays_as_it_is(path):
    with opened("stock", path) as stock:
        put(stock, "1", id_of(NOW))
    with RustSQLiteCheckpointer(path, read_only=True) as ours:
        assert len(list(ours.list(None))) == 1
    assert columns_of(path)[-1] == "metadata"


def test_a_database_that_somebody_writes_all_the_while_is_read_without_it(path):
    with opened("stock", path) as stock:
        put(stock, "1", id_of(NOW))
    with connected(path) as conn:
        conn.execute("BEGIN IMMEDIATE")
        with RustSQLiteCheckpointer(path, busy_timeout=0.05) as ours:
            assert len(list(ours.list(None))) == 1
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                put(ours, "2", id_of(NOW))
            conn.execute("ROLLBACK")
            put(ours, "2", id_of(NOW))
    assert columns_of(path)[-1] == "metadata"
    RustSQLiteCheckpointer(path).setup()
    assert columns_of(path)[-1] == "created_at"


def test_one_that_is_complete_is_opened_beside_a_writer_without_waiting(path):
    RustSQLiteCheckpointer(path).setup()
    with connected(path) as conn, RustSQLiteCheckpointer(path, busy_timeout=0) as ours:
        conn.execute("BEGIN IMMEDIATE")
        ours.setup()
        assert list(ours.list(None)) == []
        conn.execute("ROLLBACK")


# --- clean-up ---


def clean_up(path) -> int:
    """The script of the documentation, on a connection that the app opens and closes; how many it took."""
    conn = sqlite3.connect(path, timeout=20)
    count = "SELECT count(*) FROM checkpoints"
    try:
        conn.execute("BEGIN IMMEDIATE")
        (before,) = conn.execute(count).fetchone()
        conn.execute(CLEAN_UP, ("-30",))
        (after,) = conn.execute(count).fetchone()
        conn.commit()
        conn.execute("VACUUM")
        return before - after
    finally:
        conn.close()


def test_a_clean_up_takes_what_is_old_and_nothing_else(checkpointer, path):
    for n in range(1, 11):
        put(checkpointer, "old", id_of(NOW - timedelta(days=30 + n), n))
        put(checkpointer, "new", id_of(NOW - timedelta(days=29, minutes=n), n))
        put(checkpointer, "undated", f"id-{n}")
    assert clean_up(path) == 10
    assert checkpointer.get(config("old")) is None
    assert len(list(checkpointer.list(config("new")))) == 10
    assert len(list(checkpointer.list(config("undated")))) == 10
    assert put(checkpointer, "old", id_of(NOW))
    assert checkpointer.get(config("old")) is not None


@pytest.mark.parametrize("entry", ["sync", "async"])
def test_clean_ups_while_it_is_written_lose_nothing(entry, path):
    """Four conversations go on while the app's script deletes and vacuums, over and over, in this process."""
    acknowledged: list[tuple[str, str]] = []
    doomed = 0
    turns = 40

    def talk(saver, thread):
        for n in range(turns):
            put(saver, f"old-{thread}", id_of(NOW - timedelta(days=60), 1000 * int(thread) + n))
            saved = saver.put(config(thread), {**checkpoint(n, text="x" * 3000), "id": str(uuid6())}, METADATA, {})
            saver.put_writes(saved, WRITES, f"task-{n}")
            acknowledged.append((thread, saved["configurable"]["checkpoint_id"]))

    async def atalk(saver, thread):
        for n in range(turns):
            saved = await saver.aput(config(thread), {**checkpoint(n), "id": str(uuid6())}, METADATA, {})
            await saver.aput_writes(saved, WRITES, f"task-{n}")
            acknowledged.append((thread, saved["configurable"]["checkpoint_id"]))
            old = {**checkpoint(1), "id": id_of(NOW - timedelta(days=60), 1000 * int(thread) + n)}
            await saver.aput(config(f"old-{thread}"), old, METADATA, {})

    with RustSQLiteCheckpointer(path, busy_timeout=30) as saver:
        saver.setup()

        async def everybody():
            await asyncio.gather(*(atalk(saver, str(n)) for n in range(4)))

        if entry == "sync":
            talking = [threading.Thread(target=talk, args=(saver, str(n))) for n in range(4)]
        else:
            talking = [threading.Thread(target=lambda: asyncio.run(everybody()))]
        for thread in talking:
            thread.start()
        rounds = 0
        while any(thread.is_alive() for thread in talking) or rounds < 2:
            doomed += clean_up(path)
            rounds += 1
        for thread in talking:
            thread.join()
        doomed += clean_up(path)
        assert len(acknowledged) == 4 * turns
        assert doomed == 4 * turns, "each old checkpoint was there to be deleted, once"
        for thread, checkpoint_id in acknowledged:
            found = saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_id": checkpoint_id}})
            assert found is not None
            assert len(found.pending_writes) == len(WRITES)
    # Another look, with nothing of ours open.
    with connected(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ids = set(conn.execute("SELECT thread_id, checkpoint_id FROM checkpoints").fetchall())
    assert ids == set(acknowledged)


def test_a_clean_up_in_the_middle_of_a_listing_leaves_out_what_it_took(checkpointer, path):
    for n in range(1, 101):
        put(checkpointer, "1", id_of(NOW - timedelta(days=n, hours=1)))
    listing = checkpointer.list(config("1"))
    seen = [next(listing)]
    assert clean_up(path) == 71
    seen += listing
    dates = [each.checkpoint["id"] for each in seen]
    assert dates[:29] == [id_of(NOW - timedelta(days=n, hours=1)) for n in range(1, 30)]
    # Of those that were read already in the same batch some may come, none twice.
    assert len(set(dates)) == len(dates) < 100


def test_an_open_transaction_of_the_app_is_not_disturbed(checkpointer, path):
    put(checkpointer, "1", id_of(NOW))
    with connected(path) as conn:
        conn.execute("BEGIN")
        assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
        put(checkpointer, "2", id_of(NOW))
        checkpointer.vacuum()
        assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
        conn.execute("COMMIT")
        assert conn.execute("SELECT count(*) FROM checkpoints").fetchone() == (2,)
