"""``FAST_LANGGRAPH_VERIFY``: what was remembered is compared with what is encoded or decoded anew."""

from __future__ import annotations

import os
from typing import Any

from fast_langgraph import _native
from fast_langgraph._shared.settings import ON, VERIFY


class VerificationError(AssertionError):
    """What was remembered differs from what is encoded or decoded anew."""


def compare(remembered: Any, fresh: Any) -> None:
    """Compares types, order, content, and which objects are the same within each.

    They are states, or lists of their elements. None is what could not be made anew without Python code.
    """
    _compare(remembered, fresh, "state", {}, {})


def _compare(one: Any, other: Any, where: str, seen: dict[int, int], seen_fresh: dict[int, int]) -> None:
    if type(one) is not type(other):
        raise VerificationError(f"{where}: {type(one)} and {type(other)}")
    if isinstance(one, bytes):
        if one != other:
            pairs = enumerate(zip(one, other, strict=False))
            at = next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))
            raise VerificationError(f"{where}: bytes differ from {at} on, of {len(one)} and {len(other)}")
        return
    if isinstance(one, (str, int, float, type(None))):
        # Of floats there are some that are equal, and some that are not equal to themselves.
        if repr(one) != repr(other) if isinstance(one, float) else one != other:
            raise VerificationError(f"{where}: {one!r:.80} and {other!r:.80}")
        return
    if seen.setdefault(id(one), id(other)) != id(other) or seen_fresh.setdefault(id(other), id(one)) != id(one):
        raise VerificationError(f"{where}: the same object in one, and not in the other")
    if isinstance(one, dict):
        if list(one) != list(other):
            raise VerificationError(f"{where}: keys {list(one)} and {list(other)}")
        for key in one:
            _compare(one[key], other[key], f"{where}[{key!r}]", seen, seen_fresh)
    elif isinstance(one, (list, tuple)):
        if len(one) != len(other):
            raise VerificationError(f"{where}: {len(one)} and {len(other)} elements")
        for index, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            _compare(mine, theirs, f"{where}[{index}]", seen, seen_fresh)
    elif hasattr(type(one), "model_fields"):
        _compare(one.__dict__, other.__dict__, f"{where}.__dict__", seen, seen_fresh)
        _compare(one.__pydantic_extra__, other.__pydantic_extra__, f"{where}.__pydantic_extra__", seen, seen_fresh)
        if one.__pydantic_fields_set__ != other.__pydantic_fields_set__:
            raise VerificationError(f"{where}: other fields are set")


def begin() -> None:
    """Verifies from now on if the variable asks for it."""
    if os.environ.get(VERIFY, "").strip().lower() in ON:
        _native.verify_remembered(compare)
