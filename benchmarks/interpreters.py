"""Codec and agent on this interpreter, and the table of several.

``make bench-all-pythons`` runs it on each CPython found. It first asserts that every message takes the direct path.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "interpreters.md"
#: the targets on each interpreter
TARGETS = {"encode": 10.0, "decode": 7.0, "agent, 20 turns": 1.3, "agent, 100 turns": 1.7, "agent, 250 turns": 2.2}
#: once, after a full collection that has emptied the caches of the processor and of the interpreter
COLD = ("encode, cold", "decode, cold")
COLUMNS = ("encode", "decode", *COLD, "agent, 20 turns", "agent, 100 turns", "agent, 250 turns")

INTRODUCTION = """\
`make bench-all-pythons` measures stock's time divided by ours under `patch()`, for 1,000 messages (450 KB) and for an
agent on a SQLite file. Stock and ours take turns in one process; the figures are medians. Each run first asserts that
the results are equal and that every message took the direct path. "encode" and "decode" run twenty times in a row.
"cold" is a single run after a full garbage collection, which leaves little of a state in the processor's caches. An
agent is in between.
"""


def ratios(rounds: int) -> dict[str, float]:
    """Stock's time over ours."""
    from agent import on_a_file
    from codec import conversation
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from side_by_side import compare, on_stock

    serde = JsonPlusSerializer()
    state = {"messages": conversation(1000)}
    encoded = on_stock(lambda: serde.dumps_typed(state))
    assert serde.dumps_typed(state) == encoded
    assert serde.loads_typed(encoded) == on_stock(lambda: serde.loads_typed(encoded)) == state
    assert_fast()

    def encode() -> Any:
        return serde.dumps_typed(state)

    def decode() -> Any:
        return serde.loads_typed(encoded)

    calls: dict[str, tuple[Callable[[], Any], int, int]] = {
        "encode": (encode, 15, 20),
        "decode": (decode, 15, 20),
        "encode, cold": (encode, 25, 1),
        "decode, cold": (decode, 25, 1),
    }
    # By the thread's own time: other processes have no part in it.
    found = {name: compare(*call, time.thread_time)[2] for name, call in calls.items()}
    with tempfile.TemporaryDirectory() as folder:
        assert on_a_file(folder, 10) == on_stock(lambda: on_a_file(folder, 10))
        for turns in (20, 100, 250):
            run = compare(lambda turns=turns: on_a_file(folder, turns), rounds)
            found[f"agent, {turns} turns"] = run[2]
    assert_fast()
    return found


def assert_fast() -> None:
    import fast_langgraph

    status = fast_langgraph.status()
    assert not status.indirect, status
    for name, site in status.sites.items():
        assert site.state == "active", (name, site)
        assert not site.fallbacks, (name, site)
        assert not site.values_by_stock, (name, site)


def page(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# On each interpreter",
        "",
        *INTRODUCTION.splitlines(),
        "",
        f"| CPython | SQLite | {' | '.join(COLUMNS)} |",
        f"|---|---|{'---|' * len(COLUMNS)}",
    ]
    for row in rows:
        cells = [
            f"*{row[name]:.1f}x*" if (row["python"], name) in missed(rows) else f"{row[name]:.1f}x" for name in COLUMNS
        ]
        lines.append(f"| {row['python']} | {row['sqlite']} | {' | '.join(cells)} |")
    wanted = ", ".join(f"{name} {ratio}x" for name, ratio in TARGETS.items())
    return "\n".join([*lines, "", f"Targets on each interpreter: {wanted}. Figures below them are in italics.", ""])


def missed(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each interpreter below a target, with the name of that column."""
    return [(row["python"], name) for row in rows for name, wanted in TARGETS.items() if row[name] < wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of the agent")
    parser.add_argument("--add-to", type=Path, help="a file of JSON lines to add this interpreter's row to")
    parser.add_argument("--page", type=Path, help="write the page from such a file, and measure nothing")
    arguments = parser.parse_args()
    if arguments.page:
        rows = [json.loads(line) for line in arguments.page.read_text().splitlines()]
        PAGE.write_text(page(rows))
        for python, name in missed(rows):
            print(f"CPython {python} misses {TARGETS[name]}x: {name}")
        return 1 if any(name in ("encode", "decode") for _, name in missed(rows)) else 0
    import fast_langgraph

    fast_langgraph.patch()
    row = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **ratios(arguments.rounds)}
    print(", ".join(f"{name} {value if isinstance(value, str) else f'{value:.2f}x'}" for name, value in row.items()))
    if arguments.add_to:
        with arguments.add_to.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
