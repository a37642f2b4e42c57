"""The compact layout beside SqliteSaver: time, size and bytes written over the turns of an agent.

Each pair of files is first compared row by row, through the view; printed are medians, and by what power of the
number of turns each grows.
"""

from __future__ import annotations

import argparse
import gc
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from agent import converse
from checkpointer import state, stock, timed
from langgraph.checkpoint.sqlite import SqliteSaver

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer


@contextmanager
def unpatched(path: Path) -> Iterator[Any]:
    fast_langgraph.unpatch()
    with stock(path) as saver:
        yield saver


def patched(layout: str) -> Callable[[Path], Any]:
    @contextmanager
    def opened(path: Path) -> Iterator[Any]:
        fast_langgraph.patch(layout=layout)
        with stock(path) as saver:
            yield saver

    return opened


KINDS: dict[str, Callable[[Path], Any]] = {
    "stock": unpatched,
    "patch()": patched("standard"),
    "patch(), compact": patched("compact"),
    "own": lambda path: RustSQLiteCheckpointer(path, layout="standard"),
    "own, compact": lambda path: RustSQLiteCheckpointer(path, layout="compact"),
}
MB = 1e6


def bytes_written() -> int:
    """By this process so far, to files."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def messages(path: Path) -> bytes:
    """What the conversation came to, as stock reads it."""
    with closing(sqlite3.connect(path)) as conn, fast_langgraph.disabled():
        latest = next(SqliteSaver(conn).list(None, limit=1))
        said = [message.content for message in latest.checkpoint["channel_values"]["messages"]]
        return sha256(repr(said).encode()).digest()


def conversation(folder: Path, kind: str, turns: int) -> tuple[float, float, float, bytes]:
    """Seconds; MB of the file; MB written; what was said."""
    path = folder / f"{kind}.db"
    gc.collect()
    before = bytes_written()
    with KINDS[kind](path) as saver:
        seconds, _ = timed(lambda: converse(saver, turns))
    written = bytes_written() - before
    size = path.stat().st_size
    said = messages(path)
    for file in folder.iterdir():
        file.unlink()
    return seconds, size / MB, written / MB, said


def table(folder: Path, turns: list[int], rounds: int) -> dict[str, list[tuple[float, ...]]]:
    """By kind, for each number of turns: seconds, MB of the file, MB written."""
    print(f"{'turns':>6} {'':<16} {'s':>8} {'stock':>8} {'MB':>9} {'stock':>8} {'MB written':>11} {'stock':>8}")
    found: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in KINDS}
    for count in turns:
        runs: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        for _ in range(rounds if count < 500 else 1):
            for kind, results in runs.items():
                results.append(conversation(folder, kind, count))
        said = {run[3] for results in runs.values() for run in results}
        assert len(said) == 1, "what was said differs"
        for kind, results in runs.items():
            ratios = [[one[of] / two[of] for one, two in zip(runs["stock"], results, strict=True)] for of in range(3)]
            seconds, size, written = (median(run[of] for run in results) for of in range(3))
            found[kind].append((seconds, size, written))
            time_ratio, size_ratio, written_ratio = map(median, ratios)
            print(
                f"{count:>6} {kind:<16} {seconds:>8.2f} {time_ratio:>7.2f}x {size:>9.2f} {size_ratio:>7.1f}x "
                f"{written:>11.1f} {written_ratio:>7.1f}x",
                flush=True,
            )
    for kind, figures in found.items():
        powers = [
            [log(after[of] / before[of]) / log(more / count) for of in range(3)]
            for (count, before), (more, after) in pairwise(zip(turns, figures, strict=True))
        ]
        if powers:
            grows = ", ".join(" ".join(f"{power[of]:.2f}" for power in powers) for of in range(3))
            print(f"{kind:<16} grows by these powers of the turns, count by count: time, size, written: {grows}")
    return found


def draw(turns: list[int], found: dict[str, list[tuple[float, ...]]], target: Path) -> None:
    """The size of the file against the turns; the standard layout is as large as stock's."""
    from matplotlib import pyplot, rcParams

    # Text that can be searched, and the same file from the same figures.
    rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "size", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for kind, colour, marker in (("stock", "#b2182b", "s"), ("own, compact", "#2166ac", "o")):
        sizes = [figures[1] for figures in found[kind]]
        name = "SqliteSaver" if kind == "stock" else "the compact layout"
        axes.loglog(turns, sizes, color=colour, marker=marker, label=name)
        axes.annotate(f"{sizes[-1]:,.0f} MB", (turns[-1], sizes[-1]), (-4, 7), textcoords="offset points", ha="right")
    axes.set_xticks(turns, map(str, turns))
    axes.minorticks_off()
    axes.margins(y=0.12)
    axes.set_yticks([1, 10, 100, 1000], ["1 MB", "10 MB", "100 MB", "1 GB"])
    axes.set_xlabel("turns of one conversation")
    axes.set_title("Size of the database", loc="left", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


def single(folder: Path, rounds: int) -> None:
    """Reading 1,000 messages, and states that nothing is in common of."""
    place, checkpoint = state(1000)
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for kind, make in KINDS.items():
            with make(folder / f"{kind}.db") as saver:
                saver.put(place, checkpoint, {}, {})
                seconds, _ = timed(lambda saver=saver: [saver.get_tuple(place).config for _ in range(20)])
                times.setdefault(kind, []).append(seconds / 20)
            if kind == "own, compact":
                with unpatched(folder / f"{kind}.db") as saver:
                    seconds, _ = timed(lambda saver=saver: [saver.get_tuple(place).config for _ in range(20)])
                    times.setdefault("stock on compact", []).append(seconds / 20)
            for file in folder.iterdir():
                file.unlink()
    for kind, seconds in times.items():
        print(f"get_tuple of 1,000 messages, {kind:<17} {median(seconds) * 1e3:>8.2f} ms")
    puts: dict[str, list[tuple[float, int]]] = {}
    for _ in range(rounds):
        for kind in ("own", "own, compact"):
            path = folder / f"{kind}.db"
            with KINDS[kind](path) as saver:
                saver.setup()
                states = [
                    {**checkpoint, "id": f"{n:08}", "channel_values": {"x": os.urandom(100_000)}} for n in range(50)
                ]
                seconds, _ = timed(
                    lambda saver=saver, states=states: [saver.put(place, each, {}, {}) for each in states]
                )
            puts.setdefault(kind, []).append((seconds / 50, path.stat().st_size))
            for file in folder.iterdir():
                file.unlink()
    for kind, figures in puts.items():
        milliseconds, size = median(each[0] for each in figures) * 1e3, median(each[1] for each in figures) / MB
        print(f"50 puts of 100 KB of random bytes, {kind:<16} {milliseconds:>8.2f} ms each, {size:>7.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, nargs="*", default=[20, 100, 250])
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draws size against turns, as an SVG")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = table(Path(name), arguments.turns, arguments.rounds)
        if arguments.chart:
            draw(arguments.turns, found, arguments.chart)
        single(Path(name), arguments.rounds)


if __name__ == "__main__":
    main()
