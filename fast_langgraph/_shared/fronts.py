"""Functions that stand in front of a method for a while, as those of ``profile()`` do.

All that compares functions looks behind them, so a method counts as what it is. Somebody who exchanges a method by
``put`` exchanges what the front calls, and the front stays. Taking a front away leaves what is behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any

#: the attribute of a front that has its slot
SLOT = "_fast_langgraph_slot"


class Slot:
    """A front and what is behind it."""

    __slots__ = ("attribute", "front", "inner", "owner")

    def __init__(self, owner: Any, attribute: str, inner: Any) -> None:
        self.owner = owner
        self.attribute = attribute
        #: what the front calls
        self.inner = inner
        self.front: Any = None

    def remove(self) -> None:
        """Puts back what is behind the front. If somebody has wrapped the front, it stays in their wrapper."""
        if vars(self.owner).get(self.attribute) is self.front:
            setattr(self.owner, self.attribute, self.inner)


def behind(function: Any) -> Any:
    """What is behind a front; any other object as it is."""
    slot = _slot_of(function)
    return function if slot is None else slot.inner


def put(owner: Any, attribute: str, function: Any) -> None:
    """``setattr``, behind the front if there is one."""
    slot = _slot_of(vars(owner).get(attribute))
    if slot is None:
        setattr(owner, attribute, function)
    else:
        slot.inner = function
        update_wrapper(slot.front, function)
        setattr(slot.front, SLOT, slot)


def place(owner: Any, attribute: str, make: Callable[[Slot], Callable[..., Any]]) -> Slot | None:
    """Puts the front that ``make`` returns before a function of a class or module.

    None if it has no such function, or a front already.
    """
    inner = vars(owner).get(attribute)
    if not callable(inner) or _slot_of(inner) is not None:
        return None
    slot = Slot(owner, attribute, inner)
    slot.front = update_wrapper(make(slot), inner)
    setattr(slot.front, SLOT, slot)
    setattr(owner, attribute, slot.front)
    return slot


def _slot_of(function: Any) -> Slot | None:
    # A wrapper made by functools.wraps has the attributes of what it wraps.
    slot = function.__dict__.get(SLOT) if type(function) is FunctionType else None
    return slot if isinstance(slot, Slot) and slot.front is function else None
