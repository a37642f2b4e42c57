"""Databases that commands are tried on, and commands in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apps import conversations
from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._cli.app import app


@pytest.fixture(autouse=True)
def patched() -> None:
    """Stock is as it is."""


@pytest.fixture(scope="session")
def stock_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stock") / "app.db"
    conversations.run(path)
    return path


@pytest.fixture(params=["stock", "compact"])
def db(request: pytest.FixtureRequest, stock_database: Path, tmp_path: Path) -> Path:
    """A copy of a database that an app has filled with stock's SqliteSaver, as it is or converted."""
    path = tmp_path / "app.db"
    path.write_bytes(stock_database.read_bytes())
    if request.param == "compact":
        with RustSQLiteCheckpointer(path) as saver:
            saver.convert("compact")
    return path


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command in this process: its exit code, and what it prints."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: Any, code: int = 0, **variables: str) -> Any:
        result = CliRunner().invoke(app, [str(each) for each in arguments], env=variables)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, (result.stdout, result.stderr)
        return result

    return run
