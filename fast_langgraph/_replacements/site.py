"""A patch site: one method that is replaced, and its state now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fast_langgraph._replacements.wrappers import layers
from fast_langgraph._shared.counts import counts_of
from fast_langgraph._shared.settings import IS_DISABLED
from fast_langgraph._stock_code.methods import StockMethod, mark_as_ours


class PatchSite:
    """A method of a stock class, and what stands in for it."""

    def __init__(
        self,
        method: StockMethod,
        make: Callable[[PatchSite], Callable[..., Any]],
        skip: str = "",
    ) -> None:
        """``make(site)`` returns the function that replaces ``site.stock``, or raises LookupError with a reason.

        With a reason to ``skip``, the method is left as it is.
        """
        self.method = method
        self.name = method.name
        self.counts = counts_of(self.name)
        #: false after ``unpatch()``, when somebody else's wrapper may still call our function
        self.enabled = False
        #: why the method can't be replaced
        self.skip = skip
        #: the setting that excludes it
        self.left_out = ""
        #: the error when the replacement was made
        self.failure = ""
        #: stock's own function, once it was found on the class, and the one that replaces it
        self.stock: Any = None
        self.replacement: Callable[..., Any] | None = None
        self._make = make

    def install(self) -> None:
        """Replaces the method, unless its function is not stock's own."""
        self.enabled = True
        self.failure = ""
        live = self.method.live
        if self.replacement is None and not self.skip and self.method.is_stock_s_own(live):
            self.stock = live
            try:
                if self.method.knows(live):
                    self.replacement = self._make(self)
                    mark_as_ours(self.replacement)
            except Exception as error:
                # LookupError itself, not a KeyError, says in words what a release does not have.
                if type(error) is LookupError:
                    self.skip = str(error)
                else:
                    self.failure = f"{type(error).__name__}: {error}"
        if self.replacement is not None and live is self.stock:
            self.method.replace(self.replacement)

    def remove(self) -> None:
        """Puts stock's function back if ours is still there. Somebody else's wrapper stays, and calls stock's."""
        self.enabled = False
        if self.replacement is not None and self.method.live is self.replacement:
            self.method.replace(self.stock)

    def _is_known(self, function: Any) -> bool:
        return function is self.replacement or function is self.stock or self.method.is_stock_s_own(function)

    @property
    def off(self) -> bool:
        return not self.enabled or IS_DISABLED.get()

    def serves(self) -> bool:
        """Whether a call of the method would run our function now."""
        return self.replacement is not None and self.method.live is self.replacement and not self.off

    @property
    def wrappers(self) -> list[str]:
        """Names of the wrappers that others have put around the method, outermost first."""
        live = self.method.live
        return [] if live is None else layers(live, self._is_known)[0]

    @property
    def state(self) -> tuple[str, str]:
        """Active, skipped, foreign or failed, by the function that is on the class now; and why."""
        live = self.method.live
        if live is None:
            return "skipped", "this release has no such method"
        if self.left_out:
            return "skipped", self.left_out
        if self.skip or self.method.unknown_code:
            return "skipped", self.skip or self.method.unknown_code
        if self.failure:
            return "failed", self.failure
        if live is self.replacement:
            if self.enabled:
                return "active", ""
            return "skipped", "not patched: somebody put our function back after unpatch(), and it calls stock's"
        if self._is_known(live):
            return (
                "skipped",
                "somebody put stock's method back since; patch() replaces it again" if self.enabled else "not patched",
            )
        wrappers, inner = layers(live, self._is_known)
        if inner is None:
            return "foreign", f"replaced by {wrappers[0]}"
        calls = "ours" if inner is self.replacement and self.enabled else "stock's"
        return "foreign", f"wrapped by {', in it '.join(wrappers)}, which calls {calls}"
