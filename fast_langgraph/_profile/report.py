"""What ``profile()`` reports: the numbers, and what they are shown as."""

from __future__ import annotations

from dataclasses import dataclass

from fast_langgraph._profile.findings import Findings


@dataclass(frozen=True)
class Profile(Findings):
    """What happened while a profile was on, in all threads and event loops of the process.

    ``print()`` shows it as a table, ``to_dict()`` is for JSON. The comments in ``Findings`` and its parts say what each
    number means; what could not be measured is None.
    """

    def __str__(self) -> str:
        from fast_langgraph._profile.table import table

        return table(self)

    def to_html(self) -> str:
        """One page with charts, which needs nothing else: no script, no font, no network."""
        from fast_langgraph._profile.page import page

        return page(self)
