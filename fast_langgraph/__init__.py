"""LangGraph checkpoints on SQLite, in Rust: same classes, same bytes, less time.

``patch()`` makes the installed ``SqliteSaver``, ``AsyncSqliteSaver`` and ``JsonPlusSerializer`` run on
Rust; ``unpatch()`` takes it back; ``status()`` tells what is active; inside ``disabled()`` the stock
code runs. ``RustSQLiteCheckpointer`` is a checkpointer of its own. Importing this package imports nothing of LangGraph.
"""

from __future__ import annotations

# Importing this must cost next to nothing, and the typing module alone takes longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fast_langgraph._native import FallbackError
    from fast_langgraph.checkpointer import RustSQLiteCheckpointer
    from fast_langgraph.patching import disabled, is_patched, patch, unpatch
    from fast_langgraph.reporting import Site, Status, status

__version__ = "0.1.0"
__all__ = [
    "FallbackError",
    "RustSQLiteCheckpointer",
    "Site",
    "Status",
    "__version__",
    "disabled",
    "is_patched",
    "patch",
    "status",
    "unpatch",
]

_HOMES = {
    "FallbackError": "fast_langgraph._native",
    "RustSQLiteCheckpointer": "fast_langgraph.checkpointer",
    "disabled": "fast_langgraph.patching",
    "is_patched": "fast_langgraph.patching",
    "patch": "fast_langgraph.patching",
    "unpatch": "fast_langgraph.patching",
    "Site": "fast_langgraph.reporting",
    "Status": "fast_langgraph.reporting",
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
