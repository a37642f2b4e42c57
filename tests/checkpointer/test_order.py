"""What was submitted first is on disk no later: pending writes, and the checkpoint after them."""

from __future__ import annotations

import random
import signal
import sys
import threading

import pytest

from apps import finished_nodes
from apps.finished_nodes import Found
from apps.numbered_checkpoints import config_of, put
from apps.processes import processes
from apps.soak import figures, scaled
from samples.hooks import Encoded
from threads import PATIENCE, at_once

WAYS = ("stock", "patched", "standard", "compact")


@pytest.mark.parametrize("call", ["put", "delete_thread"])
def test_what_comes_while_pending_writes_are_encoded_is_done_after_them(checkpointer, sql, call):
    encoding, is_over = threading.Event(), threading.Event()
    waited: list[bool] = []

    def meanwhile():
        encoding.set()
        # Enough for a call that does not wait.
        waited.append(not is_over.wait(0.5))

    def write():
        checkpointer.put_writes(config_of("t", "1"), [("a", Encoded(meanwhile))], "task")

    def come():
        assert encoding.wait(PATIENCE)
        if call == "put":
            put(checkpointer, "t", 1)
        else:
            checkpointer.delete_thread("t")
        is_over.set()

    checkpointer.setup()
    at_once(write, come)
    assert waited == [True]
    tables = [sql(f"SELECT count(*) FROM {table}")[0][0] for table in ("writes", "checkpoints")]
    assert tables == ([1, 1] if call == "put" else [0, 0])


def test_code_that_encodes_pending_writes_may_itself_put(checkpointer):
    checkpointer.put_writes(config_of("t", "1"), [("a", Encoded(lambda: put(checkpointer, "t", 1)))], "task")
    assert checkpointer.get_tuple(config_of("t")).checkpoint["channel_values"]["n"] == 1


def killed_and_gone_on(way, path, asynchronous, kill_as_put):
    child = processes.Process(target=finished_nodes.run, args=(way, path, asynchronous, kill_as_put))
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL
    ours, theirs = processes.Pipe()
    child = processes.Process(target=finished_nodes.go_on, args=(theirs, way, path, asynchronous))
    child.start()
    theirs.close()
    found = ours.recv()
    child.join(PATIENCE)
    return found


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
@pytest.mark.parametrize("kill_as_put", ["begins", "returns"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_node_whose_writes_or_next_checkpoint_are_on_disk_does_not_run_again(tmp_path, asynchronous, kill_as_put):
    kills = scaled(3, 300)
    found: dict[str, list[Found]] = {way: [] for way in WAYS}
    for n in range(kills):
        for way in random.sample(WAYS, len(WAYS)):
            found[way].append(killed_and_gone_on(way, str(tmp_path / f"{way}{n}.db"), asynchronous, kill_as_put))
    for way, all_found in found.items():
        for each in all_found:
            assert each.checkpoint == (kill_as_put == "returns")
            assert each.times_run == (1 if each.writes or each.checkpoint else 2)
            assert each.messages == 3
        figures(
            f"{way}, killed as {'an aput' if asynchronous else 'a put'} {kill_as_put}",
            kills=kills,
            nodes_that_ran_again=sum(each.times_run > 1 for each in all_found),
            checkpoints_without_the_writes_before_them=sum(each.checkpoint > each.writes for each in all_found),
        )
