"""Savers of other databases than SQLite: a pair of databases, whose rows have to be the same after each run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

from beside_stock.sites import never_falls_back, runs_native
from beside_stock.tee import AsyncTee, Tee

ENCODING, DECODING = "JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed"

#: addresses of the databases of stock and of ours
Pair = tuple[str, str]
#: by table, in a steady order
Rows = dict[str, list[Any]]


@contextlib.contextmanager
def native() -> Iterator[None]:
    with runs_native(ENCODING), never_falls_back(DECODING):
        yield


def same(rows: Callable[[str], Rows], pair: Pair, calls: list[str], differences: list[str]) -> None:
    assert differences == []
    assert calls
    stock, ours = map(rows, pair)
    assert stock["checkpoints"]
    assert stock == ours


@contextlib.contextmanager
def both(
    opened: Callable[[str], AbstractContextManager[Any]],
    rows: Callable[[str], Rows],
    pair: Pair,
    may_fall_back: bool = False,
) -> Iterator[Tee]:
    """A saver of each; the serializer of the second runs in Rust, without going back to stock unless it may."""
    with opened(pair[0]) as stock, opened(pair[1]) as ours:
        tee = Tee(stock, ours)
        stock.setup()
        ours.setup()
        with contextlib.nullcontext() if may_fall_back else native():
            yield tee
    same(rows, pair, tee.calls, tee.differences)


@contextlib.asynccontextmanager
async def aboth(
    opened: Callable[[str], AbstractAsyncContextManager[Any]], rows: Callable[[str], Rows], pair: Pair
) -> AsyncIterator[AsyncTee]:
    async with opened(pair[0]) as stock, opened(pair[1]) as ours:
        tee = AsyncTee(stock, ours)
        await stock.setup()
        await ours.setup()
        with native():
            yield tee
    same(rows, pair, tee.calls, tee.differences)
