"""What is patched: one site for each method that is replaced, and its state as it is live."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from fast_langgraph import _versions
from fast_langgraph._native import Counts
from fast_langgraph._wrappers import layers

#: of each site, whichever class it was found on: a module that is reloaded has a class of its own
_counts: dict[str, Counts] = {}

#: true inside ``disabled()``; LangGraph copies the context into its executor's threads
DISABLED: ContextVar[bool] = ContextVar("fast_langgraph.disabled", default=False)


class PatchSite:
    """A method of a stock class, and what stands in for it."""

    def __init__(
        self,
        owner: type,
        attribute: str,
        make: Callable[[PatchSite], Callable[..., Any]],
        counts: Counts | None = None,
        skip: str = "",
        beside: Iterable[Any] = (),
        unknown: str = "",
    ) -> None:
        """``make(site)`` returns the function that stands in for ``site.stock``; LookupError says why not.

        A reason to ``skip`` leaves the method as it is. ``beside`` are functions that stock's calls other than by
        a global name, and that ours stands in for as well. ``unknown`` says what else shows that stock's code is
        of a release that is not known.
        """
        self.name = f"{owner.__name__}.{attribute}"
        self.owner = owner
        self.attribute = attribute
        self.counts = _counts.setdefault(self.name, counts or Counts(self.name))
        #: false after ``unpatch()``: a wrapper of somebody else's may still hold our function
        self.enabled = False
        #: why the method is left as it is, whoever's it is
        self.skip = skip
        #: why the user wants it left as it is
        self.left_out = ""
        #: what went wrong when ours was made
        self.failure = ""
        #: stock's own function, and ours in its place, once the one was found there
        self.stock: Any = None
        self.replacement: Callable[..., Any] | None = None
        self._make = make
        self.beside = tuple(beside)
        #: why ours may not stand in for the function that was looked at last; empty where its code is known
        self.unknown_code = unknown
        self._unknown = unknown
        self._examined: Any = None

    def knows(self, function: Any) -> bool:
        """Whether the code of this function of stock's is known, so that ours may stand in for it."""
        if self._examined is not function:
            code = [function, *self.beside]
            self.unknown_code = self._unknown or _versions.unknown_code(self.name, self.owner, code)
            self._examined = function
        return not self.unknown_code

    def install(self) -> None:
        """Puts ours in place, unless something else than stock's own stands there."""
        self.enabled = True
        self.failure = ""
        live = self.live
        if self.replacement is None and not self.skip and self.is_stock_s_own(live):
            self.stock = live
            try:
                if self.knows(live):
                    self.replacement = self._make(self)
            except Exception as error:
                # LookupError itself, not a KeyError, says in words what a release does not have.
                if type(error) is LookupError:
                    self.skip = str(error)
                else:
                    self.failure = f"{type(error).__name__}: {error}"
        if self.replacement is not None and live is self.stock:
            setattr(self.owner, self.attribute, self.replacement)

    def remove(self) -> None:
        """Puts stock's back where ours still stands; what others put there stays, and calls stock's."""
        self.enabled = False
        if self.replacement is not None and self.live is self.replacement:
            setattr(self.owner, self.attribute, self.stock)

    def is_stock_s_own(self, function: Any) -> bool:
        """A function of the owner's own module, and not a wrapper that took on its name."""
        home = sys.modules.get(self.owner.__module__)
        return (
            isinstance(function, FunctionType)
            and home is not None
            and function.__globals__ is vars(home)
            and not hasattr(function, "__wrapped__")
        )

    def _is_known(self, function: Any) -> bool:
        return function is self.replacement or function is self.stock or self.is_stock_s_own(function)

    @property
    def live(self) -> Any:
        return self.owner.__dict__.get(self.attribute)

    @property
    def off(self) -> bool:
        return not self.enabled or DISABLED.get()

    @property
    def wrappers(self) -> list[str]:
        """Who else stands before the method now, from the outside in."""
        live = self.live
        return [] if live is None else layers(live, self._is_known)[0]

    @property
    def state(self) -> tuple[str, str]:
        """active, skipped, foreign or failed, by what is live now; and why."""
        live = self.live
        if live is None:
            return "skipped", "this release has no such method"
        if self.left_out:
            return "skipped", self.left_out
        if self.skip or self.unknown_code:
            return "skipped", self.skip or self.unknown_code
        if self.failure:
            return "failed", self.failure
        if live is self.replacement:
            if self.enabled:
                return "active", ""
            return "skipped", "not patched; somebody put ours back, and it calls stock's"
        if self._is_known(live):
            return "skipped", "stock's was put back since; patch() takes it up again" if self.enabled else "not patched"
        wrappers, inner = layers(live, self._is_known)
        if inner is None:
            return "foreign", f"replaced by {wrappers[0]}"
        calls = "ours" if inner is self.replacement and self.enabled else "stock's"
        return "foreign", f"wrapped by {', in it '.join(wrappers)}, which calls {calls}"
