"""A move is killed, over and over, and goes on each time: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import os
import random
import time

import pytest

from apps import conversations
from apps.moved import answers, differing, rows_of, saver_of
from apps.moving import move_and_report
from apps.processes import processes
from fast_langgraph import move
from threads import PATIENCE

SOAK = "SOAK" in os.environ
KILLS = 50 if SOAK else 6


def killed(source, target, chance) -> bool:
    """Whether a move was killed before it was over; it had written a few batches, or none."""
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=move_and_report, args=(theirs, str(source), str(target)))
    child.start()
    theirs.close()
    said = []
    batches = chance.randint(0, 5)
    try:
        while said.count("batch") < batches or "begun" not in said:
            assert ours.poll(PATIENCE)
            said.append(ours.recv())
            assert said[-1] != "different"
        time.sleep(chance.random() * 0.03)
    except EOFError:
        assert said[-1] == "equal"
    child.kill()
    child.join(PATIENCE)
    return "equal" not in said


def story(source, target):
    chance = random.Random(KILLS)
    counted = sum(killed(source, target, chance) for _ in range(KILLS))
    assert counted > KILLS // 2, "most moves were over before they were killed"
    report = move(source, target)
    assert report.is_equal
    assert all(each.only_in_target == 0 for each in report.threads)
    with saver_of(source) as one, saver_of(target) as other:
        assert differing(answers(one), answers(other)) == []
    assert move(source, target).moved_checkpoints == 0


@pytest.mark.soak
@pytest.mark.parametrize("way", ["to postgres", "to sqlite", "from file to file"])
def test_a_move_that_is_killed_goes_on(way, sqlite, postgres, tmp_path):
    # Enough that a move is not over before it is killed.
    conversations.run(sqlite, others=10 * KILLS)
    back = tmp_path / "back.db"
    if way == "to postgres":
        story(sqlite, postgres)
    elif way == "to sqlite":
        assert move(sqlite, postgres).is_equal
        story(postgres, back)
    else:
        story(sqlite, back)
        assert rows_of(sqlite) == rows_of(back)
