"""What prune, delete_for_runs, delete_thread, convert and vacuum say: what they did, what they would do, how far they are."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

import pytest

from apps.databases import connected
from apps.entry_points import ENTRIES, call
from fast_langgraph import MaintenanceResult, RustSQLiteCheckpointer
from fast_langgraph._checkpointer import maintenance, pruning
from samples import graphs
from samples.checkpoints import METADATA, SPECIAL, WRITES, checkpoint, config
from samples.moments import NOW, id_of

pytestmark = pytest.mark.parametrize("entry", ENTRIES)

DAY = timedelta(days=1)


def fill(saver, threads=("a", "b", "c"), days=12) -> None:
    """A checkpoint a day in two namespaces, each with five pending writes; and writes without a checkpoint."""
    for thread in threads:
        for ns in ("", "child:1"):
            for n in range(days):
                state = {**checkpoint(n, text="x" * 50 * n), "id": id_of(NOW - n * DAY, n)}
                saved = saver.put(config(thread, ns), state, {**METADATA, "run_id": f"run {n}"}, {})
                saver.put_writes(saved, WRITES, "task")
                saver.put_writes(saved, SPECIAL, "other")
        orphan = config(thread)["configurable"] | {"checkpoint_id": id_of(NOW - 5 * DAY, 99)}
        saver.put_writes({"configurable": orphan}, WRITES, "task")


@pytest.fixture
def filled(checkpointer):
    fill(checkpointer)
    return checkpointer


def there(path) -> dict[tuple, int]:
    """The bytes of each row of both tables, by its key, as stock's columns show them."""
    with connected(path) as conn:
        keys = "thread_id, checkpoint_ns, checkpoint_id"
        rows = conn.execute(f"SELECT {keys}, length(checkpoint) + length(metadata) FROM checkpoints").fetchall()
        writes = conn.execute(f"SELECT {keys}, task_id, idx, length(value) FROM writes").fetchall()
    return {row[:-1]: row[-1] for row in (*rows, *writes)}


def what_went(before: dict[tuple, int], after: dict[tuple, int]) -> MaintenanceResult:
    gone = {key: size for key, size in before.items() if key not in after}
    checkpoints = sum(len(key) == 3 for key in gone)
    return MaintenanceResult(len({key[0] for key in gone}), checkpoints, len(gone) - checkpoints, sum(gone.values()))


REMOVALS = [
    ("prune", (), {"keep_last": 4}),
    ("prune", (), {"older_than": 3 * DAY}),
    ("prune", (["a", "nobody", "a"],), {}),
    ("prune", (["b", "c"],), {"strategy": "delete"}),
    ("prune", (), {"strategy": "delete", "older_than": 30 * DAY}),
    ("delete_for_runs", (["run 2", "run 9", "nothing"],), {}),
    ("delete_thread", ("b",), {}),
]


