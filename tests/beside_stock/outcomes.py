"""What a call gave and everything that it said on the way, and where two such outcomes differ."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.serde import jsonplus

from beside_stock.equality import difference
from installed_releases import register_serde_event_listener
from samples.noted_calls import CALLS

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
