"""When a saver is what stock's code expects it to be, so that ours may stand in for it."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from fast_langgraph import _native
from fast_langgraph._sites import PatchSite


class Guard:
    """Methods of a saver class that ours stand in for as well, and that must be stock's own."""

    def __init__(self, owner: type, *names: str) -> None:
        self._owner = owner
        self._methods = [(name, owner.__dict__[name]) for name in names if name in owner.__dict__]

    def refuses(self, saver: Any) -> str:
        """Why stock's code has to run for ``saver``; empty where ours may."""
        cls = type(saver)
        for name, method in self._methods:
            if getattr(cls, name) is not method:
                return f"{name}() is not stock's"
            if name in saver.__dict__:
                return f"{name}() is replaced on the saver"
        return ""


def _helpers(stock: Any) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """A function's module, and what the function uses of it: all of which ours stands in for."""
    namespace = stock.__globals__
    names: set[str] = set()
    pending = [stock.__code__]
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return namespace, [(name, namespace[name]) for name in sorted(names) if name in namespace]


def checked(site: PatchSite, guard: Guard, connection: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """A function that says whether ours may run for a saver, and counts the call and why not."""
    counts = site.counts
    eligible = _native.eligible
    refuses = guard.refuses
    namespace, helpers = _helpers(site.stock)

    def may_run(saver: Any) -> bool:
        if site.off:
            return False
        reason = refuses(saver) or eligible(connection(saver))
        for name, helper in helpers:
            if namespace.get(name) is not helper:
                reason = f"{name} is replaced in stock's module"
        if reason:
            counts.fell_back(reason)
            return False
        counts.called()
        return True

    return may_run
