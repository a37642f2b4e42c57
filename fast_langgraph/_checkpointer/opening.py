"""Finds what a RustSQLiteCheckpointer is opened with: its file, its SQLite, its codec."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from fast_langgraph._shared import settings
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.host_sqlite import PYTHON, reach
from fast_langgraph._shared.memory import StateMemory
from fast_langgraph._stock_code import releases
from fast_langgraph._stock_code.methods import StockMethod, is_ours
from fast_langgraph._stock_code.serializer import serializer_methods

MEMORY = ":memory:"


def located(path: Any, read_only: bool) -> str:
    """The absolute path, because the app may change its working directory."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"path must be a str or a PathLike, not {type(path).__name__}: RustSQLiteCheckpointer opens its own "
            "connections. Pass the path of the database. To keep using a connection of yours, use SqliteSaver under "
            "fast_langgraph.patch()"
        )
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError("path is a str or a PathLike of str")
    if not name or "\0" in name:
        raise ValueError("path is empty" if not name else "path has a NUL in it")
    if name.startswith("file:"):
        raise ValueError(f"path can't be a URI: {name!r}. Instead of mode=ro, pass read_only=True")
    scheme, separator, rest = name.partition("://")
    if separator and scheme.isalpha():
        # Not the whole of it: there may be a password in it.
        advice = f"pass the path, such as {rest.removeprefix('/')!r}" if scheme == "sqlite" else "pass a SQLite file"
        raise ValueError(f"path can't be a URL ({scheme}://...): {advice}")
    if name == MEMORY:
        if read_only:
            raise ValueError(f"{MEMORY} is empty, so read_only=True has nothing to read")
        return name
    absolute = os.path.abspath(os.path.expanduser(name) if name.startswith("~" + os.sep) else name)
    folder = os.path.dirname(absolute)
    if not os.path.isdir(folder):
        raise _sqlite3().OperationalError(
            f"unable to open database file {absolute}: the folder {folder} does not exist"
        )
    return absolute


def layout_of_new_files() -> str:
    """As ``patch()`` was asked, or as the environment says."""
    current = settings.current()
    settings.log([complaint for complaint in current.complaints if settings.LAYOUT in complaint])
    return current.layout


def _sqlite3() -> Any:
    """The sqlite3 module that SqliteSaver uses: two SQLite libraries on one file would lose data."""
    import langgraph.checkpoint.sqlite

    return vars(sys.modules[langgraph.checkpoint.sqlite.__name__])["sqlite3"]


def connection_type() -> Any:
    module = _sqlite3()
    route, reason = reach(module)
    if route == PYTHON:
        raise RuntimeError(
            f"RustSQLiteCheckpointer can't reach SQLite from Rust ({reason}): use SqliteSaver under "
            "fast_langgraph.patch(), where Python's sqlite3 does the storage and Rust the encoding"
        )
    return module.Connection


def codec(memory: StateMemory) -> Codec:
    """Rust's codec for a JsonPlusSerializer whose code is known, patched or not; else only the serializer.

    States are remembered in ``memory``.
    """
    jsonplus = sys.modules.get("langgraph.checkpoint.serde.jsonplus")
    if jsonplus is None or releases.unsupported() or settings.current().disabled:
        return Codec()
    try:
        dumps, loads = serializer_methods(jsonplus)
        memory.open()
    except Exception:
        return Codec()  # this release lacks something that the codec needs
    checks = (partial(_does_what_rust_does, dumps), partial(_does_what_rust_does, loads))
    return Codec(dumps.owner, *checks, memory)


def _does_what_rust_does(method: StockMethod) -> bool:
    if settings.IS_DISABLED.get():
        return False
    live = method.live
    if is_ours(live):
        return True
    return not settings.is_left_out(method.name) and method.is_stock_s_own(live) and method.knows(live)
