"""What is patched: one site for each method that is replaced, and its state as it is live."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from fast_langgraph._native import Counts

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
    ) -> None:
        """``make(site)`` returns the function that stands in for ``site.stock``; LookupError says why not.

        A reason to ``skip`` leaves the method as it is.
        """
        self.name = f"{owner.__name__}.{attribute}"
        self.owner = owner
        self.attribute = attribute
        self.counts = Counts() if counts is None else counts
        #: false after ``unpatch()``: a wrapper of somebody else's may still hold our function
        self.enabled = False
        #: why the method is left as it is, whoever's it is
        self.skip = skip
        #: stock's own function, and ours in its place, once the one was found there
        self.stock: Any = None
        self.replacement: Callable[..., Any] | None = None
        self._make = make

    def install(self) -> None:
        """Puts ours in place, unless something else than stock's own stands there."""
        self.enabled = True
        live = self.live
        if self.replacement is None and not self.skip and self.is_stock_s_own(live):
            self.stock = live
            try:
                self.replacement = self._make(self)
            except LookupError as error:
                self.skip = str(error.args[0])
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

    @property
    def live(self) -> Any:
        return self.owner.__dict__.get(self.attribute)

    @property
    def off(self) -> bool:
        return not self.enabled or DISABLED.get()

    @property
    def state(self) -> tuple[str, str]:
        """active, skipped or foreign, by what is live now; and why."""
        live = self.live
        if live is None:
            return "skipped", "this release has no such method"
        if self.skip:
            return "skipped", self.skip
        if live is self.replacement:
            return "active", ""
        if live is self.stock or self.is_stock_s_own(live):
            return "skipped", "not patched"
        return "foreign", f"replaced by {getattr(live, '__module__', None) or type(live).__name__}"
