"""``patch()``, ``unpatch()``, ``is_patched()`` and ``disabled()``."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fast_langgraph import _import_hook, _native, _plain, _settings, _versions
from fast_langgraph._classes import CLASSES
from fast_langgraph._native import FallbackError
from fast_langgraph._settings import Settings
from fast_langgraph._sites import DISABLED, PatchSite

#: taken inside import locks, so nothing of LangGraph's is imported while it is held
_lock = threading.RLock()
#: why everything is left as it is
_refusal = ""
_warned: set[str] = set()


def patch(
    *,
    only: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    verbose: bool | None = None,
    strict: bool | None = None,
) -> None:
    """Makes the installed SqliteSaver, AsyncSqliteSaver and JsonPlusSerializer run on Rust.

    May be called at any time and any number of times; the last call says what is active. It imports
    LangGraph's checkpoint packages if they are not imported yet. Objects that exist already are covered:
    methods are replaced on the classes. With releases that are not known it warns once and changes
    nothing; ``status()`` tells.

    ``only`` and ``exclude`` name sites ("SqliteSaver.put") or classes ("SqliteSaver"). ``verbose`` prints a
    line on stderr now and a summary at exit. With ``strict`` a site that can't be patched raises
    FallbackError here, and a call that stock's code would carry out raises it there. What is not given is
    read from FAST_LANGGRAPH_ONLY, _EXCLUDE, _VERBOSE and _FAIL_ON_FALLBACK; FAST_LANGGRAPH_DISABLE=1 goes
    before everything.
    """
    settings = _settings.read(only, exclude, verbose, strict, on_import=True)
    if not settings.disabled and not _versions.unsupported():
        for cls in CLASSES:
            cls.import_module()
        _import_hook.install()
    for notice in apply(settings):
        if notice not in _warned:
            _warned.add(notice)
            warnings.warn(f"fast_langgraph.patch(): {notice}.", RuntimeWarning, stacklevel=2)


def apply(settings: Settings) -> list[str]:
    """Patches what is imported by now; the import hook has the rest. What the user should hear of."""
    global _refusal
    with _lock:
        _settings.keep(settings)
        _native.fail_on_fallback(settings.strict)
        _refusal = f"{_settings.DISABLE} is set" if settings.disabled else _versions.unsupported()
        if _refusal:
            for site in _all_sites():
                site.remove()
            if settings.disabled:
                return list(settings.complaints)
            if settings.strict:
                raise FallbackError(_refusal)
            return [*settings.complaints, f"nothing is patched: {_refusal}"]
        active = {site.name for site in sites() if site.state[0] == "active"}
        for cls in CLASSES:
            cls.find_sites(CLASSES[0].sites)
        for site in _all_sites():
            site.left_out = settings.leaves_out(site.name)
            if site.left_out:
                site.remove()
            else:
                site.install()
        if settings.verbose:
            from fast_langgraph import _verbose

            _verbose.announce([s.name for s in sites() if s.state[0] == "active" and s.name not in active])
        if settings.strict:
            _require_all()
        return [*settings.complaints, *_failures()]


def _all_sites() -> list[PatchSite]:
    return [site for cls in CLASSES for site in (*cls.former, *cls.sites)]


def _failures() -> list[str]:
    failures = [(cls.name, cls.failure) for cls in CLASSES]
    failures += [(site.name, site.failure or site.unknown_code) for site in sites()]
    return [f"{name} is left to stock's code: {failure}" for name, failure in failures if failure]


def _require_all() -> None:
    for failure in _failures():
        raise FallbackError(failure)
    for site in sites():
        state, reason = site.state
        if state != "active" and not site.left_out and site.live is not None:
            raise FallbackError(f"{site.name} is left to stock's code: {reason}")
    for name, reason in _plain.indirect().items():
        raise FallbackError(f"{name} is decoded by stock's code: {reason}")


def unpatch() -> None:
    """Takes ``patch()`` back: the stock methods stand where they stood, and later imports are left alone.

    Where somebody else has wrapped one of ours since, their wrapper stays and stock's code runs inside.
    """
    with _lock:
        _import_hook.uninstall()
        _settings.keep(None)
        _native.fail_on_fallback(False)
        for site in _all_sites():
            site.remove()


def is_patched() -> bool:
    """Whether any site is active now."""
    return any(site.state[0] == "active" for site in sites())


@contextmanager
def disabled() -> Iterator[None]:
    """Inside, stock's code runs, in this thread or task and in what it starts with its context."""
    token = DISABLED.set(True)
    try:
        yield
    finally:
        DISABLED.reset(token)


def sites() -> list[PatchSite]:
    """Those of the classes that are live, for ``status()``."""
    return [site for cls in CLASSES if cls.found for site in cls.sites]


def serializer() -> list[PatchSite]:
    """The serializer's two, whether they are patched or not; none where they could not be made."""
    with _lock:
        CLASSES[0].find_sites([])
        return CLASSES[0].sites


def refusal() -> str:
    """Why the last ``patch()`` changed nothing; empty where it did what it could."""
    return _refusal
