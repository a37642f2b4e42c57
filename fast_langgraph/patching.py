"""``patch()``, ``unpatch()``, ``is_patched()`` and ``disabled()``."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fast_langgraph import _versions
from fast_langgraph._sites import DISABLED, PatchSite

_lock = threading.Lock()
_sites: list[PatchSite] = []
#: why the last ``patch()`` left everything as it is
_refusal = ""


def _discover() -> list[PatchSite]:
    from fast_langgraph import _serializer, _sqlite_saver
    from fast_langgraph._codec import Codec

    found = list(_serializer.sites())
    dumps, loads = found
    codec = Codec(dumps.owner, dumps, loads)
    found += _sqlite_saver.sites(codec)
    try:
        import aiosqlite  # noqa: F401
    except ImportError:
        return found
    from fast_langgraph import _async_sqlite_saver

    return found + _async_sqlite_saver.sites(codec)


def patch() -> None:
    """Makes the installed SqliteSaver, AsyncSqliteSaver and JsonPlusSerializer run on Rust.

    May be called at any time and any number of times. It imports LangGraph's checkpoint packages if
    they are not imported yet. Objects that exist already are covered: methods are replaced on the
    classes. With releases that are not known it warns once and changes nothing; ``status()`` tells.
    """
    global _refusal
    with _lock:
        refusal = _versions.unsupported()
        if refusal:
            if refusal != _refusal:
                warnings.warn(f"fast_langgraph.patch() changed nothing: {refusal}.", RuntimeWarning, stacklevel=2)
            _refusal = refusal
            return
        _refusal = ""
        if not _sites:
            _sites.extend(_discover())
        for site in _sites:
            site.install()


def unpatch() -> None:
    """Takes ``patch()`` back: the stock methods stand where they stood.

    Where somebody else has wrapped one of ours since, their wrapper stays and stock's code runs inside.
    """
    with _lock:
        for site in _sites:
            site.remove()


def is_patched() -> bool:
    """Whether any site is active now."""
    return any(site.state[0] == "active" for site in _sites)


@contextmanager
def disabled() -> Iterator[None]:
    """Inside, stock's code runs, in this thread or task and in what it starts with its context."""
    token = DISABLED.set(True)
    try:
        yield
    finally:
        DISABLED.reset(token)


def sites() -> list[PatchSite]:
    """What ``patch()`` has found, for ``status()``."""
    return list(_sites)


def refusal() -> str:
    """Why the last ``patch()`` changed nothing; empty where it did what it could."""
    return _refusal
