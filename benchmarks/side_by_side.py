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


def seconds(call: Callable[[], Any], repeat: int) -> float:
    """Of one call, the mean of ``repeat`` in a row."""
    began = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - began) / repeat


def compare(call: Callable[[], Any], rounds: int, repeat: int = 1) -> tuple[float, float]:
    """Seconds on stock and on ours: medians over ``rounds`` of both in turn."""
    stock: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        gc.collect()
        stock.append(on_stock(lambda: seconds(call, repeat)))
        gc.collect()
        ours.append(seconds(call, repeat))
    return statistics.median(stock), statistics.median(ours)


def row(name: str, stock: float, ours: float, unit: str = "s") -> str:
    scale = {"s": 1, "ms": 1e3, "us": 1e6}[unit]
    return f"{name:<42} {stock * scale:>10.3f} {ours * scale:>10.3f} {unit:<3} {stock / ours:>6.2f} x"


HEADER = f"{'':<42} {'stock':>10} {'patch()':>10}"
