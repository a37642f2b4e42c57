"""Finds the SQLite library that the app's ``sqlite3`` has loaded."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import BindError

#: by Connection class: the route and the library's version, or PYTHON and the reason
_reached: dict[Any, tuple[str, str]] = {}

#: the route if Rust can't reach SQLite
PYTHON = "python"


def _extension_module(sqlite3: ModuleType) -> ModuleType | None:
    """The C module behind ``sqlite3``, or behind the module that the app uses in its place."""
    for name, module in list(sys.modules.items()):
        if name.rpartition(".")[2] == "_sqlite3" and getattr(module, "Connection", None) is sqlite3.Connection:
            return module
    return None


def reach(sqlite3: ModuleType, routes: list[str] | None = None) -> tuple[str, str]:
    """The route to the library behind ``sqlite3``, and its version; or PYTHON and the reason."""
    key = sqlite3.Connection
    if key not in _reached or routes is not None:
        module = _extension_module(sqlite3)
        if module is None:
            _reached[key] = PYTHON, f"{sqlite3.__name__} has no extension module that is known"
        else:
            try:
                arguments = () if routes is None else (routes,)
                _reached[key] = _native.bind(module, _native.__file__, *arguments)
            except BindError as error:
                _reached[key] = PYTHON, str(error)
    return _reached[key]


def reached() -> list[tuple[str, str, str]]:
    """For each module that was tried: its name, the route, and the library's version or the reason."""
    return [(cls.__module__, *found) for cls, found in _reached.items()]