@pytest.mark.parametrize(("name", "args", "options"), REMOVALS, ids=str)
def test_it_says_what_it_removes_and_a_dry_run_says_the_same(name, args, options, filled, path, entry):
    before = there(path)
    foreseen = call(entry, filled, name, *args, **options, dry_run=True)
    assert there(path) == before
    operations = filled.stats().counters["operations"]
    assert call(entry, filled, name, *args, **options) == foreseen == what_went(before, there(path))
    assert foreseen.bytes > 0
    assert filled.stats().counters["operations"] > operations
    nothing = call(entry, filled, name, *args, **options)
    assert nothing == MaintenanceResult() == call(entry, filled, name, *args, **options, dry_run=True)
    assert json.dumps(foreseen.to_dict()) == json.dumps(vars(foreseen))


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("prune", (["nobody"],), {}),
        ("prune", (["nobody"],), {"strategy": "delete"}),
        ("delete_for_runs", (["nobody"],), {}),
        ("delete_thread", ("nobody",), {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_who_isn_t_there_counts_nothing(name, args, options, dry_run, filled, path, entry):
    before = there(path)
    assert call(entry, filled, name, *args, **options, dry_run=dry_run) == MaintenanceResult()
    assert there(path) == before


def test_checkpoints_that_delta_channels_need_are_not_counted(checkpointer, path, entry):
    if graphs.delta() is None:
        pytest.skip("this release has no delta channels")
    graph, IN = graphs.delta().compile(checkpointer=checkpointer), {"configurable": {"thread_id": "delta"}}
    for n in range(7):
        graph.invoke({"items": [n]}, IN)
    values = graph.get_state(IN).values
    before = there(path)
    foreseen = call(entry, checkpointer, "prune", ["delta"], dry_run=True)
    assert foreseen == call(entry, checkpointer, "prune", ["delta"]) == what_went(before, there(path))
    assert 0 < foreseen.checkpoints < sum(len(key) == 3 for key in before) - 1
    assert graph.get_state(IN).values == values


def test_a_conversion_says_what_it_converts(path, entry):
    with RustSQLiteCheckpointer(path, layout="standard") as saver:
        fill(saver, days=4)
        big = "".join(f"{n:09}" for n in range(3000))
        for n in range(5):
            saver.put(config("big"), {**checkpoint(n, text=big), "id": id_of(NOW, n)}, METADATA, {})
        with connected(path) as conn:
            sizes = dict(conn.execute("SELECT thread_id, sum(length(checkpoint)) FROM checkpoints GROUP BY thread_id"))
        foreseen = call(entry, saver, "convert", "compact", dry_run=True)
        assert saver.stats().layout == "standard"
        assert foreseen == MaintenanceResult(4, 3 * 8 + 5, bytes=sum(sizes.values()))
        done = call(entry, saver, "convert", "compact")
        # What has nothing in common with others stays as it is.
        assert 5 <= done.checkpoints <= foreseen.checkpoints
        assert sizes["big"] <= done.bytes <= foreseen.bytes
        assert saver.stats().layout == "compact"
        assert call(entry, saver, "convert", "compact") == MaintenanceResult()
        back = call(entry, saver, "convert", "standard", dry_run=True)
        assert (back.checkpoints, back.bytes) == (done.checkpoints, done.bytes)
        assert back == call(entry, saver, "convert", "standard")
        assert call(entry, saver, "convert", "standard") == MaintenanceResult()
        assert call(entry, saver, "convert", "standard", dry_run=True) == MaintenanceResult()


def test_vacuum_says_what_it_gives_back(filled, path, entry):
    call(entry, filled, "prune", ["a", "b"], strategy="delete")
    before = filled.stats()
    orphans = [key for key in there(path) if len(key) == 5 and key[2] == id_of(NOW - 5 * DAY, 99)]
    foreseen = call(entry, filled, "vacuum", dry_run=True)
    assert (foreseen.writes, foreseen.bytes) == (len(orphans), before.free_bytes) == (3, before.free_bytes)
    assert (filled.stats().writes, filled.stats().database_bytes) == (before.writes, before.database_bytes)
    done = call(entry, filled, "vacuum")
    assert done == MaintenanceResult(writes=3, bytes=before.database_bytes - filled.stats().database_bytes)
    assert done.bytes >= foreseen.bytes > 0
    assert os.path.getsize(path) == filled.stats().database_bytes


@pytest.mark.parametrize("method", ["prune", "delete_for_runs", "convert", "vacuum"])
def test_progress_is_told(method, filled, path, entry, monkeypatch):
    monkeypatch.setattr(maintenance, "EVERY", 0.0)
    monkeypatch.setattr(pruning, "CHUNK", 5)
    other = "standard" if filled.stats().layout == "compact" else "compact"
    before = there(path)
    args = {"prune": (), "delete_for_runs": ([f"run {n}" for n in range(10)],), "convert": (other,), "vacuum": ()}
    options = {"keep_last": 2} if method == "prune" else {}
    told: list[tuple[int, int]] = []
    call(entry, filled, method, *args[method], **options, progress=lambda done, total: told.append((done, total)))
    in_pieces = call(entry, filled, "convert", "standard", dry_run=True).checkpoints
    total = {"prune": 72, "delete_for_runs": 60, "convert": told[0][1]}.get(method, 4 if in_pieces else 1)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert len(told) > {"prune": 10, "delete_for_runs": 10}.get(method, 1)
    assert len(told) == len(set(told))
    assert (there(path) == before) is (method == "convert")


def test_progress_is_told_ten_times_a_second_at_most(filled, entry, monkeypatch):
    times = iter([n * 0.03 for n in range(1000)])
    monkeypatch.setattr(maintenance, "time", type("", (), {"monotonic": staticmethod(lambda: next(times))}))
    monkeypatch.setattr(pruning, "CHUNK", 5)
    told: list[tuple[int, int]] = []
    call(entry, filled, "prune", keep_last=2, progress=lambda done, total: told.append((done, total)))
    # Two looks at the clock, one to ask and one to note the time: 0.1 s are at least three more.
    assert 3 < len(told) <= 3 + next(times) / 0.1


class Stop(Exception):
    pass


def test_what_progress_raises_ends_the_work_and_a_second_call_finishes_it(filled, path, entry, monkeypatch):
    monkeypatch.setattr(maintenance, "EVERY", 0.0)
    monkeypatch.setattr(pruning, "CHUNK", 5)
    before = there(path)

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise Stop

    with pytest.raises(Stop):
        call(entry, filled, "prune", keep_last=2, progress=stop)
    halfway = what_went(before, there(path))
    assert 0 < halfway.checkpoints < 60
    rest = call(entry, filled, "prune", keep_last=2)
    assert halfway.checkpoints + rest.checkpoints == 60
    for thread in "abc":
        assert len(list(filled.list(config(thread, "")))) == 2


@pytest.mark.parametrize("method", ["prune", "delete_for_runs", "convert", "vacuum"])
def test_progress_that_can_t_be_called_is_refused(method, filled, path, entry):
    before = there(path)
    args = {"prune": (["a"],), "delete_for_runs": (["run 1"],), "convert": ("compact",), "vacuum": ()}[method]
    with pytest.raises(TypeError, match="progress must be a callable"):
        call(entry, filled, method, *args, progress=5)
    assert there(path) == before


def test_a_dry_run_needs_no_right_to_write(filled, path, entry):
    before = there(path)
    with RustSQLiteCheckpointer(path, read_only=True) as saver:
        assert call(entry, saver, "prune", keep_last=2, dry_run=True).checkpoints == 60
        assert call(entry, saver, "delete_thread", "a", dry_run=True).threads == 1
        assert call(entry, saver, "delete_for_runs", ["run 1"], dry_run=True).checkpoints == 6
        assert call(entry, saver, "vacuum", dry_run=True).writes == 9
        other = "standard" if saver.stats().layout == "compact" else "compact"
        assert call(entry, saver, "convert", other, dry_run=True).checkpoints > 0
    assert there(path) == before


def test_an_event_loop_goes_on_meanwhile(filled, entry):
    if entry == "sync":
        return

    async def both() -> tuple[MaintenanceResult, int]:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0)

        beating = asyncio.create_task(beat())
        done = await filled.aprune(keep_last=1)
        beating.cancel()
        return done, beats

    done, beats = asyncio.run(both())
    assert done.checkpoints == 66
    assert beats > 5
