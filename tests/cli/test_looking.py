"""``threads``, ``show``, ``history``, ``diff`` and ``stats``, on a file of stock's and on the same in the compact layout."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.conversations import LONG, graph
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._checkpointer.checkpoint_ids import id_at

THREADS = {"weather", "trip", *(f"{LONG}{n}" for n in range(5))}


@pytest.fixture
def states(db):
    """What LangGraph says of a thread, newest first."""

    def of(thread):
        with SqliteSaver.from_conn_string(str(db)) as saver:
            return list(graph(saver).get_state_history({"configurable": {"thread_id": thread}}))

    return of


def id_of(state) -> str:
    return state.config["configurable"]["checkpoint_id"]


def as_json(result):
    return json.loads(result.stdout)


# --- threads ---


def test_threads_are_listed(cli, db):
    found = as_json(cli("threads", db, "--json"))
    assert {each["thread_id"] for each in found} == THREADS
    text = cli("threads", db).stdout
    assert text.splitlines()[0].split() == ["thread", "checkpoints", "size", "last", "step", "source"]
    assert len(text.splitlines()) == 1 + len(THREADS)
    assert [each["thread_id"] for each in as_json(cli("threads", db, "--order", "size", "-n", 1, "--json"))] == [
        "weather"
    ]
    assert "1 of 7 threads; --limit 0 lists all" in cli("threads", db, "-n", 1).stdout
    assert len(as_json(cli("threads", db, "--limit", 0, "--json"))) == 7


def test_threads_are_filtered(cli, db):
    found = as_json(cli("threads", db, "--filter", "user=u3", "--json"))
    assert [each["thread_id"] for each in found] == [f"{LONG}3"]
    assert as_json(cli("threads", db, "--filter", "step=3", "--filter", "user=u3", "--json"))
    assert as_json(cli("threads", db, "--filter", "user=u9", "--json")) == []
    assert as_json(cli("threads", db, "--before", "1h", "--json")) == []
    assert len(as_json(cli("threads", db, "--before", "2999-01-01", "--json"))) == 7
    assert "--filter takes KEY=VALUE" in cli("threads", db, "--filter", "user", code=2).stderr
    assert "neither an age" in cli("threads", db, "--before", "soon", code=2).stderr


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_lines_are_no_longer_than_the_terminal(cli, db, width):
    for arguments in (["threads", db], ["show", db, "weather"], ["show", db, f"{LONG}1"], ["history", db, "weather"]):
        for line in cli(*arguments, COLUMNS=str(width)).stdout.splitlines():
            assert len(line) <= width, (arguments, line)


# --- show ---


def test_a_conversation_is_shown_as_langgraph_has_it(cli, db, states):
    latest = states("weather")[0]
    text = cli("show", db, "weather").stdout
    shown = " ".join(text.split())
    for message in latest.values["messages"]:
        said = message.content if isinstance(message.content, str) else message.content[0]["text"]
        assert (
            " ".join(said.split()) in shown.replace("\\x1b", "\x1b").replace("\\r\\u202e", "\r\u202e") or "\x1b" in said
        )
    roles = re.findall(r"^ *(user|assistant|tool get_weather|system)\b", text, re.MULTILINE)
    assert len(roles) == len(latest.values["messages"]) == 11
    assert 'calls get_weather(city="Paris", unit="C")' in shown
    assert f"messages: {len(roles)} messages" in text
    assert 'city "Paris"' in shown
    assert f"checkpoint {id_of(latest)}, the latest of {len(states('weather'))}" in shown


def test_what_acts_on_a_terminal_is_escaped(cli, db):
    for arguments in (["show", db, "weather"], ["diff", db, "weather", -1, 10]):
        text = cli(*arguments[:2], "--", *arguments[2:]).stdout if arguments[0] == "diff" else cli(*arguments).stdout
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[bold]home[/bold]" in text


def test_the_state_as_json_is_all_of_it(cli, db, states):
    latest = states("weather")[0]
    found = as_json(cli("show", db, "weather", "--json"))
    assert found["checkpoint_id"] == id_of(latest)
    assert found["metadata"] == latest.metadata
    shown = [message["value"]["content"] for message in found["channels"]["messages"]]
    assert shown == [message.content for message in latest.values["messages"]]
    assert found["channels"]["city"] == "Paris"
    raw = cli("show", db, "weather", "--raw").stdout
    assert json.loads(raw[raw.index("{\n") :])["messages"] == found["channels"]["messages"]


def test_what_it_waits_for_is_said(cli, db):
    text = " ".join(cli("show", db, "trip").stdout.split())
    assert 'It waits for an answer: {question: "May I book the trip?"}' in text
    assert "pending writes __interrupt__ of task" in text
    assert as_json(cli("show", db, "trip", "--json"))["pending_writes"][0]["channel"] == "__interrupt__"


def test_a_checkpoint_is_found_by_id_by_its_beginning_by_step_and_by_time(cli, db, states):
    history = states("trip")
    for state in history:
        wanted = [id_of(state), id_of(state)[:18]]
        if state.metadata["step"] >= 0:
            wanted.append(state.metadata["step"])
        for name in wanted:
            assert as_json(cli("show", db, "trip", name, "--json"))["checkpoint_id"] == id_of(state)
    assert as_json(cli("show", db, "trip", "--at", "2999-01-01", "--json"))["checkpoint_id"] == id_of(history[0])
    assert "had no checkpoint at that time" in cli("show", db, "trip", "--at", "1d", code=1).stderr
    # Two branches have a step 3.
    assert "may be any of" in cli("show", db, "weather", 3, code=1).stderr
    assert "has no checkpoint 'x'" in cli("show", db, "trip", "x", code=1).stderr
    assert "has no namespace 'n', but ''" in cli("show", db, "trip", "--ns", "n", code=1).stderr


def test_a_time_means_the_checkpoint_that_was_the_latest_then(cli, tmp_path):
    now = datetime.now(timezone.utc)
    with RustSQLiteCheckpointer(tmp_path / "app.db") as saver:
        for hours in (30, 20, 10):
            made = id_at(now - timedelta(hours=hours)) + "8000-000000000000"
            state = {
                "v": 4,
                "id": made,
                "ts": "",
                "channel_values": {"at": hours},
                "channel_versions": {},
                "versions_seen": {},
            }
            saver.put({"configurable": {"thread_id": "t", "checkpoint_ns": ""}}, state, {"step": -hours}, {})
    for at, expected in (("25h", 30), ("1d", 30), ("15h", 20), ("5h", 10), ("1m", 10)):
        assert as_json(cli("show", tmp_path / "app.db", "t", "--at", at, "--json"))["channels"] == {"at": expected}


def test_a_delta_channel_is_put_together(cli, tmp_path):
    from samples import graphs

    if graphs.delta() is None:
        pytest.skip("this release has no delta channels")
    path = tmp_path / "app.db"
    config = {"configurable": {"thread_id": "t"}}
    with SqliteSaver.from_conn_string(str(path)) as saver:
        app = graphs.delta().compile(checkpointer=saver)
        for n in range(4):
            app.invoke({"items": [f"turn {n}"]}, config)
        expected = app.get_state(config).values["items"]
    found = as_json(cli("show", path, "t", "--json"))
    assert found["rebuilt_from_deltas"]["items"] > 0
    assert len(found["channels"]["items"]) == len(expected)
    assert [each for each in found["channels"]["items"] if str(each).startswith("turn")] == [
        f"turn {n}" for n in range(4)
    ]


# --- history ---


def test_the_history_is_a_tree_with_its_forks(cli, db, states):
    history = states("weather")
    found = as_json(cli("history", db, "weather", "--json"))
    assert {each["checkpoint_id"] for each in found} == {id_of(state) for state in history}
    parents = {
        id_of(state): state.parent_config and state.parent_config["configurable"]["checkpoint_id"] for state in history
    }
    assert {each["checkpoint_id"]: each["parent_checkpoint_id"] for each in found} == parents
    places = [each["checkpoint_id"] for each in found]
    assert all(parents[each] is None or places.index(parents[each]) < places.index(each) for each in places)
    main = [each["checkpoint_id"] for each in found if each["depth"] == 0]
    assert main[-1] == id_of(history[0])
    assert all(parents[each] in (None, before) for before, each in pairwise(main))
    assert [each["depth"] for each in found if each["source"] == "input"].count(1) == 1
    written = {each["checkpoint_id"]: each["nodes"] for each in found}
    expected = {
        id_of(state): [task.name for task in state.tasks if not task.name.startswith("__")] for state in history
    }
    for state in history:
        before = parents[id_of(state)]
        if state.metadata["source"] == "loop" and state.metadata["step"] > 0:
            assert written[id_of(state)] == expected[before], state.metadata
    text = cli("history", db, "weather").stdout
    assert text.count("○") == len(history) - 1
    assert text.count("●") == 1
    assert "├─○" in text


def test_a_long_history_is_cut_off_and_a_deep_one_is_no_recursion(cli, tmp_path):
    with RustSQLiteCheckpointer(tmp_path / "app.db", synchronous="off") as saver:
        config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
        for n in range(3000):
            state = {
                "v": 4,
                "id": f"{n:08}",
                "ts": "",
                "channel_values": {},
                "channel_versions": {},
                "versions_seen": {},
            }
            config = saver.put(config, state, {"source": "loop", "step": n}, {})
    text = cli("history", tmp_path / "app.db", "t").stdout
    assert "2,950 before these; --all shows them" in text
    assert text.count("○") == 49
    assert cli("history", tmp_path / "app.db", "t", "--all").stdout.count("○") == 2999


# --- diff ---


def test_a_diff_names_what_came_and_what_went(cli, db, states):
    newer, older = states("trip")[0], states("trip")[2]
    found = as_json(cli("diff", db, "trip", id_of(older), id_of(newer), "--json"))
    added = newer.values["messages"][len(older.values["messages"]) :]
    assert [each["value"]["content"] for each in found["channels"]["messages"]["added"]] == [m.content for m in added]
    assert found["channels"]["messages"]["removed"] == []
    assert found["channels"]["tries"] == {"change": "added", "before": None, "after": 1}
    back = as_json(cli("diff", db, "trip", id_of(newer), id_of(older), "--json"))
    assert back["channels"]["messages"]["removed"] == found["channels"]["messages"]["added"]
    text = cli("diff", db, "trip", id_of(older), id_of(newer)).stdout
    assert "+ tool: 21 °C" in text
    assert "The state is the same." in cli("diff", db, "trip", id_of(newer), id_of(newer)).stdout


# --- stats ---


def test_stats_are_those_of_the_checkpointer(cli, db):
    found = as_json(cli("stats", db, "--json"))
    with RustSQLiteCheckpointer(db, read_only=True) as saver:
        expected = json.loads(json.dumps(saver.stats().to_dict()))
    assert found == {name: value for name, value in expected.items() if name in found}
    assert set(expected) - set(found) == {"counters", "remembered", "removed"}
    text = cli("stats", db).stdout
    assert re.search(r"^threads +7$", text, re.MULTILINE)
    assert ("compact" in text) is (expected["layout"] == "compact")


# --- beside a running app ---


def test_looking_changes_no_byte(cli, db):
    before = db.read_bytes()
    for arguments in (
        ["threads", db],
        ["show", db, "weather"],
        ["history", db, "weather"],
        ["stats", db],
        ["doctor", db],
    ):
        cli(*arguments)
    assert db.read_bytes() == before
