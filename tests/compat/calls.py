"""What the user's own code was called with, in order: nothing may run twice or not at all."""

from __future__ import annotations

from typing import Any

CALLS: list[str] = []


def called(*what: Any) -> None:
    """Notes a call of a hook, validator or constructor."""
    CALLS.append(repr(what))
