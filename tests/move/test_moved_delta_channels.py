"""Delta channels: snapshots, counters and the writes since are moved, and states are rebuilt as before."""

from __future__ import annotations

import pytest

from apps.moved import answers, differing, rows_of, saver_of
from beside_stock.equality import difference
from fast_langgraph import move
from samples import graphs
from samples.graphs import CONFIG


def states(place):
    with saver_of(place) as saver:
        app = graphs.delta().compile(checkpointer=saver)
        return [state.values for state in app.get_state_history(CONFIG)]


def chat(place, turns=8):
    with saver_of(place) as saver:
        saver.setup()
        app = graphs.delta().compile(checkpointer=saver)
        for n in range(turns):
            app.invoke({"items": [n]}, CONFIG)


def histories(place):
    with saver_of(place) as saver:
        keys = sorted(answers(saver))
        configs = [
            {"configurable": dict(zip(("thread_id", "checkpoint_ns", "checkpoint_id"), key, strict=True))}
            for key in keys
        ]
        return [saver.get_delta_channel_history(config=each, channels=["items", "count", "none"]) for each in configs]


@pytest.mark.parametrize("begun", ["sqlite", "postgres"])
def test_states_are_rebuilt_alike_there_and_back(begun, sqlite, postgres, other_postgres, tmp_path):
    first, second = (sqlite, postgres) if begun == "sqlite" else (postgres, sqlite)
    third = tmp_path / "back.db" if begun == "sqlite" else other_postgres
    chat(first)
    for source, target in ((first, second), (second, third)):
        assert move(source, target).is_equal
        assert difference(states(source), states(target)) is None
        assert difference(histories(source), histories(target)) is None
    chat(third, 3)
    assert len(states(third)[0]["items"]) == 4 * 11


def test_what_sqlite_saver_returned_it_returns_again(sqlite, postgres, tmp_path):
    chat(sqlite)
    back = tmp_path / "back.db"
    assert move(sqlite, postgres).is_equal
    assert move(postgres, back).is_equal
    with saver_of(sqlite) as one, saver_of(back) as other:
        assert differing(answers(one), answers(other)) == []
    assert rows_of(sqlite)["writes"] == rows_of(back)["writes"]


def snapshots(found):
    return [key[2] for key, got in sorted(found.items()) if "items" in got.checkpoint["channel_values"]]


def test_postgres_saver_returns_a_snapshot_for_each_checkpoint_of_its_version_as_in_its_own_runs(
    sqlite, postgres, other_postgres
):
    chat(sqlite)
    chat(other_postgres)
    assert move(sqlite, postgres).is_equal
    with saver_of(sqlite) as one, saver_of(postgres) as other, saver_of(other_postgres) as own:
        before, after, of_its_own = answers(one), answers(other), answers(own)
    assert len(snapshots(before)) < len(snapshots(after)) == len(snapshots(of_its_own))
    for key in snapshots(before):
        assert key in snapshots(after)
    for got in after.values():
        if got.config["configurable"]["checkpoint_id"] not in snapshots(before):
            got.checkpoint["channel_values"].pop("items", None)
    assert differing(before, after) == []
