"""Pruning beside delta channels: what is kept can be rebuilt as before."""

from __future__ import annotations

import random
import threading

import pytest
from langgraph.checkpoint.base.id import uuid6
from langgraph.types import Overwrite

from apps.databases import opened
from apps.entry_points import ENTRIES, call
from beside_stock.equality import difference
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._checkpointer import pruning
from installed_releases import HAS_HISTORY, _DeltaSnapshot
from samples import graphs
from samples.checkpoints import checkpoint, config
from samples.graphs import CONFIG

pytestmark = [
    pytest.mark.parametrize("entry", ENTRIES),
    pytest.mark.skipif(not HAS_HISTORY, reason="this release has no delta channels"),
]

IN = {"configurable": {"thread_id": CONFIG["configurable"]["thread_id"]}}


@pytest.fixture
def ran(path):
    """A graph of a delta channel that is stored whole every fifth time, after seven turns and a branch."""
    with RustSQLiteCheckpointer(path, synchronous="off") as checkpointer:
        app = graphs.delta().compile(checkpointer=checkpointer)
        for n in range(7):
            app.invoke({"items": [n]}, {**CONFIG, "metadata": {"run_id": run_id(n)}})
        early = list(app.get_state_history(CONFIG))[9]
        app.update_state(early.config, {"items": ["branch"]}, as_node="more")
        app.invoke({"items": ["branch again"]}, {**CONFIG, "metadata": {"run_id": run_id(7)}})
        yield checkpointer, app


def run_id(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012x}"


def states(app) -> dict[str, object]:
    """Each checkpoint's state, delta channels rebuilt."""
    return {state.config["configurable"]["checkpoint_id"]: state.values for state in app.get_state_history(CONFIG)}


def unchanged(before: dict[str, object], after: dict[str, object], least: int) -> None:
    """What is asked for is there, as it was; and something has gone."""
    wanted = sorted(before, reverse=True)[:least]
    assert set(wanted) <= set(after) < set(before)
    for checkpoint_id in wanted:
        assert difference(before[checkpoint_id], after[checkpoint_id]) is None, checkpoint_id


@pytest.mark.parametrize("keep", [1, 2, 3, 5, 8, 12])
def test_states_that_are_kept_are_rebuilt_as_before(entry, keep, ran):
    checkpointer, app = ran
    before = states(app)
    assert len(before[max(before)]["items"]) > 5
    call(entry, checkpointer, "prune", [IN["configurable"]["thread_id"]], keep_last=keep)
    unchanged(before, states(app), keep)


def test_stock_rebuilds_what_was_kept_as_well(entry, ran, path):
    checkpointer, app = ran
    latest = app.get_state(CONFIG)
    call(entry, checkpointer, "prune", [IN["configurable"]["thread_id"]])
    with opened("stock", path) as stock:
        found = graphs.delta().compile(checkpointer=stock).get_state(CONFIG)
    assert difference(latest.values, found.values) is None


@pytest.mark.parametrize("chunk", [1, pruning.CHUNK])
@pytest.mark.parametrize("moment", range(1, 10))
def test_a_run_that_begins_at_an_old_checkpoint_meanwhile_keeps_what_it_needs(entry, moment, chunk, ran, monkeypatch):
    checkpointer, app = ran
    # Of what was said before the branch, and of which nothing is kept.
    early = [state.config for state in app.get_state_history(CONFIG) if "branch" not in state.values["items"]][4]
    monkeypatch.setattr(pruning, "CHUNK", chunk)
    steps = pruning.prune(checkpointer._way(False, None), [IN["configurable"]["thread_id"]], "keep_latest", 1, None)
    request = next(steps)
    for _ in range(min(moment, 9 if chunk == 1 else 5)):
        request = steps.send(checkpointer._engine.run(request))
    begun = call(entry, app, "update_state", early, {"count": 70}, as_node="more")
    before = app.get_state(begun).values
    assert len(before["items"]) > 5
    assert before["count"] == 70
    with pytest.raises(StopIteration):
        while True:
            request = steps.send(checkpointer._engine.run(request))
    assert difference(before, app.get_state(begun).values) is None
    assert len(list(checkpointer.list(CONFIG))) < 20, "something has gone"


def test_a_conversation_goes_on_after_it_was_pruned(entry, ran):
    checkpointer, app = ran
    items = app.get_state(CONFIG).values["items"]
    for n in range(12):
        call(entry, checkpointer, "prune", [IN["configurable"]["thread_id"]])
        app.invoke({"items": [f"turn {n}"]}, CONFIG)
        expected, items = [*items, f"turn {n}"], app.get_state(CONFIG).values["items"]
        assert len(items) == len(expected) + 3
        assert items[: len(expected)] == expected
    # What it is rebuilt from does not pile up: the snapshots end the chains.
    call(entry, checkpointer, "prune", [IN["configurable"]["thread_id"]])
    assert len(list(checkpointer.list(IN))) < 12


