"""Timing stock and ours in one process, in turns, so that a machine's ups and downs meet both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import fast_langgraph


def on_stock(call: Callable[[], Any]) -> Any:
    with fast_langgraph.disabled():
        return call()


Clock = Callable[[], float]


def seconds(call: Callable[[], Any], repeat: int, clock: Clock) -> float:
    """Of one call, the mean of ``repeat`` in a row."""
    began = clock()
    for _ in range(repeat):
        call()
    return (clock() - began) / repeat


def compare(
    call: Callable[[], Any], rounds: int, repeat: int = 1, clock: Clock = time.perf_counter
) -> tuple[float, float, float]:
    """Seconds on stock and on ours, and the one over the other: medians over ``rounds`` of both in turn."""
    stock: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        gc.collect()
        stock.append(on_stock(lambda: seconds(call, repeat, clock)))
        gc.collect()
        ours.append(seconds(call, repeat, clock))
    ratio = statistics.median(there / here for there, here in zip(stock, ours, strict=True))
    return statistics.median(stock), statistics.median(ours), ratio


def row(name: str, stock: float, ours: float, ratio: float, unit: str = "s") -> str:
    scale = {"s": 1, "ms": 1e3, "us": 1e6}[unit]
    return f"{name:<42} {stock * scale:>10.3f} {ours * scale:>10.3f} {unit:<3} {ratio:>6.2f} x"


HEADER = f"{'':<42} {'stock':>10} {'patch()':>10}"
