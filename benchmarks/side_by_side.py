"""Timing stock and ours in one process, in turns, so that a machine's ups and downs meet both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import fast_langgraph


def on_stock(call: Callable[[], Any]) -> Any:
    with fast_langgraph.disabled():
        return call()


Clock = Callable[[], float]


def seconds(call: Callable[[], Any], repeat: int, clocks: Sequence[Clock]) -> list[float]:
    """Of one call by each clock, the mean of ``repeat`` in a row."""
    began = [clock() for clock in clocks]
    for _ in range(repeat):
        call()
    return [(clock() - start) / repeat for clock, start in zip(clocks, began, strict=True)]


def compare(
    call: Callable[[], Any], rounds: int, repeat: int = 1, clock: Clock = time.perf_counter
) -> tuple[float, float, float]:
    """Seconds on stock and on ours, and the one over the other: medians over ``rounds`` of both in turn."""
    [compared] = compare_by([clock], call, rounds, repeat)
    return compared


def compare_by(
    clocks: Sequence[Clock], call: Callable[[], Any], rounds: int, repeat: int = 1
) -> list[tuple[float, float, float]]:
    """The same by several clocks at once."""
    stock: list[list[float]] = []
    ours: list[list[float]] = []
    for _ in range(rounds):
        gc.collect()
        stock.append(on_stock(lambda: seconds(call, repeat, clocks)))
        gc.collect()
        ours.append(seconds(call, repeat, clocks))
    return [
        (
            statistics.median(there),
            statistics.median(here),
            statistics.median(one / other for one, other in zip(there, here, strict=True)),
        )
        for there, here in zip(zip(*stock, strict=True), zip(*ours, strict=True), strict=True)
    ]


def row(name: str, stock: float, ours: float, ratio: float, unit: str = "s") -> str:
    scale = {"s": 1, "ms": 1e3, "us": 1e6}[unit]
    return f"{name:<42} {stock * scale:>10.3f} {ours * scale:>10.3f} {unit:<3} {ratio:>6.2f} x"


HEADER = f"{'':<42} {'stock':>10} {'patch()':>10}"
