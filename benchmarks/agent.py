"""One conversation with an agent, on a SQLite file with SQLite's defaults."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from chat import GRAPH, config, question
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from side_by_side import HEADER, compare, row

import fast_langgraph


class ReferenceSaver(BaseCheckpointSaver[str]):
    """Keeps references and encodes nothing: what is left is LangGraph's own work."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.writes: dict[tuple[str, str, str], list[Any]] = defaultdict(list)

    def get_tuple(self, config: Any) -> CheckpointTuple | None:
        key = (config["configurable"]["thread_id"], config["configurable"].get("checkpoint_ns", ""))
        if key not in self.latest:
            return None
        own, checkpoint, metadata, parent = self.latest[key]
        copied = {**checkpoint, "channel_values": dict(checkpoint["channel_values"])}
        return CheckpointTuple(own, copied, metadata, parent, self.writes.get((*key, checkpoint["id"]), []))

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        key = (config["configurable"]["thread_id"], config["configurable"].get("checkpoint_ns", ""))
        own = {"configurable": {"thread_id": key[0], "checkpoint_ns": key[1], "checkpoint_id": checkpoint["id"]}}
        self.latest[key] = (own, checkpoint, metadata, config)
        return own

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        place = config["configurable"]
        key = (place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"])
        self.writes[key] += [(task_id, channel, value) for channel, value in writes]

    def get_next_version(self, current: str | None, channel: None) -> str:
        number = int(current.split(".")[0]) if current else 0
        return f"{number + 1:032}.{random.random():016}"


def converse(saver: Any, turns: int) -> list[Any]:
    app = GRAPH.compile(checkpointer=saver)
    for turn in range(turns):
        app.invoke(question(turn), config("conversation"))
    return [message.content for message in app.get_state(config("conversation")).values["messages"]]


def timed(saver: Any, turns: int) -> float:
    began = time.perf_counter()
    converse(saver, turns)
    return time.perf_counter() - began


def on_a_file(folder: str, turns: int) -> list[Any]:
    """What was said in a conversation on SqliteSaver, on a new file."""
    path = Path(tempfile.mkstemp(".db", dir=folder)[1])
    with SqliteSaver.from_conn_string(str(path)) as saver:
        said = converse(saver, turns)
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, nargs="*", default=[20, 100, 250])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    fast_langgraph.patch()
    with tempfile.TemporaryDirectory() as folder:
        with fast_langgraph.disabled():
            expected = on_a_file(folder, 10)
        assert on_a_file(folder, 10) == expected
        print(HEADER)
        for turns in arguments.turns:
            for layout in ("standard", "compact"):
                # Stock, which takes turns, makes standard files.
                fast_langgraph.patch(layout=layout)
                times = compare(lambda n=turns: on_a_file(folder, n), arguments.rounds)
                print(row(f"SqliteSaver, {layout}, {turns} turns", *times))
            memory = compare(lambda n=turns: converse(InMemorySaver(), n), arguments.rounds)
            print(row(f"InMemorySaver, {turns} turns", *memory))
            print(f"{'LangGraph itself (nothing encoded)':<42} {timed(ReferenceSaver(), turns):>10.3f}")
    print()
    print(fast_langgraph.status())


if __name__ == "__main__":
    main()
