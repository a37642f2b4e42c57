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


class Watch:
    """Keeps what calls give and say while it is entered."""

    def __enter__(self) -> Watch:
        self._handler = _Records()
        self._logger = logging.getLogger("langgraph")
        self._settings = self._logger.level, self._logger.propagate
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False
        self._events: list[dict[str, Any]] = []
        self._unregister = register_serde_event_listener(lambda event: self._events.append(dict(event)))
        self._catching = warnings.catch_warnings(record=True)
        self._caught = self._catching.__enter__()
        warnings.simplefilter("always")
        return self

    def __exit__(self, *error: object) -> None:
        self._catching.__exit__(*error)
        self._unregister()
        self._logger.removeHandler(self._handler)
        level, self._logger.propagate = self._settings
        self._logger.setLevel(level)

    def observe(self, call: Callable[[], Any], forget: bool = True) -> Outcome:
        outcome = Outcome()
        if forget:
            forget_warnings()
        before = gc.isenabled()
        for said in (CALLS, self._handler.records, self._events, self._caught):
            said.clear()
        try:
            outcome.value = call()
        except BaseException as error:
            outcome.error = error
        outcome.collector = (before, gc.isenabled())
        outcome.warnings = [(w.category, str(w.message), w.filename) for w in self._caught]
        outcome.logs, outcome.events, outcome.calls = list(self._handler.records), list(self._events), list(CALLS)
        outcome.warned = {name: set(getattr(jsonplus, name)) for name in WARNED}
        return outcome


def observe(call: Callable[[], Any], forget: bool = True) -> Outcome:
    """Calls, and keeps the result or the exception with warnings, log records and serde events.

    ``forget`` makes warn-once warnings come again.
    """
    with Watch() as watch:
        return watch.observe(call, forget)


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
        said, said_by_ours = getattr(stock, what), getattr(ours, what)
        if found is None and (said or said_by_ours) and difference(said, said_by_ours) is not None:
            found = f"{what}: {said!r} against {said_by_ours!r}"
    assert found is None, f"stock against ours{': ' + about if about else ''}: {found}"
