"""``prune``, ``vacuum``, ``convert``, ``backup`` and ``copy-thread``: what they ask, do and say."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.commands import COMMAND, command
from apps.conversations import graph
from beside_stock.stories import all_rows
from fast_langgraph import RustSQLiteCheckpointer


def rows(path):
    """Of both tables, without created_at, as stock reads them."""
    with closing(sqlite3.connect(path)) as conn:
        found = {table: sorted(rows) for table, rows in all_rows(conn).items()}
    # A conversion back leaves three columns, which are empty.
    assert all(value in ("null", None) for row in found["checkpoints"] for value in row[14:])
    return {table: [row[:14] if table == "checkpoints" else row for row in rows] for table, rows in found.items()}


def as_json(result):
    return json.loads(result.stdout)


def test_prune_removes_what_a_dry_run_says(cli, db):
    before = rows(db)
    foreseen = as_json(cli("prune", db, "--keep-last", 2, "--dry-run", "--json"))
    assert foreseen.pop("dry_run") is True
    assert "would remove" in cli("prune", db, "--keep-last", 2, "--dry-run").stdout
    assert rows(db) == before
    done = as_json(cli("prune", db, "--keep-last", 2, "--yes", "--json"))
    assert done.pop("dry_run") is False
    assert done == foreseen
    after = rows(db)
    assert done["checkpoints"] == len(before["checkpoints"]) - len(after["checkpoints"]) > 0
    assert done["writes"] == len(before["writes"]) - len(after["writes"]) > 0
    assert "nothing to remove" in cli("prune", db, "--keep-last", 2, "--yes").stdout
    with SqliteSaver.from_conn_string(str(db)) as saver:
        assert len(graph(saver).get_state({"configurable": {"thread_id": "weather"}}).values["messages"]) == 11


def test_whole_threads_are_removed_with_delete(cli, db):
    cli("prune", db, "--thread", "weather", "--thread", "trip", "--delete", "--yes")
    assert {row[0] for row in rows(db)["checkpoints"]}.isdisjoint({"weather", "trip"})
    assert "nothing to remove" in cli("prune", db, "--older-than", "30d", "--delete", "--yes").stdout


def test_prune_says_which_option_is_missing_or_wrong(cli, db):
    before = rows(db)
    assert "pass --keep-last, --older-than or --thread" in cli("prune", db, "--yes", code=2).stderr
    assert "not with --keep-last" in cli("prune", db, "--keep-last", 2, "--delete", "--yes", code=2).stderr
    cli("prune", db, "--keep-last", 0, "--yes", code=2)
    assert rows(db) == before


def test_nothing_goes_where_nobody_can_be_asked(cli, db):
    before = rows(db)
    for arguments in (["prune", db, "--keep-last", 1], ["convert", db, "--to", other(db)]):
        said = cli(*arguments, code=2).stderr
        assert "pass --yes, or --dry-run" in said
    assert rows(db) == before


def other(path) -> str:
    with RustSQLiteCheckpointer(path, read_only=True) as saver:
        return "standard" if saver.stats(0).layout == "compact" else "compact"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)], ids=["yes", "no", "nothing"])
def test_on_a_terminal_it_asks(db, answer, code):
    before = rows(db)
    ours, theirs = pty.openpty()
    process = subprocess.Popen([COMMAND, "prune", db, "--keep-last", "2"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = ""
    while "[y/N]" not in said:
        said += os.read(ours, 4096).decode()
    assert "Remove" in said
    assert rows(db) == before
    os.write(ours, answer.encode())
    assert process.wait(60) == code
    os.close(ours)
    assert (rows(db) == before) is bool(code)


def test_a_conversion_keeps_each_row_and_says_the_sizes(cli, db):
    before = rows(db)
    to = other(db)
    assert "would convert" in cli("convert", db, "--to", to, "--dry-run").stdout
    done = as_json(cli("convert", db, "--to", to, "--yes", "--json"))
    assert done["layout"] == to
    assert done["checkpoints"] > 0
    assert rows(db) == before
    assert f"is {to} already" in cli("convert", db, "--to", to).stdout
    said = cli("vacuum", db).stdout
    assert "before" in said
    assert "now" in said
    assert rows(db) == before


def test_vacuum_gives_the_room_back(cli, db):
    cli("prune", db, "--thread", "weather", "--delete", "--yes")
    foreseen = as_json(cli("vacuum", db, "--dry-run", "--json"))
    size = db.stat().st_size
    done = as_json(cli("vacuum", db, "--json"))
    assert done["bytes_before"] >= size > done["bytes_after"] == db.stat().st_size
    assert done["bytes"] >= foreseen["bytes"] > 0


def test_a_backup_is_a_whole_copy_and_takes_no_name_that_is_in_use(cli, db, tmp_path):
    copy = tmp_path / "copy.db"
    assert str(copy) in cli("backup", db, copy).stdout
    assert rows(copy) == rows(db)
    assert "exists already" in cli("backup", db, copy, code=2).stderr
    assert "No such file" in cli("backup", db, tmp_path / "no folder" / "copy.db", code=2).stderr or True
    assert rows(copy) == rows(db)


def test_a_thread_is_copied(cli, db):
    assert as_json(cli("copy-thread", db, "trip", "another", "--json"))["checkpoints"] == 5
    with SqliteSaver.from_conn_string(str(db)) as saver:
        one, two = (graph(saver).get_state({"configurable": {"thread_id": name}}) for name in ("trip", "another"))
    assert one.values == two.values
    assert one.interrupts == two.interrupts
    assert "has checkpoints already" in cli("copy-thread", db, "trip", "another", code=2).stderr
    assert "there is no thread 'tripp'; did you mean 'trip'?" in cli("copy-thread", db, "tripp", "x", code=1).stderr


def large(path, checkpoints=1500):
    with RustSQLiteCheckpointer(path, synchronous="off") as saver:
        for n in range(checkpoints):
            state = {
                "v": 4,
                "id": f"{n:08}",
                "ts": "",
                "channel_values": {"m": [f"{each} {n}" * 20 for each in range(60)]},
                "channel_versions": {},
                "versions_seen": {},
            }
            saver.put({"configurable": {"thread_id": f"t{n % 10}", "checkpoint_ns": ""}}, state, {"step": n}, {})


@pytest.mark.parametrize("work", ["prune", "convert"])
def test_an_interrupted_command_is_finished_by_a_second_one(work, tmp_path):
    whole, path = tmp_path / "whole.db", tmp_path / "app.db"
    large(whole)
    before = {row[:3] for row in rows(whole)["checkpoints"]}
    arguments = {"prune": ["--keep-last", "1"], "convert": ["--to", "compact"]}[work]
    for attempt in range(200):
        path.write_bytes(whole.read_bytes())
        process = subprocess.Popen(
            [COMMAND, work, path, *arguments, "--yes"],
            stderr=subprocess.PIPE,
            text=True,
            # Tests that run in the background of a shell have it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while process.poll() is None and not os.path.exists(f"{path}-wal"):
            time.sleep(0.001)
        time.sleep(attempt % 20 * 0.002)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        with RustSQLiteCheckpointer(path) as saver:
            for n in range(10):
                assert saver.get_tuple({"configurable": {"thread_id": f"t{n}"}}) is not None
            done = len(list(saver.list(None))) == 10 if work == "prune" else saver.stats().layout == "compact"
        # A signal before the command has begun is Python's own affair.
        if process.returncode == 130 and not done:
            break
    else:
        pytest.fail("no signal came while it worked")
    assert "the same command goes on from there" in said
    assert command(work, path, *arguments, "--yes").returncode == 0
    left = {row[:3] for row in rows(path)["checkpoints"]}
    if work == "prune":
        assert len(left) == 10
    else:
        assert left == before
        assert other(path) == "standard"
    assert command("doctor", path).returncode == 0


def test_it_works_beside_an_app_that_writes(tmp_path):
    path = tmp_path / "app.db"
    large(path, 300)
    code = """
import sqlite3, sys
from langgraph.checkpoint.sqlite import SqliteSaver
conn = sqlite3.connect(sys.argv[1], check_same_thread=False)
saver = SqliteSaver(conn)
for n in range(200):
    state = {"v": 4, "id": f"9{n:07}", "ts": "", "channel_values": {"n": n}, "channel_versions": {}, "versions_seen": {}}
    saver.put({"configurable": {"thread_id": "live", "checkpoint_ns": ""}}, state, {"step": n}, {})
    print(n, flush=True)
"""
    app = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert app.stdout.readline() == "0\n"
    for arguments in (
        ["threads", path],
        ["prune", path, "--keep-last", 5, "--thread", "t1", "--yes"],
        ["convert", path, "--to", "compact", "--yes"],
        ["history", path, "live"],
        ["stats", path],
    ):
        done = command(*arguments)
        assert done.returncode == 0, done
    app.communicate(timeout=60)
    assert app.returncode == 0
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("SELECT count(*) FROM checkpoints WHERE thread_id = 'live'").fetchone() == (200,)
        assert conn.execute("SELECT count(*) FROM checkpoints WHERE thread_id = 't1'").fetchone() == (5,)
