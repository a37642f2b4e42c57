"""What is installed together, each in a virtual environment, and the source distributions that hold its tests."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parents[1]
CACHE = ROOT / ".upstream"


@dataclass(frozen=True)
class Releases:
    """One release of checkpoint-sqlite, and one of checkpoint that it allows."""

    sqlite: str
    checkpoint: str
    supported: bool = True
    #: the release of checkpoint-postgres beside them, if any
    postgres: str = ""

    @property
    def name(self) -> str:
        return f"sqlite-{self.sqlite}-checkpoint-{self.checkpoint}"


NEWEST = Releases("3.1.2", "4.3.2", postgres="3.2.0")
#: each release of checkpoint-sqlite with the oldest and the newest checkpoint that it allows, from 3.0.1 on
ALL = [
    Releases("3.0.3", "3.0.1"),
    Releases("3.0.3", "4.3.2"),
    Releases("3.1.0", "4.1.0"),
    Releases("3.1.0", "4.3.2"),
    Releases("3.1.1", "4.1.0"),
    Releases("3.1.1", "4.3.2"),
    Releases("3.1.2", "4.3.0"),
    NEWEST,
    Releases("2.0.11", "2.1.2", supported=False),
]


def call(*command: str | Path, cwd: Path = ROOT) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def fetch(distribution: str, release: str) -> Path:
    """A folder with the tests of a release, and with their settings.

    The package itself is left out: what is tested is what is installed.
    """
    name = f"{distribution.replace('-', '_')}-{release}"
    folder = CACHE / "sources" / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as download:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", distribution)
            call(*pip, "--dest", download, f"{distribution}=={release}")
            with tarfile.open(Path(download, f"{name}.tar.gz")) as archive:
                prefixes = (f"{name}/tests/", f"{name}/pyproject.toml")
                members = [member for member in archive.getmembers() if member.name.startswith(prefixes)]
                # Early releases of CPython 3.10 and 3.11 have no filters.
                safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                archive.extractall(download, members, **safe)
            Path(download, name).rename(folder)
    return folder


def build_wheel() -> Path:
    """The wheel of this checkout for this interpreter."""
    folder = CACHE / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    call("maturin", "build", "--release", "--quiet", "--interpreter", sys.executable, "--out", folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(releases: Releases, wheel: Path) -> Path:
    """The interpreter of a virtual environment with these releases and the wheel."""
    requirements = HERE / "requirements" / f"{releases.name}.txt"
    pins = requirements.read_bytes() + (HERE / "requirements" / "common.txt").read_bytes()
    wanted = f"{sys.version} {hashlib.sha256(pins).hexdigest()}"
    folder = CACHE / f"{sys.implementation.cache_tag}-{releases.name}"
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        call(sys.executable, "-m", "venv", "--clear", folder)
        call(python, "-m", "pip", "install", "--quiet", "--requirement", requirements)
        stamp.write_text(wanted)
    call(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    return python
