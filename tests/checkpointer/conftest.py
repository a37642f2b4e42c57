"""A checkpointer on a file of its own, with nothing patched: it needs no ``patch()``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fast_langgraph
from apps.databases import connected
from fast_langgraph import RustSQLiteCheckpointer


@pytest.fixture(autouse=True)
def patched() -> Iterator[None]:
    """Stock is as it is."""
    assert not fast_langgraph.is_patched()
    yield
    assert not fast_langgraph.is_patched()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints.db"


@pytest.fixture(params=["standard", "compact"])
def checkpointer(request: pytest.FixtureRequest, path: Path) -> Iterator[RustSQLiteCheckpointer]:
    """In either layout, which nobody notices."""
    with RustSQLiteCheckpointer(path, layout=request.param) as opened:
        yield opened


@pytest.fixture
def table(checkpointer: RustSQLiteCheckpointer) -> str:
    """Where the checkpoints' rows are: ``checkpoints`` is a view in the compact layout."""
    return "checkpoints" if checkpointer.stats().layout == "standard" else "fl_checkpoints"


@pytest.fixture
def sql(path: Path) -> Callable[..., list[Any]]:
    """Runs a statement on the file as the app might: on a connection of its own, through sqlite3."""

    def run(statement: str, *parameters: Any) -> list[Any]:
        with connected(path) as conn:
            return conn.execute(statement, parameters).fetchall()

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount; tests with a limit on the size of files stand in for those of a full disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
