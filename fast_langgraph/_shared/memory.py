"""What is remembered of states, so that what has not changed is neither encoded nor decoded again."""

from __future__ import annotations

import os
import weakref
from functools import partial
from typing import Any

from fast_langgraph import _native
from fast_langgraph._shared import trial, verification
from fast_langgraph._shared.settings import REMEMBERED

#: for whom nothing is remembered
NOBODY = 0
#: who owns all that a checkpointer's own memory has
CHECKPOINTER = 1

#: an owner, a thread and a namespace
Place = tuple[int, str, str]


class StateMemory:
    """The states that are remembered, within a bound, and whose they are."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        #: None where nothing is remembered
        self.native: _native.Memory | None = None
        #: why nothing is remembered; empty if it is
        self.off = ""
        self._is_open = False
        self._owners: dict[int, weakref.ref[Any]] = {}
        _all.add(self)

    def open(self) -> None:
        """Remembers from now on, if it is to, and if the interpreter shows every change. The codec is set up."""
        self._is_open = True
        self.off = "it was asked not to" if self.most_bytes <= 0 else trial.failed()
        if self.native is None and not self.off:
            verification.begin()
            self.native = _native.Memory(self.most_bytes)

    def owner(self, of: Any) -> int:
        """A number for a saver or a serializer, ``NOBODY`` where nothing could tell when it goes.

        What is remembered for it goes when it does.
        """
        number = id(of)
        known = self._owners.get(number)
        if known is None or known() is not of:
            try:
                self._owners[number] = weakref.ref(of, partial(self._gone, number))
            except TypeError:
                return NOBODY
        return number

    def _gone(self, number: int, reference: Any) -> None:
        if self._owners.get(number) is reference:
            del self._owners[number]
            if self.native is not None:
                self.native.forget(number)

    def forget_thread(self, owner: int, thread_id: str) -> None:
        if self.native is not None:
            self.native.forget(owner, thread_id)

    def clear(self) -> None:
        """Forgets everything."""
        if self.native is not None:
            self.native.clear()

    def resize(self, most_bytes: int) -> None:
        """Another bound, from now on; with another one everything is forgotten."""
        if most_bytes != self.most_bytes:
            self.clear()
            self.most_bytes = most_bytes
            self.native = None
            if self._is_open:
                self.open()

    def numbers(self) -> dict[str, int]:
        """Counts of states, bytes, and elements that were taken as they were or not."""
        return dict(self.native.numbers()) if self.native is not None else {}


_all: weakref.WeakSet[StateMemory] = weakref.WeakSet()

#: of everything that ``patch()`` has replaced
PATCHED = StateMemory(REMEMBERED)


def place(owner: int, thread_id: Any, checkpoint_ns: Any) -> Place | None:
    """Where the state of a thread and a namespace is remembered; None for ids that are looked up in other ways."""
    if owner != NOBODY and type(thread_id) in (str, int) and type(checkpoint_ns) is str:
        return owner, str(thread_id), checkpoint_ns
    return None


def _forget_in_child() -> None:
    """The memories belong to the parent."""
    for memory in list(_all):
        memory.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_in_child)
