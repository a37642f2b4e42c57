"""A wheel, built from the source and installed into a new virtual environment, once for all tests here."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from installed_wheel import Environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def patched():
    """Nothing is patched in this process: the tests here start their own."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The workers of a session share one.
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with open(shared / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = shared / "wheel"
        if not folder.exists():
            scripts = Path(sys.executable).parent
            maturin = [scripts / "maturin", "build", "--release", "--quiet", "--interpreter", sys.executable]
            path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
            built = shared / "built"
            subprocess.run([*maturin, "--out", built], check=True, cwd=ROOT, env={**os.environ, "PATH": path})
            built.rename(folder)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.create(tmp_path_factory.mktemp("installed") / "venv", wheel)
