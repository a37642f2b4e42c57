"""A value whose encoding runs an app's code."""

from __future__ import annotations

from collections.abc import Callable


class Encoded:
    """Calls ``meanwhile`` while it is encoded."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile = meanwhile

    def model_dump(self) -> dict[str, int]:
        self.meanwhile()
        return {}
