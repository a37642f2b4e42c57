"""The source distribution, made once, and virtual environments in empty folders that it is installed into."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENT = Path(__file__).with_name("agent.py")


@pytest.fixture(autouse=True)
def patched():
    """Nothing is patched in this process: the tests here start their own."""


class Environment:
    """A virtual environment that has nothing, in a folder that has nothing else."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.python = folder / "venv" / "bin" / "python"
        self.command = folder / "venv" / "bin" / "fast-langgraph"
        self.folder = folder / "empty"
        self.folder.mkdir()

    def call(self, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={**clean(), **variables},
        )

    def pip(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.call(self.python, "-m", "pip", *arguments, **variables)

    def install(self, *what: object, **variables: str) -> None:
        # In the releases that the other tests run with.
        pins = ROOT / "requirements" / "dev.txt"
        done = self.pip("install", "--quiet", "--constraint", pins, *what, **variables)
        assert done.returncode == 0, done.stdout + done.stderr


def clean() -> dict[str, str]:
    """This environment without what would reach into another interpreter."""
    away = ("FAST_LANGGRAPH_", "PYTHON", "VIRTUAL_ENV", "LANGGRAPH_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(away)}


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run([maturin, "sdist", "--out", folder], check=True, cwd=ROOT)
    [found] = folder.glob("fast_langgraph_sqlite-*.tar.gz")
    return found


@pytest.fixture(scope="session")
def install(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Environment], None]:
    """Has pip install the source distribution, with LangGraph."""
    # With the name in front pip looks for what it has built of it before: the build takes a minute or two.
    ours = f"fast-langgraph-sqlite[langgraph] @ {sdist.as_uri()}"
    cache = str(tmp_path_factory.mktemp("cache"))
    return lambda made: made.install(ours, PIP_CACHE_DIR=cache)
