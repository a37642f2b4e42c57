"""Runs stock's code and ours on the same thing and tells the first difference.

Stock's functions are taken from the classes before anything is patched, so that a mistake in
``disabled()`` can't make ours be compared with itself.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import fast_langgraph
from beside_stock.equality import difference
from installed_releases import register_serde_event_listener
from samples.noted_calls import CALLS


def _stock(owner: type, name: str) -> Callable[..., Any]:
    function = owner.__dict__[name]
    home = sys.modules[owner.__module__].__file__
    assert function.__code__.co_filename == home, f"{owner.__name__}.{name} is patched already"
    return function


stock_dumps_typed = _stock(JsonPlusSerializer, "dumps_typed")
stock_loads_typed = _stock(JsonPlusSerializer, "loads_typed")

WARNED = tuple(name for name in vars(jsonplus) if name.startswith("_warned_"))


@dataclass
class Outcome:
    """What a call gave and everything that it said on the way."""

    value: Any = None
    error: BaseException | None = None
    warnings: list[tuple[type, str, str]] = field(default_factory=list)
    logs: list[tuple[str, int, str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    warned: dict[str, set[Any]] = field(default_factory=dict)
    collector: tuple[bool, bool] = (True, True)
    calls: list[str] = field(default_factory=list)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[tuple[str, int, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self.records.append((record.name, record.levelno, record.getMessage(), raised))


def forget_warnings() -> None:
    """Empties the sets of types that stock has warned of already."""
    for name in WARNED:
        getattr(jsonplus, name).clear()


def observe(call: Callable[[], Any], forget: bool = True) -> Outcome:
    """Calls, and keeps the result or the exception with warnings, log records and serde events.

    ``forget`` makes warn-once warnings come again.
    """
    outcome = Outcome()
    if forget:
        forget_warnings()
    handler = _Records()
    logger = logging.getLogger("langgraph")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    unregister = register_serde_event_listener(lambda event: outcome.events.append(dict(event)))
    before = gc.isenabled()
    CALLS.clear()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                outcome.value = call()
            except BaseException as error:
                outcome.error = error
        outcome.warnings = [(w.category, str(w.message), w.filename) for w in caught]
    finally:
        outcome.collector = (before, gc.isenabled())
        unregister()
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
    outcome.logs, outcome.calls = handler.records, list(CALLS)
    outcome.warned = {name: set(getattr(jsonplus, name)) for name in WARNED}
    return outcome


def error_difference(stock: BaseException | None, ours: BaseException | None) -> str | None:
    """How two exceptions differ: class, text, args, attributes, cause and context."""
    for depth in range(20):
        where = "error" if depth == 0 else f"error's origin {depth}"
        if stock is None and ours is None:
            return None
        if type(stock) is not type(ours):
            return f"{where}: {stock!r} against {ours!r}"
        assert stock is not None
        assert ours is not None
        if str(stock) != str(ours):
            return f"{where}: {stock!r} against {ours!r}"
        if stock.__suppress_context__ != ours.__suppress_context__:
            return f"{where}: __suppress_context__ differs"
        if found := difference(stock.args, ours.args, f"{where}.args"):
            return found
        if found := difference(stock.__dict__, ours.__dict__, f"{where}.__dict__"):
            return found
        for link in ("__cause__", "__context__"):
            if type(getattr(stock, link)) is not type(getattr(ours, link)):
                return f"{where}.{link}: {getattr(stock, link)!r} against {getattr(ours, link)!r}"
        stock, ours = stock.__cause__ or stock.__context__, ours.__cause__ or ours.__context__
    return None


def assert_same(stock: Outcome, ours: Outcome, about: str = "") -> None:
    """Fails with the first difference between two outcomes."""
    found = error_difference(stock.error, ours.error)
    if found is None and stock.error is None:
        found = difference(stock.value, ours.value)
    for what in ("warnings", "logs", "events", "warned", "collector", "calls"):
        if found is None and difference(getattr(stock, what), getattr(ours, what)) is not None:
            found = f"{what}: {getattr(stock, what)!r} against {getattr(ours, what)!r}"
    assert found is None, f"stock against ours{': ' + about if about else ''}: {found}"


def same_dumps(value: Any, serde: JsonPlusSerializer | None = None) -> Outcome:
    """Encodes one object with stock and with ours."""
    return same_dumps_of(lambda: value, serde)


def same_dumps_of(make: Callable[[], Any], serde: JsonPlusSerializer | None = None) -> Outcome:
    """Encodes what ``make()`` gives, new for each side."""
    serde = serde or JsonPlusSerializer()
    mine, yours = make(), make()
    stock = observe(lambda: stock_dumps_typed(serde, mine))
    ours = observe(lambda: serde.dumps_typed(yours))
    assert_same(stock, ours, "dumps_typed")
    if stock.error is None:
        assert (stock.value[1] is mine) == (ours.value[1] is yours), "bytes are handed on, not copied"
    return ours


def crashes_stock(typed: Any) -> bool:
    """ormsgpack before 1.13 allocates whatever length is claimed, and fills what it did not get."""
    if tuple(map(int, ormsgpack.__version__.split(".")[:2])) >= (1, 13):
        return False
    data = typed[1] if isinstance(typed, tuple) and len(typed) == 2 else None
    return isinstance(data, (bytes, bytearray)) and bool(re.search(rb"[\xdd\xdf][\x08-\xff]...", data, re.DOTALL))


def same_loads(typed: Any, serde: JsonPlusSerializer | None = None) -> Outcome:
    """Decodes one (type, data) with stock and with ours."""
    serde = serde or JsonPlusSerializer()
    if crashes_stock(typed):
        # There is nothing to compare with, and what an ext holds is read by stock's own hook.
        return observe(lambda: None)
    stock = observe(lambda: stock_loads_typed(serde, typed))
    ours = observe(lambda: serde.loads_typed(typed))
    assert_same(stock, ours, "loads_typed")
    return ours


def same_round_trip(value: Any, serde: JsonPlusSerializer | None = None) -> Outcome:
    """Encodes on both sides, then decodes stock's bytes on both sides. The decoding's outcome."""
    encoded = same_dumps(value, serde)
    if encoded.error is not None:
        return encoded
    return same_loads(encoded.value, serde)


@contextlib.contextmanager
def runs_native(*sites: str) -> Iterator[None]:
    """Fails unless each site is called within, and none hands a call back to stock."""
    before = {name: (site.calls, dict(site.fallbacks)) for name, site in _sites().items()}
    for name in sites:
        assert before.get(name) is not None, f"{name} is no site: {sorted(before)}"
    yield
    for name in sites:
        site = _sites()[name]
        calls, fallbacks = before[name]
        assert site.state == "active", f"{name} is {site.state}: {site.reason}"
        assert site.calls > calls, f"{name} was not called"
        assert dict(site.fallbacks) == fallbacks, f"{name} went back to stock: {site.fallbacks}"


@contextlib.contextmanager
def falls_back(name: str) -> Iterator[None]:
    """Fails unless the site hands a call back to stock within and counts it with a reason."""
    site = _sites()[name]
    calls, count = site.calls, sum(site.fallbacks.values())
    yield
    site = _sites()[name]
    assert site.calls > calls, f"{name} was not called"
    assert sum(site.fallbacks.values()) > count, f"{name} did not go back to stock"
    assert all(isinstance(reason, str) and reason for reason in site.fallbacks), site.fallbacks


def _sites() -> dict[str, Any]:
    return fast_langgraph.status().sites
