"""What is patched: one site for each method that is replaced, and its state as it is live."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
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
        """``make(site)`` returns the function that stands in for ``site.stock``.

        A reason to ``skip`` leaves the method as it is.
        """
        self.name = f"{owner.__name__}.{attribute}"
        self.owner = owner
        self.attribute = attribute
        self.counts = Counts() if counts is None else counts
        #: false after ``unpatch()``: a wrapper of somebody else's may still hold our function
        self.enabled = False
        self.stock: Any = owner.__dict__.get(attribute)
        self.skip = skip
        if self.stock is None:
            self.skip = "this release has no such method"
        elif not skip and getattr(self.stock, "__module__", None) != owner.__module__:
            self.skip = f"already replaced by {getattr(self.stock, '__module__', '?')}"
        self.replacement = None
        if not self.skip:
            try:
                self.replacement = make(self)
            except LookupError as error:
                self.skip = str(error.args[0])

    def install(self) -> None:
        """Puts the replacement in place, unless something else than stock's own stands there."""
        self.enabled = True
        if self.replacement is not None and self.live is self.stock:
            setattr(self.owner, self.attribute, self.replacement)

    def remove(self) -> None:
        """Puts stock's back where ours still stands; what others put there stays, and calls stock's."""
        self.enabled = False
        if self.replacement is not None and self.live is self.replacement:
            setattr(self.owner, self.attribute, self.stock)

    @property
    def live(self) -> Any:
        return self.owner.__dict__.get(self.attribute)

    @property
    def off(self) -> bool:
        return not self.enabled or DISABLED.get()

    @property
    def state(self) -> tuple[str, str]:
        """active, skipped or foreign, by what is live now; and why."""
        if self.skip:
            return "skipped", self.skip
        live = self.live
        if live is self.replacement:
            return "active", ""
        if live is self.stock:
            return "skipped", "not patched"
        return "foreign", f"replaced since by {getattr(live, '__module__', None) or type(live).__name__}"
