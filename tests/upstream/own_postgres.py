"""A pytest plugin: upstream's tests of PostgresSaver find a server of their own: ``-p own_postgres``.

Each process of pytest-xdist has one, because each test empties the tables that they share.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

# Behind all others: upstream's tests have names of their own.
sys.path.append(str(Path(__file__).parents[1]))
from postgres_server import running

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
_server = ExitStack()
_named: list[str] = []


def pytest_plugin_registered(plugin: object) -> None:
    """Upstream's conftest names a server that is always there. Its tests import the name later."""
    if IS_WORKER and isinstance(plugin, ModuleType) and hasattr(plugin, "DEFAULT_POSTGRES_URI"):
        server = _server.enter_context(running())
        # The one that a user's name alone leads to.
        server.create("tester")
        plugin.DEFAULT_POSTGRES_URI = server.address("")
        plugin.DEFAULT_URI = server.address("postgres")
        _named.append(plugin.DEFAULT_URI)


def pytest_collection_finish() -> None:
    if IS_WORKER and not _named:
        raise pytest.UsageError("upstream's conftest names its server in another way than it did")


def pytest_unconfigure() -> None:
    _server.close()