def test_an_overwrite_starts_anew_and_stays(entry, ran):
    checkpointer, app = ran
    app.update_state(CONFIG, {"items": Overwrite(["anew"])}, as_node="more")
    app.update_state(CONFIG, {"items": ["more"]}, as_node="more")
    before = states(app)
    assert before[max(before)]["items"] == ["anew", "more"]
    call(entry, checkpointer, "prune", [IN["configurable"]["thread_id"]])
    unchanged(before, states(app), 1)


def test_checkpoints_of_a_run_that_later_ones_are_rebuilt_from_stay(entry, ran):
    checkpointer, app = ran
    before = states(app)
    runs = {found.checkpoint["id"]: found.metadata.get("run_id") for found in checkpointer.list(IN)}
    gone = [run_id(n) for n in range(0, 7, 2)]
    assert set(gone) < set(runs.values())
    call(entry, checkpointer, "delete_for_runs", gone)
    after = states(app)
    assert set(after) < set(before)
    for checkpoint_id, run in runs.items():
        if run not in gone:
            assert difference(before[checkpoint_id], after[checkpoint_id]) is None


def test_a_copy_is_rebuilt_without_the_original(entry, ran):
    checkpointer, app = ran
    before = states(app)
    call(entry, checkpointer, "copy_thread", IN["configurable"]["thread_id"], "copy")
    checkpointer.delete_thread(IN["configurable"]["thread_id"])
    copied = {
        state.config["configurable"]["checkpoint_id"]: state.values
        for state in app.get_state_history({"configurable": {"thread_id": "copy"}})
    }
    assert difference(before, copied) is None


# --- any tree of checkpoints ---


def grow(saver, dice: random.Random, ns: str) -> None:
    """A tree of forty checkpoints with three channels, each left out or not, as LangGraph notes it."""
    channels = ("a", "b", "c")
    known: list[tuple[str, dict[str, int]]] = []
    for n in range(40):
        parent = known[-1 if dice.random() < 0.8 else dice.randrange(len(known))] if known else None
        values, counters = {}, {}
        for channel in channels:
            since = parent[1].get(channel, 0) + 1 if parent else 0
            if parent is None or since > dice.randrange(3, 12):
                if parent is not None or dice.random() < 0.5:
                    values[channel] = _DeltaSnapshot([f"{channel}{n}"])
            else:
                counters[channel] = since
        given = {**checkpoint(n), "id": str(uuid6()), "channel_values": values}
        where = {"thread_id": "tree", "checkpoint_ns": ns}
        if parent:
            where["checkpoint_id"] = parent[0]
        metadata = {"source": "loop", "step": n, "run_id": f"run-{dice.randrange(8)}"}
        if counters:
            metadata["counters_since_delta_snapshot"] = {channel: (since, since) for channel, since in counters.items()}
        saved = saver.put({"configurable": where}, given, metadata, {})
        for task in range(dice.randrange(3)):
            writes = [(channel, [n, task]) for channel in channels if dice.random() < 0.6]
            saver.put_writes(saved, writes, f"task-{9 - task}", f"~{task}")
        known.append((given["id"], counters))


def rebuilt(saver, ns: str) -> dict[str, object]:
    """By checkpoint: the history of each channel that it has left out, which alone is ever asked for."""
    found = {}
    for each in saver.list(config("tree", ns)):
        channels = sorted(each.metadata.get("counters_since_delta_snapshot", {}))
        found[each.checkpoint["id"]] = saver.get_delta_channel_history(config=each.config, channels=channels)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_pruned_of_a_tree_the_rest_has_its_history(entry, seed, path):
    dice = random.Random(seed)
    removed = 0
    with RustSQLiteCheckpointer(path, synchronous="off") as saver:
        for ns in ("", "child:1"):
            grow(saver, dice, ns)
        for keep in (25, 12, 5, 1):
            for ns in ("", "child:1"):
                before = rebuilt(saver, ns)
                runs = {each.checkpoint["id"]: each.metadata["run_id"] for each in saver.list(config("tree", ns))}
                if dice.random() < 0.3:
                    gone = [f"run-{dice.randrange(8)}"]
                    call(entry, saver, "delete_for_runs", gone)
                    wanted = {each for each in before if runs[each] not in gone}
                else:
                    call(entry, saver, "prune", ["tree"], keep_last=keep)
                    wanted = set(sorted(before, reverse=True)[:keep])
                after = rebuilt(saver, ns)
                assert wanted <= set(after) <= set(before)
                for each in wanted:
                    assert difference(before[each], after[each]) is None
                removed += len(before) - len(after)
    assert removed > 20


def test_a_conversation_that_goes_on_while_it_is_pruned_loses_nothing(entry, path):
    turns = 25
    with RustSQLiteCheckpointer(path, synchronous="off") as saver:
        app = graphs.delta().compile(checkpointer=saver)
        talking = threading.Thread(target=lambda: [app.invoke({"items": [f"turn {n}"]}, CONFIG) for n in range(turns)])
        talking.start()
        rounds = 0
        while talking.is_alive() or rounds < 2:
            call(entry, saver, "prune", [IN["configurable"]["thread_id"]], keep_last=1 + rounds % 3)
            rounds += 1
        talking.join()
        items = app.get_state(CONFIG).values["items"]
        assert len(items) == 4 * turns
        assert items[::4] == [f"turn {n}" for n in range(turns)]
