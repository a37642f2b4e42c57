"""Patches the stock classes that are imported, and undoes it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fast_langgraph import _native
from fast_langgraph._native import FallbackError
from fast_langgraph._patching import import_hook
from fast_langgraph._patching.live_classes import LIVE_CLASSES
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared import settings
from fast_langgraph._shared.memory import PATCHED
from fast_langgraph._shared.settings import Settings
from fast_langgraph._stock_code import message_classes, releases

#: taken inside import locks, so nothing of LangGraph's is imported while it is held
_lock = threading.RLock()
#: why the last apply() patched nothing
_refusal = ""


def apply(asked: Settings, announce: Callable[[list[str]], None]) -> list[str]:
    """Patches the classes that are imported; the import hook patches the rest. Returns warnings for the user.

    With ``asked.verbose``, ``announce`` gets the names of the sites that are newly active.
    """
    global _refusal
    with _lock:
        settings.remember(asked)
        _native.fail_on_fallback(asked.strict)
        PATCHED.resize(asked.remember)
        _refusal = f"{settings.DISABLE} is set" if asked.disabled else releases.unsupported()
        if _refusal:
            for site in _all_sites():
                site.remove()
            if asked.disabled:
                return list(asked.complaints)
            if asked.strict:
                raise FallbackError(_refusal)
            return [*asked.complaints, f"nothing is patched: {_refusal}"]
        active = {site.name for site in found_sites() if site.state[0] == "active"}
        for cls in LIVE_CLASSES:
            cls.find_sites(LIVE_CLASSES[0].sites)
        for site in _all_sites():
            site.left_out = asked.leaves_out(site.name)
            if site.left_out:
                site.remove()
            else:
                site.install()
        if asked.verbose:
            announce([site.name for site in found_sites() if site.state[0] == "active" and site.name not in active])
        if asked.strict:
            _require_all()
        return [*asked.complaints, *_failures()]


def undo() -> None:
    """Puts stock's methods back, and leaves later imports alone."""
    with _lock:
        import_hook.uninstall()
        settings.remember(None)
        _native.fail_on_fallback(False)
        for site in _all_sites():
            site.remove()
        PATCHED.clear()


def found_sites() -> list[PatchSite]:
    """The sites of the classes that are imported."""
    return [site for cls in LIVE_CLASSES if cls.found for site in cls.sites]


def refusal() -> str:
    """Why the last ``apply()`` patched nothing; empty if it did."""
    return _refusal


def _all_sites() -> list[PatchSite]:
    return [site for cls in LIVE_CLASSES for site in (*cls.former, *cls.sites)]


def _failures() -> list[str]:
    failures = [(cls.name, cls.failure) for cls in LIVE_CLASSES]
    failures += [(site.name, site.failure or site.method.unknown_code) for site in found_sites()]
    return [f"{name} is left to stock's code: {failure}" for name, failure in failures if failure]


def _require_all() -> None:
    for failure in _failures():
        raise FallbackError(failure)
    for site in found_sites():
        state, reason = site.state
        if state != "active" and not site.left_out and site.method.live is not None:
            raise FallbackError(f"{site.name} is left to stock's code: {reason}")
    for name, reason in message_classes.indirect().items():
        raise FallbackError(f"{name} is decoded by stock's code: {reason}")
