"""Releases of stock's packages beside the installed ones: real ones from the index, and some that are made up.

Each is a folder that a new process finds first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import langchain_core
import langgraph.checkpoint.sqlite
from langgraph.checkpoint.serde import jsonplus

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    """A Python script of scripts/, as a module."""
    spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


known_code = script("known_code")

#: where the modules of a package lie, and where in a folder that stands in for it
PACKAGES = {
    "langchain_core": (Path(langchain_core.__file__).parent, "langchain_core"),
    "checkpoint": (Path(jsonplus.__file__).parents[1], "langgraph/checkpoint"),
    "store": (Path(jsonplus.__file__).parents[2] / "store", "langgraph/store"),
    "cache": (Path(jsonplus.__file__).parents[2] / "cache", "langgraph/cache"),
    "sqlite": (Path(langgraph.checkpoint.sqlite.__file__).parent, "langgraph/checkpoint/sqlite"),
}


def real(distribution: str, release: str) -> Path:
    return known_code.unpacked(distribution, release)


def made_up(folder: Path, packages: list[str], edits: dict[str, list[tuple[str, str]]]) -> Path:
    """A copy of installed packages, with texts replaced in files that are named from the folder on."""
    for package in packages:
        source, place = PACKAGES[package]
        shutil.copytree(source, folder / place, dirs_exist_ok=True)
    for file, replaced in edits.items():
        path = folder / file
        text = path.read_text()
        for old, new in replaced:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)
    return folder


Folders = Path | list[Path]


def run(folders: Folders, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A new Python that finds these folders first."""
    path = os.pathsep.join(map(str, folders if isinstance(folders, list) else [folders]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "COLUMNS": "200", **variables}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)


def answer(folders: Folders, source: str, **variables: str) -> Any:
    """What a program prints, as JSON, in its last line."""
    done = run(folders, "-c", source, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
