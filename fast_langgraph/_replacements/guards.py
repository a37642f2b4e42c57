"""Checks that a saver is as stock's code expects it, so that our function may run in its place."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from fast_langgraph import _native
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared.fronts import behind
from fast_langgraph._stock_code.methods import is_ours


class Guard:
    """What must be stock's own on a saver before our function may run."""

    def __init__(self, owner: type, connection: Callable[[Any], Any], *helpers: str) -> None:
        """``connection`` returns a saver's sqlite3 connection. ``helpers`` are methods whose work ours do as well."""
        self._connection = connection
        self._helpers = [(name, behind(owner.__dict__[name])) for name in helpers if name in owner.__dict__]

    def may_run(self, site: PatchSite) -> Callable[[Any], bool]:
        """Returns a check that ours may run for a saver. It counts the call, or the fallback with its reason."""
        counts = site.counts
        connection = self._connection
        eligible = _native.eligible
        namespace, used = _used_globals(site.stock)

        def may_run(saver: Any) -> bool:
            if site.off:
                return False
            reason = self._replaced(saver) or eligible(connection(saver))
            for name, value in used:
                if namespace.get(name) is not value:
                    reason = f"{name} is replaced in stock's module"
            if reason:
                counts.fell_back(reason)
                return False
            counts.called()
            return True

        return may_run

    def _replaced(self, saver: Any) -> str:
        """Which helper is not stock's own; empty if all are."""
        cls = type(saver)
        for name, method in self._helpers:
            found = behind(getattr(cls, name))
            if found is not method and not is_ours(found):
                return f"{name}() is not stock's"
            if name in saver.__dict__:
                return f"{name}() is replaced on the saver"
        return ""


def _used_globals(function: Any) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """A function's module namespace, and the globals of it that the function uses: ours does their work as well."""
    namespace = function.__globals__
    names: set[str] = set()
    pending = [function.__code__]
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return namespace, [(name, namespace[name]) for name in sorted(names) if name in namespace]
