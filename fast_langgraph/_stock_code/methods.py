"""One method of a stock class: the function that is there now, and whether its code is known."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FunctionType
from typing import Any
from weakref import WeakSet

from fast_langgraph._shared import fronts
from fast_langgraph._stock_code import releases


class StockMethod:
    """A method of one of LangGraph's classes, by its owner and its name there."""

    def __init__(self, owner: type, attribute: str, beside: Iterable[Any] = (), unknown: str = "") -> None:
        """``beside`` are functions that the method calls other than by a global name.

        ``unknown`` is a reason, found elsewhere, why the method is not of a known release.
        """
        self.name = f"{owner.__name__}.{attribute}"
        self.owner = owner
        self.attribute = attribute
        #: why the function that was examined last is not known; empty if it is
        self.unknown_code = unknown
        self.beside = tuple(beside)
        self._unknown = unknown
        self._examined: Any = None

    @property
    def live(self) -> Any:
        """The function on the class now; None if the release has no such method."""
        return fronts.behind(self.owner.__dict__.get(self.attribute))

    def replace(self, function: Any) -> None:
        """Puts another function on the class."""
        fronts.put(self.owner, self.attribute, function)

    def is_stock_s_own(self, function: Any) -> bool:
        """Whether this is a function of the owner's own module, and not a wrapper with its name."""
        home = sys.modules.get(self.owner.__module__)
        return (
            isinstance(function, FunctionType)
            and home is not None
            and function.__globals__ is vars(home)
            and not hasattr(function, "__wrapped__")
        )

    def knows(self, function: Any) -> bool:
        """Whether the code of this function is known, so that Rust may do its work."""
        if self._examined is not function:
            code = [function, *self.beside]
            self.unknown_code = self._unknown or releases.unknown_code(self.name, self.owner, code)
            self._examined = function
        return not self.unknown_code


#: the functions that ``patch()`` puts in place of stock's
_ours: WeakSet[Any] = WeakSet()


def mark_as_ours(function: Any) -> None:
    _ours.add(function)


def is_ours(function: Any) -> bool:
    """Whether this is one of the functions that ``patch()`` puts in place of stock's."""
    return isinstance(function, FunctionType) and function in _ours
