"""An app that uses the public classes, checked by mypy --strict: what is right is accepted, each mistake is refused."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path

from fast_langgraph import RustSQLiteCheckpointer

APP = Path(__file__).parents[1] / "samples" / "typed_app.py"


def checked(file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    options = ("--strict", "--no-incremental", "--config-file", "", "--follow-imports", "silent")
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(file)], capture_output=True, text=True, check=False, cwd=folder
    )


def test_an_app_is_accepted_and_each_mistake_refused(tmp_path):
    process = checked(APP, tmp_path)
    assert process.returncode == 0, process.stdout + process.stderr


def test_a_mistake_that_is_not_marked_is_seen(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(APP.read_text().replace('synchronous="FULL")  # type: ignore[arg-type]', 'synchronous="FULL")'))
    process = checked(wrong, tmp_path)
    assert process.returncode == 1
    assert "incompatible type \"Literal['FULL']\"" in process.stdout


def test_annotations_can_be_resolved_at_run_time():
    for name in ("__init__", "from_conn_string", "__enter__", "prune", "aprune", "convert", "stats", "list"):
        assert typing.get_type_hints(getattr(RustSQLiteCheckpointer, name))
