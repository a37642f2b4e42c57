"""A pytest plugin: as ``in_our_place``, on files in the compact layout."""

from __future__ import annotations

from in_our_place import InOurPlace, pytest_runtest_call

InOurPlace.layout = "compact"

__all__ = ["pytest_runtest_call"]
