"""How long the tests of durability, concurrency, faults and memory take: `make soak` runs them longer."""

from __future__ import annotations

import os

#: `make soak` runs the same tests, longer
SOAK = os.environ.get("SOAK") == "1"


def scaled(usual: int, soak: int) -> int:
    return soak if SOAK else usual


def figures(story: str, **found: object) -> None:
    """A line of `make soak`'s output."""
    print(f"\n  {story}: " + ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in found.items()))
