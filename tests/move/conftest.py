"""Databases that conversations are moved between."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import PostgresServer, running

_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def patched() -> None:
    """Stock is as it is."""


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with running() as found:
        yield found


@pytest.fixture
def postgres(server: PostgresServer) -> Iterator[str]:
    """The address of an empty database."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def other_postgres(server: PostgresServer) -> Iterator[str]:
    name = f"other_{os.getpid()}_{next(_NUMBERS)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "app.db"
