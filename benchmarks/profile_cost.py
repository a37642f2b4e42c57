"""What ``profile()`` costs while it is on, of one conversation with an agent, and once it is off again.

CPU seconds of the whole process, of rounds in turns; or with ``--instructions`` what valgrind counts, which takes
minutes and does not depend on what else the machine does. Before anything is timed, a conversation with and without it
is compared.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from agent import converse
from chat import all_at_once
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

KINDS = ("stock", "patched", "async-patched", "checkpointer")


def said_on(kind: str, path: Path, turns: int) -> list[Any]:
    if kind == "async-patched":
        return asyncio.run(said_async(path, turns))
    with RustSQLiteCheckpointer(path) if kind == "checkpointer" else SqliteSaver.from_conn_string(str(path)) as saver:
        return converse(saver, turns)


async def said_async(path: Path, turns: int) -> list[Any]:
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        (said,) = (await all_at_once(saver, 1, turns)).values()
        return said


def conversation(kind: str, turns: int, profiled: bool) -> tuple[list[Any], float, float]:
    """What was said, and the CPU and wall seconds."""
    gc.collect()
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time(), time.perf_counter()
        with fast_langgraph.profile() if profiled else nullcontext() as profile:
            said = said_on(kind, Path(folder, "test.db"), turns)
        took = time.process_time() - began[0], time.perf_counter() - began[1]
        if profiled:
            assert profile.report().puts > turns, "nothing was profiled"
    return said, *took


def dump() -> None:
    """What was executed since the last time is written by callgrind."""
    gc.collect()
    subprocess.run(["callgrind_control", "-d", str(os.getpid())], check=True, capture_output=True)


def under_valgrind(kind: str, turns: int) -> None:
    """Off, on, off and on in one process, once it has warmed up: what imports and the like execute is not counted."""
    if kind.endswith("patched"):
        fast_langgraph.patch()
    for profiled in (False, True, False):
        conversation(kind, 3, profiled)
    gc.freeze()
    dump()
    for profiled in (False, True) * 2:
        conversation(kind, turns, profiled)
        dump()


def instructions(kind: str, turns: int) -> tuple[float, float]:
    """Of a conversation, without a profile and with one."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable, __file__]
        command += ["--under-valgrind", kind, "--turns", str(turns)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "0"})
        texts = [Path(folder, f"out.{number}").read_text(errors="replace") for number in range(2, 6)]
    found = [int(re.findall(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[-1]) for text in texts]
    return (found[0] + found[2]) / 2, (found[1] + found[3]) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, nargs="*", default=[50, 250])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--instructions", action="store_true", help="count them, by valgrind")
    parser.add_argument("--under-valgrind", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.under_valgrind:
        under_valgrind(arguments.under_valgrind, arguments.turns[0])
        return
    if arguments.instructions:
        print(f"{'instructions of a turn':<28} {'off':>12} {'on':>12}")
        for kind in arguments.kinds:
            for turns in arguments.turns:
                off, on = instructions(kind, turns)
                name = f"{kind}, {turns} turns"
                print(f"{name:<28} {off / turns:>12,.0f} {on / turns:>12,.0f} {on / off - 1:>+7.1%}", flush=True)
        return
    print(f"{'':<28} {'off':>8} {'on':>8} {'off':>8}  {'on, CPU':>8} {'on, wall':>8}")
    for kind in arguments.kinds:
        (fast_langgraph.patch if kind.endswith("patched") else fast_langgraph.unpatch)()
        assert conversation(kind, 5, True)[0] == conversation(kind, 5, False)[0]
        for turns in arguments.turns:
            rounds: list[list[tuple[float, float]]] = [[], [], []]
            for number in range(arguments.rounds):
                # Who comes first changes, because the machine's state does.
                for way in (0, 1, 2) if number % 2 else (2, 1, 0):
                    rounds[way].append(conversation(kind, turns, way == 1)[1:])
            cpu = [statistics.median(one[0] for one in way) for way in rounds]
            pairs = list(zip(*rounds, strict=True))
            costs = [
                statistics.median(2 * on[unit] / (off[unit] + again[unit]) - 1 for off, on, again in pairs)
                for unit in (0, 1)
            ]
            times = " ".join(f"{seconds:>8.3f}" for seconds in cpu)
            print(f"{kind}, {turns} turns".ljust(28), times, *(f" {cost:>+7.1%}" for cost in costs), flush=True)


if __name__ == "__main__":
    main()
