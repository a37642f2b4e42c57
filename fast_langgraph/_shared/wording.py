"""What messages say in the same words everywhere."""

from __future__ import annotations


def number(count: int, noun: str) -> str:
    """Such as "1 thread" and "1,000 threads"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
