"""The time in a checkpoint id, which is a UUID of version 6."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

#: canonical and lower-case; the time of any other id is unknown
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-6[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

#: an id counts ticks of 100 ns since then
_EPOCH = datetime(1582, 10, 15, tzinfo=timezone.utc)


def time_of(checkpoint_id: Any) -> datetime | None:
    """When the id was made, in UTC, to the microsecond; None if it is not a canonical UUIDv6."""
    if not isinstance(checkpoint_id, str) or not _CANONICAL.fullmatch(checkpoint_id):
        return None
    digits = checkpoint_id.replace("-", "")
    ticks = int(digits[:12] + digits[13:16], 16)
    return _EPOCH + timedelta(microseconds=ticks // 10)


def id_at(moment: datetime) -> str:
    """A str that sorts after all ids made before ``moment`` and before all others."""
    ticks = (moment - _EPOCH) // timedelta(microseconds=1) * 10
    digits = f"{ticks:015x}"
    return f"{digits[:8]}-{digits[8:12]}-6{digits[12:]}-"


def is_before(checkpoint_id: Any, bound: str) -> bool:
    """Whether an id was made before ``bound``, which ``id_at`` returned; False if its time is unknown."""
    if not isinstance(checkpoint_id, str):
        return False  # a table takes a blob, too
    return checkpoint_id < bound and _CANONICAL.fullmatch(checkpoint_id) is not None
