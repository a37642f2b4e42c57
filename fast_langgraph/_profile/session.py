"""``profile()``: what is put before which function while any profile is on, and taken away after the last."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import RLock
from types import ModuleType
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Sampler, Tally
from fast_langgraph._patching.import_hook import Finder
from fast_langgraph._profile import timers
from fast_langgraph._profile.calls import SQLITE, SQLITE_AND_COMMIT
from fast_langgraph._profile.channels import BUDGET
from fast_langgraph._profile.instruments import ACTIVE, METHODS, Teller, front
from fast_langgraph._profile.recorder import Recorder
from fast_langgraph._profile.report import Profile
from fast_langgraph._replacements import async_group_commit, group_commit
from fast_langgraph._shared import fronts
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.fronts import Slot
from fast_langgraph._shared.stock_classes import STOCK_CLASSES

#: by module, the class of which methods are profiled
WATCHED = {**STOCK_CLASSES, "fast_langgraph.checkpointer": ("RustSQLiteCheckpointer", ())}

_lock = RLock()
_slots: list[Slot] = []


def _attach() -> None:
    """Puts fronts before everything that is imported and has none."""
    with _lock:
        if not ACTIVE.told:
            return
        for owner, attribute, make in _wanted():
            slot = fronts.place(owner, attribute, make)
            if slot is not None:
                _slots.append(slot)


def _wanted() -> list[tuple[Any, str, Callable[[Slot], Callable[..., Any]]]]:
    wanted: list[tuple[Any, str, Callable[[Slot], Callable[..., Any]]]] = [
        (Codec, "dumps", timers.dumps_typed),
        (Codec, "loads", timers.loads_typed),
        (group_commit, "_commit", timers.commit),
        (group_commit, "execute", timers.work(SQLITE_AND_COMMIT)),
        (async_group_commit, "_commit", timers.async_commit),
        (_native, "fetch_checkpoint", timers.work(SQLITE)),
        (_native, "fetch_delta_ancestors", timers.work(SQLITE)),
        (_native, "fetch_delta_writes", timers.work(SQLITE)),
    ]
    for name, (cls, *_) in WATCHED.items():
        owner = _executed(name).get(cls)
        if not isinstance(owner, type):
            continue
        wanted += [(owner, method, front) for method in METHODS.get(cls, ())]
        if cls == "JsonPlusSerializer":
            wanted += [(owner, "dumps_typed", timers.dumps_typed), (owner, "loads_typed", timers.loads_typed)]
        elif cls == "SqliteSaver":
            wanted.append((owner, "cursor", timers.cursor))
        elif cls == "AsyncSqliteSaver":
            connection = _executed("aiosqlite.core").get("Connection")
            wanted += [(connection, "_execute", timers.hop)] if isinstance(connection, type) else []
    return wanted


def _executed(name: str) -> dict[str, Any]:
    """What a module has if it is imported. Looking at it imports nothing, not even a lazy module."""
    module = sys.modules.get(name)
    found: dict[str, Any] = object.__getattribute__(module, "__dict__") if isinstance(module, ModuleType) else {}
    return found


_finder = Finder(WATCHED)
_finder.executed = _attach


def _enter(told: Tally | Teller, encodes: bool) -> None:
    with _lock:
        if not ACTIVE.told:
            ACTIVE.sampler = Sampler(BUDGET)
            sys.meta_path.insert(0, _finder)
        if encodes:
            ACTIVE.sampler.encode_channels()
        ACTIVE.told = (*ACTIVE.told, told)
        _attach()


def _leave(told: Tally | Teller) -> None:
    with _lock:
        ACTIVE.told = tuple(other for other in ACTIVE.told if other is not told)
        if ACTIVE.told:
            return
        if _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
        while _slots:
            _slots.pop().remove()


class Profiling:
    """A profile that is on inside ``with``. ``report()`` may be asked at any time, also while it is on."""

    def __init__(self, encode_channels: bool, telemetry: bool) -> None:
        self._encodes = encode_channels
        self._telemetry = telemetry
        self._recorder: Recorder | None = None
        self._told: list[Tally | Teller] = []

    def __enter__(self) -> Profiling:
        if self._recorder is not None:
            raise RuntimeError("a profile is entered once: call fast_langgraph.profile() again")
        if self._telemetry:
            from fast_langgraph._profile.telemetry import Telemetry

            self._told.append(Telemetry())
        self._recorder = Recorder()
        self._told.append(self._recorder.tally)
        for told in self._told:
            _enter(told, self._encodes)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._recorder is not None:
            self._recorder.close()
        while self._told:
            _leave(self._told.pop())

    def report(self) -> Profile:
        if self._recorder is None:
            raise RuntimeError("the profile has not begun: it does inside `with fast_langgraph.profile() as profiled:`")
        return self._recorder.report()

    def __str__(self) -> str:
        return str(self.report())


def profile(*, encode_channels: bool = False, telemetry: bool = False) -> Profiling:
    """Where the time of checkpoints goes, on stock savers, under ``patch()``, and of a RustSQLiteCheckpointer.

    ``with profile() as profiled:`` measures all savers of the process, in all threads and event loops, whether
    LangGraph is imported or patched before or meanwhile. ``print(profiled)`` shows a table; ``profiled.report()``
    returns a ``Profile`` with ``to_dict()`` and ``to_html()``, which says what each number means. Calls that have begun
    before are not counted, and calls that have not ended only as running. Profiles may overlap and be nested.

    With ``encode_channels`` each channel is encoded once more by itself, in a sample of the puts, for the share of the
    time that it takes. That runs the code of your own classes once more. With ``telemetry`` each operation is told to
    OpenTelemetry as well, which needs ``pip install fast-langgraph-sqlite[otel]``; ImportError if it is not there.
    """
    return Profiling(encode_channels, telemetry)
