"""Which databases are refused and why; what a target has already; what comes meanwhile; what messages never say."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.shallow import ShallowPostgresSaver

from apps import conversations
from apps.databases import without_task_path
from apps.moved import answers, differing, refused, rows_of, saver_of, tables
from fast_langgraph import MoveRefusedError, RustSQLiteCheckpointer, move
from fast_langgraph._move import session
from postgres_server import PASSWORD
from samples.checkpoints import METADATA, checkpoint, config


def fill(place, *threads, numbers=range(3)):
    with saver_of(place) as saver:
        saver.setup()
        for thread in threads:
            for n in numbers:
                made = checkpoint(n, items=[n])
                made["channel_versions"]["items"] = f"{n:032}.0.75"
                saved = saver.put(config(thread, at=n - 1 if n else None), made, METADATA, made["channel_versions"])
                saver.put_writes(saved, [("a", [n])], "task")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda address: address.replace(":s3cret", ":wr0ng"), "password authentication failed", id="password"
        ),
        pytest.param(lambda address: address + "_none", "does not exist", id="database"),
        pytest.param(lambda address: address.replace("127.0.0.1:", "127.0.0.1:1"), None, id="port"),
        pytest.param(lambda address: address + "?nonsense=1", "can't be read", id="option"),
        pytest.param(lambda address: address.replace("127.0.0.1", "[127"), "can't be read", id="address"),
    ],
)
@pytest.mark.parametrize("way", ["source", "target"])
def test_what_can_t_be_reached_is_refused_without_telling_the_password(way, change, said, sqlite, postgres):
    fill(sqlite, "t")
    wrong = change(postgres)
    pair = (wrong, sqlite) if way == "source" else (sqlite, wrong)
    with pytest.raises(MoveRefusedError, match=said) as caught:
        move(*pair)
    chained = [
        caught.value,
        caught.value.__cause__,
        caught.value.__context__ if not caught.value.__suppress_context__ else None,
    ]
    for secret in (PASSWORD, "s3cret", "wr0ng"):
        assert secret not in "".join(map(repr, chained))


def test_reports_name_databases_without_their_passwords(sqlite, postgres):
    fill(sqlite, "t")
    report = move(sqlite, postgres)
    assert report.target.startswith("postgresql://tester@127.0.0.1:")
    for secret in (PASSWORD, "s3cret"):
        assert secret not in repr(report) + json.dumps(report.to_dict())


def test_without_the_extra_one_sentence_names_it(sqlite):
    fill(sqlite, "t")
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from fast_langgraph import move, MoveRefusedError\n"
        f"try: move({str(sqlite)!r}, 'postgresql://localhost/x')\n"
        "except MoveRefusedError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "with the extra [postgres]: pip install 'fast-langgraph-sqlite[postgres]'" in done.stdout
    assert done.stdout.count("\n") == 1


def test_from_file_to_file_the_extra_is_not_needed(sqlite, tmp_path):
    fill(sqlite, "t")
    script = (
        "import sys; sys.modules['psycopg'] = sys.modules['langgraph.checkpoint.postgres'] = None\n"
        f"import fast_langgraph; print(fast_langgraph.move({str(sqlite)!r}, {str(tmp_path / 'b.db')!r}).is_equal)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


FOREIGN = {
    "other columns": "CREATE TABLE checkpoints (id SERIAL PRIMARY KEY, name TEXT)",
    "other types": "CREATE TABLE checkpoint_writes (thread_id TEXT, checkpoint_ns TEXT, checkpoint_id TEXT, task_id UUID, "
    "idx INTEGER, channel TEXT, type TEXT, blob BYTEA)",
    "a view": "CREATE VIEW checkpoint_blobs AS SELECT ''::text AS thread_id, ''::text AS checkpoint_ns, ''::text AS channel, "
    "''::text AS version, ''::text AS type, ''::bytea AS blob",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_tables_of_another_app_are_refused_and_left_alone(name, sqlite, postgres):
    fill(sqlite, "t")
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(FOREIGN[name])
    before = tables(postgres)
    refused(sqlite, postgres, "is not PostgresSaver's")
    refused(postgres, sqlite, "is not PostgresSaver's")
    assert tables(postgres) == before


def test_other_tables_beside_are_no_obstacle(sqlite, postgres):
    fill(sqlite, "t")
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute("CREATE TABLE users (id INTEGER)")
    assert move(sqlite, postgres).is_equal


def test_the_tables_of_the_shallow_saver_are_refused(sqlite, postgres):
    fill(sqlite, "t")
    with (
        pytest.warns(DeprecationWarning, match="ShallowPostgresSaver"),
        ShallowPostgresSaver.from_conn_string(postgres) as saver,
    ):
        saver.setup()
    refused(sqlite, postgres, "ShallowPostgresSaver, which keeps no history")
    refused(postgres, sqlite, "ShallowPostgresSaver, which keeps no history")


def test_a_database_without_tables_is_no_source(sqlite, postgres):
    refused(postgres, sqlite, "holds no checkpoints of LangGraph's: it has no table checkpoints")
    assert not sqlite.exists()


@contextmanager
def made_with(server, options):
    """A database of this name, which no other test has."""
    server.drop("unusual")
    try:
        yield server.create("unusual", f"TEMPLATE template0 {options}")
    finally:
        server.drop("unusual")


def test_a_database_in_another_encoding_is_refused(sqlite, server):
    fill(sqlite, "t")
    with made_with(server, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'") as address:
        refused(sqlite, address, "has the encoding LATIN1")


def test_a_database_that_would_take_another_checkpoint_for_the_latest_is_refused(sqlite, server):
    with saver_of(sqlite) as saver:
        for name in ("a", "B", "c"):
            made = {**checkpoint(1), "id": name}
            saver.put({"configurable": {"thread_id": "t", "checkpoint_ns": ""}}, made, METADATA, {})
    with made_with(server, "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'") as address:
        refused(sqlite, address, "order the ids of checkpoints differently")


OLD = 5  # the migrations before task_path, and before the indexes


@pytest.mark.parametrize("way", ["source", "target"])
def test_tables_of_an_older_release_are_read_as_they_are_and_brought_up_to_date_as_target(
    way, sqlite, postgres, tmp_path
):
    with psycopg.connect(postgres, autocommit=True) as conn:
        for number, migration in enumerate(PostgresSaver.MIGRATIONS[:OLD]):
            conn.execute(migration)
            conn.execute("INSERT INTO checkpoint_migrations (v) VALUES (%s)", (number,))
    if way == "target":
        fill(sqlite, "t")
        assert move(sqlite, postgres).is_equal
        with saver_of(postgres) as saver:
            assert len(answers(saver)) == 3
        return
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO checkpoints VALUES ('t', '', 'id', NULL, NULL, %s, '{}')",
            (json.dumps({**checkpoint(1), "v": 4}),),
        )
        conn.execute("INSERT INTO checkpoint_writes VALUES ('t', '', 'id', 'task', 0, 'a', 'null', '')")
    assert move(postgres, sqlite).is_equal
    assert [row[5:8] for row in rows_of(sqlite)["writes"]] == [("", "a", "null")]
    with psycopg.connect(postgres) as conn:
        assert conn.execute("SELECT max(v) FROM checkpoint_migrations").fetchone() == (OLD - 1,)


def test_tables_of_a_newer_release_are_refused(sqlite, postgres):
    fill(sqlite, "t")
    fill(postgres, "t")
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute("INSERT INTO checkpoint_migrations (v) VALUES (99)")
    refused(sqlite, postgres, "was set up by a newer release of langgraph-checkpoint-postgres")


def test_a_file_from_before_task_path_is_read(sqlite, postgres):
    fill(sqlite, "t")
    without_task_path(sqlite)
    assert move(sqlite, postgres).is_equal


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_a_target_with_threads_of_its_own_is_refused_unless_asked(target, sqlite, postgres, tmp_path):
    place = postgres if target == "postgres" else tmp_path / "other.db"
    fill(sqlite, "t", "u")
    fill(place, "own")
    with saver_of(place) as saver:
        before = answers(saver)
    refused(sqlite, place, "has 1 thread that", "merge=True (--merge)")
    with saver_of(place) as saver:
        assert answers(saver).keys() == before.keys()
    report = move(sqlite, place, merge=True)
    assert report.is_equal
    with saver_of(place) as saver:
        assert {key[0] for key in answers(saver)} == {"t", "u", "own"}


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_a_thread_that_went_on_in_the_target_is_refused_unless_asked(target, sqlite, postgres, tmp_path):
    place = postgres if target == "postgres" else tmp_path / "other.db"
    fill(sqlite, "t")
    assert move(sqlite, place).is_equal
    fill(place, "t", numbers=range(3, 5))
    refused(sqlite, place, "thread 't' has in the target 4 rows that the source has not")
    report = move(sqlite, place, merge=True)
    assert report.is_equal
    assert report.threads[0].only_in_target == 4
    # The way back needs no asking: there is nothing that the source has not.
    back = move(place, sqlite)
    assert back.is_equal
    assert (back.moved_checkpoints, back.moved_writes) == (2, 2)


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_rows_that_differ_are_refused_unless_asked_and_then_replaced(target, sqlite, postgres, tmp_path):
    place = postgres if target == "postgres" else tmp_path / "other.db"
    fill(sqlite, "t")
    assert move(sqlite, place).is_equal
    with closing(sqlite3.connect(sqlite)) as conn, conn:
        conn.execute(
            "UPDATE checkpoints SET metadata = '{\"step\": 99}' WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"
        )
        conn.execute(
            "UPDATE writes SET type = 'null', value = x'' WHERE checkpoint_id = (SELECT min(checkpoint_id) FROM writes)"
        )
    refused(sqlite, place, "thread 't' has in the target 2 rows with other contents")
    report = move(sqlite, place, merge=True)
    assert report.is_equal
    assert (report.moved_checkpoints, report.moved_writes) == (1, 1)
    with saver_of(sqlite) as one, saver_of(place) as other:
        assert differing(answers(one), answers(other)) == []


def test_threads_are_chosen_by_name_and_by_time(sqlite, postgres):
    conversations.run(sqlite)
    refused(sqlite, postgres, "has no thread 'none'", threads=["trip", "none"])
    assert [each.thread_id for each in move(sqlite, postgres, threads=["trip"]).threads] == ["trip"]
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    assert move(sqlite, postgres, since=later).threads == []
    report = move(sqlite, postgres, since=timedelta(hours=1))
    assert report.is_equal
    assert len(report.threads) == 7
    with pytest.raises(TypeError, match="not a str"):
        move(sqlite, postgres, threads="trip")


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_a_dry_run_says_what_would_be_done_and_makes_nothing(target, sqlite, postgres, tmp_path):
    place = postgres if target == "postgres" else tmp_path / "other.db"
    conversations.run(sqlite)
    foreseen = move(sqlite, place, dry_run=True)
    assert tables(postgres) == []
    assert not (tmp_path / "other.db").exists()
    done = move(sqlite, place)
    for name in ("checkpoints", "writes", "moved_checkpoints", "moved_writes", "bytes"):
        assert getattr(foreseen, name) == getattr(done, name) > 0


def test_what_comes_while_a_move_is_on_its_way_is_taken_at_the_end(sqlite, postgres):
    fill(sqlite, "t", "u")
    told = []

    def meanwhile(done, total):
        told.append((done, total))
        if len(told) == 2:
            fill(sqlite, "t", "new", numbers=range(3, 6))
            with saver_of(sqlite) as saver:
                special = [("__interrupt__", "again")]
                saver.put_writes(config("u", at=2), special, "task")
                saver.put_writes(config("u", at=2), [("__interrupt__", "and again")], "task")

    every = session.Progress.add

    def each_time(self, count):
        every(self, count)
        self._tell()

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(session.Progress, "add", each_time)
        report = move(sqlite, postgres, progress=meanwhile)
    assert report.is_equal
    assert {each.thread_id for each in report.threads} == {"t", "u", "new"}
    assert told[-1][0] == told[-1][1]
    with saver_of(sqlite) as one, saver_of(postgres) as other:
        assert differing(answers(one), answers(other)) == []
        assert len(answers(one)) == 12


def test_a_value_that_was_changed_in_the_target_is_reported(sqlite, postgres, monkeypatch):
    fill(sqlite, "t")
    compared = session._Move._compared

    def spoiled(self, thread):
        with psycopg.connect(postgres, autocommit=True) as conn:
            conn.execute("UPDATE checkpoints SET metadata = '{\"step\": 99}'")
        # Nothing is copied once more.
        monkeypatch.setattr(session._Move, "_bring", lambda move, thread, known: real(move, thread, {**known, **found}))
        return compared(self, thread)

    found = {}
    real = session._Move._bring

    def remembering(self, thread, known):
        found.update(real(self, thread, known))
        return found

    monkeypatch.setattr(session._Move, "_bring", remembering)
    monkeypatch.setattr(session._Move, "_compared", spoiled)
    report = move(sqlite, postgres)
    assert not report.is_equal
    assert report.threads[0].source_digest != report.threads[0].target_digest


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_from_file_to_file_rows_are_the_same_byte_for_byte(layout, sqlite, tmp_path):
    conversations.run(sqlite)
    other = tmp_path / "other.db"
    with RustSQLiteCheckpointer(other, layout=layout) as saver:
        saver.setup()
    assert move(sqlite, other).is_equal
    assert rows_of(sqlite) == rows_of(other)


def test_from_server_to_server(postgres, other_postgres, sqlite):
    conversations.run(sqlite)
    assert move(sqlite, postgres).is_equal
    assert move(postgres, other_postgres).is_equal
    with saver_of(postgres) as one, saver_of(other_postgres) as other:
        assert differing(answers(one), answers(other)) == []


def test_a_database_is_not_moved_to_itself(sqlite, postgres, tmp_path):
    fill(sqlite, "t")
    fill(postgres, "t")
    link = tmp_path / "link.db"
    link.symlink_to(sqlite)
    refused(sqlite, link, "are the same database")
    refused(postgres, postgres.replace("127.0.0.1", "localhost"), "are the same database")


@pytest.mark.parametrize("given", ["mysql://localhost/x", ":memory:", ""])
def test_what_is_no_place_is_refused(given, sqlite):
    fill(sqlite, "t")
    with pytest.raises(MoveRefusedError):
        move(sqlite, given)


def test_what_is_no_database_is_refused(sqlite, tmp_path):
    refused(tmp_path / "none.db", sqlite, "there is no database")
    text = tmp_path / "text.db"
    text.write_text("This is no database, but a text.")
    refused(text, sqlite, "is no SQLite database")
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as conn:
        conn.execute("CREATE TABLE checkpoints (id INTEGER)")
    refused(tmp_path / "foreign.db", sqlite, "is no database of SqliteSaver's: its table checkpoints lacks thread_id")
    fill(sqlite, "t")
    refused(sqlite, tmp_path / "foreign.db", "is no database of SqliteSaver's")
    refused(sqlite, tmp_path / "no" / "app.db", "there is no folder")
