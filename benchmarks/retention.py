"""What ``retention=`` costs the puts beside it: their p99 with and without, of rounds in turns.

Each round puts so many checkpoints into threads in turns, on a new file; what is beyond the ten latest of each thread
goes meanwhile. ``--pause`` is between puts, in milliseconds: without one the machine does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from fast_langgraph import Retention, RustSQLiteCheckpointer


def latencies(
    path: Path, retention: Retention | None, puts: int, threads: int, pause: float, state: str
) -> tuple[list[float], int]:
    """Seconds of each put, and how many checkpoints were removed meanwhile."""
    taken = []
    with RustSQLiteCheckpointer(path, retention=retention) as saver:
        configs: list[Any] = [{"configurable": {"thread_id": str(n), "checkpoint_ns": ""}} for n in range(threads)]
        for number in range(puts):
            checkpoint = {**empty_checkpoint(), "channel_values": {"number": number, "state": state}}
            place = number % threads
            began = time.perf_counter()
            configs[place] = saver.put(configs[place], checkpoint, {"source": "loop", "step": number}, {})
            taken.append(time.perf_counter() - began)
            time.sleep(pause)
        removed = saver.stats().removed
        return taken, removed.checkpoints if removed is not None else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puts", type=int, default=4_000)
    parser.add_argument("--threads", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bytes", type=int, default=10_000)
    parser.add_argument("--pause", type=float, nargs="*", default=[0.0, 2.0])
    arguments = parser.parse_args()
    for pause in arguments.pause:
        found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        gone = 0
        with tempfile.TemporaryDirectory() as folder:
            for number in range(arguments.rounds):
                for retains in (False, True) if number % 2 else (True, False):
                    retention = Retention(keep_last=10) if retains else None
                    path = Path(folder, f"{number}{retains}.db")
                    taken, removed = latencies(
                        path, retention, arguments.puts, arguments.threads, pause / 1e3, "x" * arguments.bytes
                    )
                    assert bool(removed) == retains
                    gone += removed
                    cut = statistics.quantiles(taken, n=100)
                    found[retains].append((cut[49], cut[98]))
        print(f"{pause:g} ms between puts; {gone:,} of {arguments.puts * arguments.rounds:,} removed meanwhile")
        for name, at in (("p50", 0), ("p99", 1)):
            without, with_it = ([each[at] for each in found[retains]] for retains in (False, True))
            ratio = statistics.median(here / there for there, here in zip(without, with_it, strict=True))
            middle = statistics.median(without) * 1e3, statistics.median(with_it) * 1e3
            print(f"  {name} {middle[0]:>8.3f} ms without, {middle[1]:>8.3f} ms with it: {ratio:.2f} x", flush=True)


if __name__ == "__main__":
    main()
