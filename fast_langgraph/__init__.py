"""LangGraph checkpoints on SQLite, in Rust: same classes, same bytes, less time.

``patch()`` makes the installed ``SqliteSaver``, ``AsyncSqliteSaver`` and ``JsonPlusSerializer`` run on Rust.
``unpatch()`` undoes it, ``status()`` shows what is active, and inside ``disabled()`` stock's code runs. ``profile()``
measures where the time of checkpoints goes. ``move()`` takes conversations to another database, SQLite or PostgreSQL.
``RustSQLiteCheckpointer`` is a checkpointer of its own. Importing this package does not import LangGraph.
"""

from __future__ import annotations

# Imported now: a later import of the submodule would put the module in the function's place.
from fast_langgraph.patch import disabled, is_patched, patch, unpatch

# Importing this package must cost next to nothing. The typing module alone takes longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fast_langgraph._checkpointer.maintenance import MaintenanceResult
    from fast_langgraph._checkpointer.retention import Retention
    from fast_langgraph._checkpointer.stats import Stats, ThreadStats
    from fast_langgraph._checkpointer.threads import ThreadSummary
    from fast_langgraph._move.refusals import MoveRefusedError
    from fast_langgraph._move.report import MovedThread, MoveReport
    from fast_langgraph._move.session import move
    from fast_langgraph._native import FallbackError
    from fast_langgraph._profile.report import Profile
    from fast_langgraph._profile.session import profile
    from fast_langgraph.checkpointer import RustSQLiteCheckpointer
    from fast_langgraph.reporting import Site, Status, status

__version__ = "0.1.0"
__all__ = [
    "FallbackError",
    "MaintenanceResult",
    "MoveRefusedError",
    "MoveReport",
    "MovedThread",
    "Profile",
    "Retention",
    "RustSQLiteCheckpointer",
    "Site",
    "Stats",
    "Status",
    "ThreadStats",
    "ThreadSummary",
    "__version__",
    "disabled",
    "is_patched",
    "move",
    "patch",
    "profile",
    "status",
    "unpatch",
]

#: by name, the module that it is imported from once somebody asks for it
_HOMES = {
    "FallbackError": "fast_langgraph._native",
    "MaintenanceResult": "fast_langgraph._checkpointer.maintenance",
    "MoveRefusedError": "fast_langgraph._move.refusals",
    "MoveReport": "fast_langgraph._move.report",
    "MovedThread": "fast_langgraph._move.report",
    "Profile": "fast_langgraph._profile.report",
    "Retention": "fast_langgraph._checkpointer.retention",
    "RustSQLiteCheckpointer": "fast_langgraph.checkpointer",
    "Site": "fast_langgraph.reporting",
    "Stats": "fast_langgraph._checkpointer.stats",
    "Status": "fast_langgraph.reporting",
    "ThreadStats": "fast_langgraph._checkpointer.stats",
    "ThreadSummary": "fast_langgraph._checkpointer.threads",
    "move": "fast_langgraph._move.session",
    "profile": "fast_langgraph._profile.session",
    "status": "fast_langgraph.reporting",
}


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
