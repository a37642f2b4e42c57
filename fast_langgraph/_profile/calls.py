"""The call that goes on, and its parts."""

from __future__ import annotations

from contextvars import ContextVar

from fast_langgraph._native import Call

#: the parts of a call that are measured, in the order of ``Call.parts``
MEASURED = ("encode", "decode", "waiting", "sqlite", "commit", "sqlite_and_commit")
SQLITE, COMMIT, SQLITE_AND_COMMIT = map(MEASURED.index, ("sqlite", "commit", "sqlite_and_commit"))


CURRENT: ContextVar[Call | None] = ContextVar("fast_langgraph profiled call", default=None)
