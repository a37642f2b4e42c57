"""Which files are refused and why, and what ``doctor`` says of those that something is wrong with."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing

import pytest

from apps.commands import COMMAND, command
from apps.databases import without_task_path
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import WRITES

COMMANDS = {
    "threads": [],
    "show": ["weather"],
    "history": ["weather"],
    "diff": ["weather", "1", "2"],
    "stats": [],
    "doctor": [],
    "prune": ["--keep-last", "1", "--yes"],
    "vacuum": [],
    "backup": ["copy of it.db"],
    "convert": ["--to", "compact", "--yes"],
    "copy-thread": ["weather", "another"],
}


def foreign(path):
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE users (id INTEGER)")


def no_database(path):
    path.write_text("This is no database, but a text.")


REFUSED = {
    "missing": (lambda path: None, "there is no file"),
    "empty": (lambda path: path.touch(), "is empty: nothing has been saved in it yet"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a text": (no_database, "is no SQLite database, or an encrypted one"),
    "of another app": (foreign, "holds no checkpoints of LangGraph's"),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_database_of_checkpoints_is_refused(cli, tmp_path, monkeypatch, kind, name):
    monkeypatch.chdir(tmp_path)
    make, said = REFUSED[kind]
    path = tmp_path / "app.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    result = cli(name, path, *COMMANDS[name], code=2)
    assert said in result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert (path.read_bytes() if path.is_file() else None) == before
    assert sorted(os.listdir(tmp_path)) == (["app.db"] if path.exists() else [])


def test_a_near_name_is_offered(cli, db):
    assert "did you mean" in cli("threads", db.with_name("ap.db"), code=2).stderr


def doctor(cli, path, code=0):
    return json.loads(cli("doctor", path, "--json", code=code).stdout)


def test_a_healthy_database_is_well(cli, db):
    found = doctor(cli, db)
    assert found["well"] is True
    assert found["findings"] == []
    assert "no data is damaged" in cli("doctor", db).stdout
    assert "checkpoints" not in cli("doctor", db, "--quick").stdout


def test_a_damaged_row_is_named(cli, db):
    with closing(sqlite3.connect(db)) as conn:
        table = (
            "fl_checkpoints"
            if conn.execute("SELECT count(*) FROM sqlite_master WHERE name = 'fl_checkpoints'").fetchone()[0]
            else "checkpoints"
        )
        victim = conn.execute(
            "SELECT checkpoint_id FROM checkpoints WHERE thread_id = 'trip' ORDER BY 1 DESC"
        ).fetchone()[0]
        conn.execute(f"UPDATE {table} SET checkpoint = x'c1', type = 'msgpack' WHERE checkpoint_id = ?", (victim,))
        if table != "checkpoints":
            conn.execute(
                f"UPDATE {table} SET ranges = NULL, base = NULL, size = NULL WHERE checkpoint_id = ?", (victim,)
            )
        conn.commit()
    found = doctor(cli, db, code=1)
    assert found["well"] is False
    bad = [each for each in found["findings"] if each["kind"] == "bad"]
    assert len(bad) == 1
    assert victim in bad[0]["what"]
    assert "'trip'" in bad[0]["what"]
    text = cli("doctor", db, code=1).stdout
    assert "to mend it: go back to a backup" in " ".join(text.split())
    assert "can't be read" in cli("show", db, "trip", code=1).stderr
    cli("show", db, "weather")


def test_a_damaged_page_is_found(cli, db):
    with db.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)
    found = doctor(cli, db, code=1)
    assert "SQLite finds the file damaged" in found["findings"][0]["what"]


def test_orphans_are_found_and_vacuum_mends_it(cli, db):
    with RustSQLiteCheckpointer(db) as saver:
        gone = {
            "configurable": {
                "thread_id": "gone",
                "checkpoint_ns": "",
                "checkpoint_id": "1e000000-0000-6000-8000-000000000000",
            }
        }
        saver.put_writes(gone, WRITES, "task")
    found = doctor(cli, db)
    assert found["findings"][0]["what"] == "3 pending writes without a checkpoint"
    assert found["findings"][0]["mend"] == f"fast-langgraph vacuum {db}"
    assert "3 pending writes without a checkpoint removed" in cli("vacuum", db).stdout
    assert doctor(cli, db)["findings"] == []


def test_a_conversion_that_was_stopped_is_found_and_mended(cli, stock_database, tmp_path):
    from fast_langgraph._native import Request

    path = tmp_path / "app.db"
    path.write_bytes(stock_database.read_bytes())
    with RustSQLiteCheckpointer(path) as saver:
        saver.convert("compact")
        saver._engine.run(Request.convert("standard", 0))
        assert "half converted" in saver.stats(0).layout
    found = doctor(cli, path)
    assert "half converted" in found["findings"][0]["what"]
    cli("convert", path, "--to", "standard", "--yes")
    assert doctor(cli, path)["findings"] == []


def test_an_old_schema_columns_and_triggers_of_the_app_s_own_are_told(cli, stock_database, tmp_path):
    path = tmp_path / "app.db"
    path.write_bytes(stock_database.read_bytes())
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("ALTER TABLE checkpoints ADD COLUMN tenant TEXT")
        conn.execute("CREATE TRIGGER audit AFTER DELETE ON checkpoints BEGIN SELECT 1; END")
    assert [each["what"] for each in doctor(cli, path)["findings"]] == [
        "columns of your own in checkpoints: tenant",
        "triggers of your own: audit",
    ]
    without_task_path(path)
    assert any("no column task_path" in each["what"] for each in doctor(cli, path)["findings"])
    cli("show", path, "weather")
    cli("history", path, "weather")


def test_what_other_serializers_have_written_is_told_and_left_alone(cli, stock_database, tmp_path):
    path = tmp_path / "app.db"
    path.write_bytes(stock_database.read_bytes())
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("UPDATE checkpoints SET type = 'msgpack+aes' WHERE thread_id = 'trip'")
        conn.commit()
    found = doctor(cli, path)
    assert found["well"] is True
    assert "encrypted (msgpack+aes)" in found["findings"][0]["what"]
    assert "The state can't be shown: encrypted (msgpack+aes)" in " ".join(cli("show", path, "trip").stdout.split())


def test_a_locked_database_is_read_and_a_command_that_writes_says_so(db):
    with closing(sqlite3.connect(db, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        assert command("threads", db).returncode == 0
        done = command("copy-thread", db, "trip", "another")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "fast-langgraph: database is locked\n"
        conn.execute("ROLLBACK")


def test_a_pipe_that_is_closed_early_is_no_error(db):
    for arguments in (["threads", db, "--json"], ["history", db, "weather"], ["show", db, "weather", "--raw"]):
        process = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) in (0, 1)
        process.stderr.close()


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_without_a_terminal_there_are_no_colours(db, variables):
    done = command("show", db, "weather", env=variables)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_a_mistake_names_the_nearest_and_a_database_alone_says_what_can_be_done(db):
    done = command("thread", db)
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'threads'?" in done.stderr
    done = command(db)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"fast-langgraph threads {db}" in done.stderr
    done = command("threads", db, "--ordr", "size")
    assert done.returncode == 2
    assert "--order" in done.stderr


def test_every_command_has_help_that_fits_a_terminal():
    listed = command("--help").stdout
    for name in [*COMMANDS, "bench"]:
        assert f"\n  {name}" in listed
        done = command(name, "--help", env={"COLUMNS": "80"})
        assert done.returncode == 0
        assert "Usage: fast-langgraph" in done.stdout
        assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_shell_completes_commands():
    shell = {"_FAST_LANGGRAPH_COMPLETE": "complete_bash", "COMP_WORDS": "fast-langgraph th", "COMP_CWORD": "1"}
    assert command(env=shell).stdout.split() == ["threads"]
    assert "_FAST_LANGGRAPH_COMPLETE" in command("--show-completion", "bash").stdout


def test_without_the_extra_one_sentence_names_it(tmp_path, db):
    (tmp_path / "typer.py").write_text("raise ImportError('No module named typer')")
    hidden = {"PYTHONPATH": str(tmp_path)}
    done = command("threads", db, env=hidden)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fast-langgraph: threads needs more: pip install 'fast-langgraph-sqlite[cli]'")
    assert done.stderr.count("\n") == 1
    assert command("--help", env=hidden).returncode == 0
    assert command("status", env=hidden).stdout.startswith("off: ")
    (tmp_path / "app.py").write_text("print('runs')")
    assert command(tmp_path / "app.py", env=hidden).stdout == "runs\n"


def test_bench_measures_each_saver(cli):
    found = json.loads(cli("bench", "--turns", 3, "--rounds", 1, "--json").stdout)
    assert found["savers"][0]["saver"] == "SqliteSaver, stock"
    assert len(found["savers"]) == 5
    assert all(each["seconds"] > 0 and each["bytes"] > 0 for each in found["savers"])


@pytest.mark.parametrize("command", ["threads", "stats", "doctor", "vacuum"])
def test_the_address_of_a_server_is_refused_without_being_shown(cli, command):
    result = cli(command, "postgresql://me:secret@localhost/chat", code=2)
    assert "only `fast-langgraph move` takes a PostgreSQL database" in result.stderr
    assert "secret" not in result.stderr
