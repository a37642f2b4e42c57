"""Checkpoint ids of a moment."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

NOW = datetime.now(timezone.utc)
EPOCH = datetime(1582, 10, 15, tzinfo=timezone.utc)


def id_of(moment: datetime, last: int = 1) -> str:
    """A UUIDv6 of that moment."""
    ticks = (moment - EPOCH) // timedelta(microseconds=1) * 10
    text = f"{ticks:015x}"
    return f"{text[:8]}-{text[8:12]}-6{text[12:]}-8000-{last:012x}"
