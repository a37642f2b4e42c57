"""A wheel, built from the source and installed into a new virtual environment, once for all tests here."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import textwrap
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


#: what the scripts about imports use
IMPORTED = """
import importlib, importlib.util, sys

def hook():
    return [finder for finder in sys.meta_path if type(finder).__module__ == "fast_langgraph._patching.import_hook"]

def states():
    import fast_langgraph
    return {name: site.state for name, site in fast_langgraph.status().sites.items()}

def count(state):
    return list(states().values()).count(state)

def of_langgraph():
    return sorted(name for name in sys.modules if name.partition(".")[0] in ("langgraph", "langchain_core", "pydantic"))
"""


@pytest.fixture
def run(installed):
    """Runs a script that begins with these functions, with the variable set unless ``auto`` is empty."""

    def run(script, *options, auto="1", **variables):
        if auto:
            variables["FAST_LANGGRAPH_AUTO_PATCH"] = auto
        return installed.run(IMPORTED + textwrap.dedent(script), *options, **variables)

    return run
