"""A conversation whose messages are a delta channel: stock, `patch()`, and RustSQLiteCheckpointer in both layouts.

On files with synchronous full. What was said and the history of the last checkpoint are compared first; then all take
turns in one process, and medians are printed.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Annotated, Any, TypedDict

import chat
from checkpointer import FULL, timed
from langchain_core.messages import AnyMessage
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import _messages_delta_reducer
from side_by_side import on_stock

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

IN = chat.config("conversation")


class State(TypedDict):
    messages: Annotated[list[AnyMessage], DeltaChannel(_messages_delta_reducer)]


GRAPH: StateGraph[Any, Any, Any, Any] = StateGraph(State)
# Without their annotations, which name another state.
GRAPH.add_node("model", lambda state: chat.model(state))
GRAPH.add_node("tools", lambda state: chat.tools(state))
GRAPH.add_edge(START, "model")
GRAPH.add_conditional_edges("model", lambda state: chat.route(state), ["tools", END])
GRAPH.add_edge("tools", "model")


@contextmanager
def saver_on(path: Path) -> Iterator[Any]:
    with closing(sqlite3.connect(path, check_same_thread=False)) as conn:
        conn.execute(FULL)
        yield SqliteSaver(conn)


KINDS: dict[str, Callable[[Path], Any]] = {
    "stock": saver_on,
    "patch()": saver_on,
    "standard": RustSQLiteCheckpointer,
    "compact": lambda path: RustSQLiteCheckpointer(path, layout="compact"),
}


def converse(saver: Any, turns: int) -> None:
    app = GRAPH.compile(checkpointer=saver)
    for turn in range(turns):
        app.invoke(chat.question(turn), IN)


def said(saver: Any) -> bytes:
    """What the conversation came to, and what the messages are rebuilt from."""
    state = GRAPH.compile(checkpointer=saver).get_state(IN)
    history = saver.get_delta_channel_history(config=state.config, channels=["messages"])["messages"]
    seed = history["seed"].value if "seed" in history else []
    messages = [state.values["messages"], seed, *(value for _, _, value in history["writes"])]
    return sha256(repr([[(each.type, each.content) for each in some] for some in messages]).encode()).digest()


def conversation(folder: Path, kind: str, turns: int) -> tuple[float, float, float, float, bytes]:
    """Seconds; seconds of processor time; milliseconds for the history at the end; MB of the file; what was said."""

    def run() -> tuple[float, float, float, float, bytes]:
        path = folder / "conversation.db"
        gc.collect()
        with KINDS[kind](path) as saver:
            began = time.process_time()
            seconds, _ = timed(lambda: converse(saver, turns))
            used = time.process_time() - began
            of = {"config": saver.get_tuple(IN).config, "channels": ["messages"]}
            read = [timed(lambda: saver.get_delta_channel_history(**of))[0] for _ in range(9)]
            found = said(saver)
        size = path.stat().st_size / 1e6
        for file in folder.iterdir():
            file.unlink()
        return seconds, used, median(read) * 1e3, size, found

    result: tuple[float, float, float, float, bytes] = on_stock(run) if kind == "stock" else run()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, nargs="*", default=[20, 100, 250])
    parser.add_argument("--folder", type=Path, help="where the files are; by default with other temporary files")
    arguments = parser.parse_args()
    fast_langgraph.patch()
    print(f"{'turns':>6} {'':<9} {'s':>7} {'stock':>7} {'processor s':>12} {'stock':>7} {'history ms':>11} {'MB':>7}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        for turns in arguments.turns:
            runs: dict[str, list[Any]] = {kind: [] for kind in KINDS}
            for _ in range(arguments.rounds):
                for kind, results in runs.items():
                    results.append(conversation(Path(name), kind, turns))
                assert len({results[-1][4] for results in runs.values()}) == 1, "what was said differs"
            for kind, results in runs.items():
                ratio = [median(a[of] / b[of] for a, b in zip(runs["stock"], results, strict=True)) for of in (0, 1)]
                seconds, used, read, size = (median(run[of] for run in results) for of in range(4))
                print(
                    f"{turns:>6} {kind:<9} {seconds:>7.2f} {ratio[0]:>6.2f}x {used:>12.2f} {ratio[1]:>6.2f}x "
                    f"{read:>11.2f} {size:>7.2f}",
                    flush=True,
                )
    site = fast_langgraph.status().sites["SqliteSaver.get_delta_channel_history"]
    assert site.calls > 0, site
    assert not site.fallbacks, site


if __name__ == "__main__":
    main()
