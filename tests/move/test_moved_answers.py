"""After a move PostgresSaver returns what SqliteSaver returned, and after another move back SqliteSaver does again."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage

from apps import conversations
from apps.moved import answers, async_answers, differing, rows_of, saver_of
from beside_stock.equality import difference
from beside_stock.graph_runs import RUNS, question, sent
from fast_langgraph import RustSQLiteCheckpointer, move
from samples import graphs
from samples.graphs import CONFIG


def run(name, place):
    build, inputs = RUNS[name]
    with saver_of(place) as saver:
        saver.setup()
        app = build().compile(checkpointer=saver)
        for given in inputs:
            sent(app, given)


def history(app):
    return [state._replace(created_at=None) for state in app.get_state_history(CONFIG)]


@pytest.mark.parametrize("name", [name for name in RUNS if name != "delta"])
def test_each_graph_s_checkpoints_are_answered_alike(name, sqlite, postgres, tmp_path):
    run(name, sqlite)
    with saver_of(sqlite) as saver:
        expected = answers(saver)
        app = RUNS[name][0]().compile(checkpointer=saver)
        states = history(app)
    assert move(sqlite, postgres).is_equal
    with saver_of(postgres) as saver:
        assert differing(expected, answers(saver)) == []
        app = RUNS[name][0]().compile(checkpointer=saver)
        assert difference([state.values for state in states], [state.values for state in history(app)]) is None
        assert [state.next for state in states] == [state.next for state in history(app)]
        assert [state.tasks for state in states] == [state.tasks for state in history(app)]
    assert differing(expected, async_answers(postgres)) == []
    back = tmp_path / "back.db"
    assert move(postgres, back).is_equal
    with saver_of(back) as saver:
        assert differing(expected, answers(saver)) == []
    assert rows_of(back)["writes"] == rows_of(sqlite)["writes"]


@pytest.mark.parametrize("name", [name for name in RUNS if name != "delta"])
def test_each_graph_s_checkpoints_of_postgres_saver_s_own_are_answered_alike(name, sqlite, postgres, other_postgres):
    run(name, postgres)
    with saver_of(postgres) as saver:
        expected = answers(saver)
    assert move(postgres, sqlite).is_equal
    with saver_of(sqlite) as saver:
        assert differing(expected, answers(saver)) == []
    assert move(sqlite, other_postgres).is_equal
    with saver_of(other_postgres) as saver:
        assert differing(expected, answers(saver)) == []


@pytest.mark.parametrize("layout", ["standard", "compact"])
def test_subgraphs_forks_and_questions_are_answered_alike_from_either_layout(layout, sqlite, postgres):
    conversations.run(sqlite)
    with RustSQLiteCheckpointer(sqlite) as saver:
        saver.convert(layout)
    with saver_of(sqlite) as saver:
        expected = answers(saver)
    report = move(sqlite, postgres)
    assert report.is_equal
    assert (report.checkpoints, report.writes) == tuple(map(len, rows_of(sqlite).values()))
    assert (report.moved_checkpoints, report.moved_writes) == (report.checkpoints, report.writes)
    with saver_of(postgres) as saver:
        assert differing(expected, answers(saver)) == []


@pytest.mark.parametrize("edit", ["none", "by hand", "fork", "copy"])
def test_states_that_were_edited_are_answered_alike(edit, sqlite, postgres):
    with saver_of(sqlite) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        app.invoke(question(1), CONFIG)
        app.invoke(question(2), CONFIG)
        states = list(app.get_state_history(CONFIG))
        if edit == "by hand":
            app.update_state(CONFIG, {"messages": [HumanMessage("by hand", id="hand")]})
            app.update_state(CONFIG, {"messages": [HumanMessage("as tools", id="hand2")]}, as_node="tools")
        for state in states[1::3] if edit == "fork" else []:
            app.invoke({"messages": [HumanMessage("fork", id="fork")]}, state.config)
            app.invoke(None, app.update_state(state.config, {"messages": [HumanMessage("edit", id="edit")]}))
        if edit == "copy":
            app.update_state(CONFIG, None, as_node="__copy__")
            app.update_state(CONFIG, None)
        expected = answers(saver)
    assert move(sqlite, postgres).is_equal
    with saver_of(postgres) as saver:
        assert differing(expected, answers(saver)) == []
