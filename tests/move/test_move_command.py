"""``fast-langgraph move``: what it says, asks and prints, and a long chat that moves there and back."""

from __future__ import annotations

import json
import os

import pytest
from langchain_core.messages import HumanMessage
from typer.testing import CliRunner

from apps import conversations
from apps.chat import graph
from apps.commands import command
from apps.moved import answers, async_answers, rows_of, saver_of, unequal
from fast_langgraph._cli.app import app
from postgres_server import PASSWORD

CHAT = {"configurable": {"thread_id": "chat"}}
TURNS = 250


def run(*arguments, code=0):
    result = CliRunner().invoke(app, ["move", *map(str, arguments)], env={"COLUMNS": "120"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, (result.stdout, result.stderr)
    assert PASSWORD not in result.stdout + result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    return result


def one_line(done):
    """Long lines are broken where the terminal ends."""
    return " ".join(done.stdout.split())


def chat(place, turns):
    """Goes on with the chat; returns what was said in all."""
    with saver_of(place) as saver:
        compiled = graph.compile(checkpointer=saver)
        for _ in range(turns):
            said = len(compiled.get_state(CHAT).values.get("messages", ()))
            compiled.invoke({"messages": [HumanMessage(f"turn {said // 2}")]}, CHAT)
        return [message.content for message in compiled.get_state(CHAT).values["messages"]]


def test_a_chat_of_250_turns_goes_on_on_postgresql_and_on_sqlite_again(sqlite, postgres, tmp_path):
    said = chat(sqlite, TURNS)
    assert len(said) == 2 * TURNS
    with saver_of(sqlite) as saver:
        expected = answers(saver, 50)
    done = command("move", sqlite, postgres, "--yes")
    assert done.returncode == 0, done.stderr
    assert "the same on both sides" in one_line(done)
    with saver_of(postgres) as saver:
        assert unequal(expected, answers(saver, 50)) == []
    some = sorted(expected)[::50]
    assert unequal({key: expected[key] for key in some}, async_answers(postgres, some)) == []
    went_on = chat(postgres, 3)
    assert went_on[: len(said)] == said
    assert went_on[-2:] == [f"turn {TURNS + 2}", f"{2 * TURNS + 5}: turn {TURNS + 2}"]

    back = tmp_path / "back.db"
    done = command("move", postgres, back, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["is_equal"] is True
    with saver_of(back) as saver, saver_of(postgres) as there:
        found = answers(saver, 50)
        assert unequal(answers(there, 50), found) == []
        assert unequal(expected, {key: found[key] for key in expected}) == []
    kept = {row[:5]: row for row in rows_of(back)["writes"]}
    assert all(kept[row[:5]] == row for row in rows_of(sqlite)["writes"])
    assert chat(back, 2)[: len(went_on)] == went_on

    # And into the file that it came from, which has nothing that the other has not.
    done = command("move", postgres, sqlite, "--yes", "--json")
    assert json.loads(done.stdout)["moved_checkpoints"] == len(found) - len(expected)
    assert chat(sqlite, 0) == went_on


def test_it_says_what_would_be_moved_and_what_was(sqlite, postgres):
    conversations.run(sqlite)
    foreseen = run(sqlite, postgres, "--dry-run")
    assert one_line(foreseen).startswith("would move 50 checkpoints and 92 pending writes of 7 threads")
    done = run(sqlite, postgres, "--yes")
    assert one_line(done).startswith("moved 50 checkpoints and 92 pending writes from ")
    assert done.stdout.count("the same") == 8
    assert "compared: 7 threads" in done.stdout
    as_json = json.loads(run(sqlite, postgres, "--yes", "--json").stdout)
    assert as_json["is_equal"] is True
    assert (as_json["checkpoints"], as_json["moved_checkpoints"], len(as_json["threads"])) == (50, 0, 7)
    assert all(each["source_digest"] == each["target_digest"] != "" for each in as_json["threads"])


def test_nothing_is_moved_where_nobody_can_be_asked(sqlite, postgres):
    conversations.run(sqlite)
    assert "pass --yes, or --dry-run" in run(sqlite, postgres, code=2).stderr
    assert json.loads(run(sqlite, postgres, "--dry-run", "--json").stdout)["dry_run"] is True


def test_threads_are_chosen(sqlite, postgres):
    conversations.run(sqlite)
    assert "moved 5 checkpoints" in run(sqlite, postgres, "--thread", "trip", "--yes").stdout
    assert "has no thread 'none'" in run(sqlite, postgres, "--thread", "none", "--yes", code=2).stderr
    assert "neither an age" in run(sqlite, postgres, "--since", "soon", "--yes", code=2).stderr


def test_what_is_refused_is_one_line_each(sqlite, postgres, tmp_path):
    conversations.run(sqlite)
    other = tmp_path / "other.db"
    run(sqlite, other, "--yes", "--thread", "trip")
    run(other, postgres, "--yes")
    with saver_of(sqlite) as saver:
        saver.delete_thread("trip")
    said = run(sqlite, postgres, "--yes", code=2).stderr
    assert said.count("\n") == 3
    assert "has 1 thread that" in said
    assert "--merge" in said
    run(sqlite, postgres, "--yes", "--merge")
    wrong = postgres.replace(":s3cret", ":wr0ng")
    said = run(sqlite, wrong, "--yes", code=2).stderr
    assert said.count("\n") == 1
    assert "password authentication failed" in said


def test_a_password_of_the_environment_is_used(sqlite, postgres):
    conversations.run(sqlite)
    scheme, _, rest = postgres.partition("tester:")
    without = f"{scheme}tester@{rest.partition('@')[2]}"
    done = command("move", sqlite, without, "--yes", env={"PGPASSWORD": PASSWORD})
    assert done.returncode == 0, done.stderr
    assert "PGPASSWORD" in os.environ or command("move", sqlite, without, "--yes").returncode == 2


def test_the_exit_code_says_that_something_differs(sqlite, postgres, monkeypatch):
    from fast_langgraph._move.report import MovedThread

    conversations.run(sqlite)
    monkeypatch.setattr(MovedThread, "is_equal", property(lambda self: self.thread_id != "trip"))
    done = run(sqlite, postgres, "--yes", code=1)
    assert "1 thread differ" in done.stdout
    listed = [line.split()[0] for line in done.stdout.splitlines() if "differs: " in line or line.endswith("the same")]
    assert listed[0] == "trip"


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_a_compact_file_is_moved_by_the_same_command(layout, sqlite, postgres):
    conversations.run(sqlite)
    assert CliRunner().invoke(app, ["convert", str(sqlite), "--to", layout, "--yes"]).exit_code == 0
    assert "the same on both sides" in one_line(run(sqlite, postgres, "--yes"))
