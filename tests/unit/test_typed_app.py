"""An app that uses the public classes, as type checkers see it: what is right is accepted, each mistake refused."""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from fast_langgraph import RustSQLiteCheckpointer

APP = Path(__file__).parents[1] / "samples" / "typed_app.py"
MARKED = 'synchronous="FULL")  # type: ignore[arg-type]'


def mypy(file: Path) -> subprocess.CompletedProcess[str]:
    options = ("--strict", "--no-incremental", "--config-file", "", "--follow-imports", "silent")
    return run("mypy", *options, str(file), folder=file.parent)


def pyright(file: Path) -> subprocess.CompletedProcess[str]:
    """In the build that brings Node with it."""
    settings = {
        "include": [file.name],
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
        # LangGraph's own classes leave type parameters open.
        "reportMissingTypeStubs": False,
        "reportUnknownMemberType": False,
    }
    (file.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    return run("basedpyright", "--pythonpath", sys.executable, folder=file.parent)


def run(module: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("check", [mypy, pyright])
def test_an_app_is_accepted_and_each_mistake_refused(tmp_path, check):
    app = tmp_path / "app.py"
    app.write_text(APP.read_text())
    process = check(app)
    assert process.returncode == 0, process.stdout + process.stderr


NOT_REFUSED = {
    mypy: ("incompatible type \"Literal['FULL']\"", "Unused"),
    pyright: ("\"Literal['FULL']\" is not assignable", "Unnecessary"),
}


@pytest.mark.parametrize("check", NOT_REFUSED)
def test_a_mistake_without_a_mark_and_a_mark_without_a_mistake_are_seen(tmp_path, check):
    text = APP.read_text()
    for right, wrong in ((MARKED, MARKED.partition("  #")[0]), ("own.own()", "own.own()  # type: ignore[arg-type]")):
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    app = tmp_path / "app.py"
    app.write_text(text)
    process = check(app)
    assert process.returncode == 1
    for says in NOT_REFUSED[check]:
        assert says in process.stdout


def test_annotations_can_be_resolved_at_run_time():
    for name in ("__init__", "from_conn_string", "__enter__", "prune", "aprune", "convert", "stats", "list"):
        assert typing.get_type_hints(getattr(RustSQLiteCheckpointer, name))
