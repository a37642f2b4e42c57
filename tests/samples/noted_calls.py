"""What the user's own code was called with, in order: nothing may run twice or not at all."""

from __future__ import annotations

import re
from typing import Any

CALLS: list[str] = []


def called(*what: Any) -> None:
    """Notes a call of a hook, validator or constructor. Where an object lies in memory may differ."""
    CALLS.append(re.sub(r" at 0x[0-9a-f]+", "", repr(what)))
