"""A wheel of this package, installed into a virtual environment of its own: what the tests of it need besides fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

SITES_BY_CLASS = {
    "JsonPlusSerializer": ["dumps_typed", "loads_typed"],
    "SqliteSaver": ["put", "put_writes", "get_tuple", "delete_thread", "get_delta_channel_history"],
    "AsyncSqliteSaver": ["aput", "aput_writes", "aget_tuple", "adelete_thread", "aget_delta_channel_history"],
}
ALL_SITES = [f"{name}.{method}" for name, methods in SITES_BY_CLASS.items() for method in methods]


class Environment:
    """A virtual environment that fast_langgraph is installed in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        self.wheel = wheel
        self.python = folder / "bin" / "python"
        self.site_packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
        self.command = folder / "bin" / "fast-langgraph"
        self.pth = self.site_packages / "fast_langgraph_sqlite_auto.pth"

    @classmethod
    def create(cls, folder: Path, wheel: Path, dependencies: bool = True) -> Environment:
        venv.create(folder, symlinks=True)
        made = cls(folder, wheel)
        if dependencies:
            # As a folder of modules, whose own .pth files nobody reads: LangGraph, and nothing of ours.
            (made.site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        # Also where the tests themselves have this version installed.
        made.pip("install", "--ignore-installed", "--no-deps", str(wheel))
        assert made.pth.exists()
        return made

    def pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--quiet", "--python", self.python, *arguments]
        subprocess.run(command, check=True, env=clean(), stdout=subprocess.DEVNULL)

    def run(self, source: str, *options: str, cwd: Path | None = None, **variables: str):
        """Runs a script in a new interpreter, in a folder that has nothing of ours."""
        return self.call(self.python, *options, "-c", textwrap.dedent(source), cwd=cwd, **variables)

    def call(self, *command: object, cwd: Path | None = None, **variables: str):
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=cwd or self.folder,
            env={**clean(), **variables},
        )
        return done


def clean() -> dict[str, str]:
    """This environment without what would reach into another interpreter."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FAST_LANGGRAPH_", "PYTHON", "VIRTUAL_ENV", "COV_", "LANGGRAPH_", "PYTEST_"))
    }


def ok(done) -> str:
    """What a process printed that ended well and had nothing to complain of."""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr + done.stdout
    return done.stdout
