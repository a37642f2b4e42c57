"""``fast-langgraph profile app.py``: the program runs as by Python, and the table comes when it has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fast_langgraph import Profile
from samples.programs import write_programs

pytestmark = pytest.mark.unpatched

TESTS = Path(__file__).parents[1]
APP = """
import atexit, sqlite3, sys, threading
from langgraph.checkpoint.sqlite import SqliteSaver
from samples.checkpoints import METADATA, checkpoint, config
saver = SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
def put(n):
    saver.put(config(), checkpoint(n), METADATA, {})
put(1)
atexit.register(put, 2)
threading.Timer(0.3, put, [3]).start()
"""


@pytest.fixture
def folder(tmp_path):
    write_programs(tmp_path)
    (tmp_path / "puts.py").write_text(APP)
    (tmp_path / "fails.py").write_text(f"{APP}\ndef f():\n    raise ValueError('in the app')\n\nf()\n")
    (tmp_path / "leaves.py").write_text(f"{APP}\nsys.exit(7)\n")
    (tmp_path / "says.py").write_text(f"{APP}\nsys.exit('no more')\n")
    (tmp_path / "interrupted.py").write_text(f"{APP}\nraise KeyboardInterrupt\n")
    return tmp_path


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "COLUMNS": "100", **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def profiled(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "fast_langgraph", "profile", *arguments, **variables)


PROGRAMS = [
    ["app.py", "a", "--json", "-m", "é"],
    ["./app.py"],
    ["package/module.py", "x"],
    ["package"],
    ["-m", "package", "--html"],
    ["-m", "package.module", "a", "b"],
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: " ".join(program))
def test_a_program_sees_what_python_itself_gives_it(folder, program):
    plain, ours = python(folder, *program), profiled(folder, *program)
    assert (plain.returncode, ours.returncode) == (0, 0), ours.stderr
    one, other = json.loads(plain.stdout), json.loads(ours.stdout)
    # Of a folder, runpy has the path as it was given.
    assert len({str(folder / found["path"][0]) for found in (one, other)}) == 1
    for name in ("argv", "name", "file", "package", "main"):
        assert one[name] == other[name], name
    assert "no operation of a SQLite saver was seen" in ours.stderr


def test_calls_of_threads_and_at_exit_are_counted_too(folder):
    done = profiled(folder, "--json", "out.json", "--html", "out.html", "puts.py")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    found = Profile.from_dict(json.loads((folder / "out.json").read_text()))
    assert found.puts == 3
    assert "profile: stock's code ran" in done.stderr
    assert (folder / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")


ENDS = {"fails.py": 1, "leaves.py": 7, "says.py": 1, "interrupted.py": -signal.SIGINT, "wrong.py": 1, "nothing.py": 2}


@pytest.mark.parametrize("program", ENDS)
def test_the_exit_code_and_what_is_said_are_the_program_s_and_the_table_comes_after(folder, program):
    plain, ours = python(folder, program), profiled(folder, program)
    assert plain.returncode == ours.returncode == ENDS[program], ours.stderr
    said = ours.stderr
    if program == "nothing.py":
        assert "can't open file" in said
    elif program == "interrupted.py":
        assert "KeyboardInterrupt" in said
    else:
        # Nothing of ours is in a traceback.
        assert said.startswith(plain.stderr), said
    if program not in ("wrong.py", "nothing.py"):
        assert "SqliteSaver" in said.rpartition("profile: ")[2]


def test_patch_and_no_patch_decide_whose_code_runs(folder):
    (folder / "patches.py").write_text(f"import fast_langgraph; fast_langgraph.patch()\n{APP}")
    for options, program, expected in (
        (["--patch"], "puts.py", True),
        ([], "puts.py", False),
        ([], "patches.py", True),
        (["--no-patch"], "patches.py", False),
    ):
        done = profiled(folder, *options, "--json", "out.json", program)
        assert done.returncode == 0, done.stderr
        sites = {site["name"]: site["calls"] for site in json.loads((folder / "out.json").read_text())["sites"]}
        assert sites.get("SqliteSaver.put", 0) == (3 if expected else 0), (options, program)


def test_importing_happens_when_the_program_does_it(folder):
    (folder / "late.py").write_text(
        textwrap.dedent(
            """
            import os, sys
            assert not [name for name in sys.modules if name.split(".")[0] in ("langgraph", "langchain_core")]
            os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
            """
        )
    )
    for option in ("--patch", "--no-patch"):
        done = profiled(folder, option, "late.py")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["--json"], ["--nothing", "app.py"], ["-m"]], ids=["none", "json", "unknown", "module"]
)
def test_what_can_not_be_run_is_said_in_a_line(folder, arguments):
    done = profiled(folder, *arguments)
    assert done.returncode == 2
    assert "fast-langgraph profile: error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_can_not_be_written_is_said_and_changes_no_exit_code(folder):
    done = profiled(folder, "--html", "no/folder/out.html", "leaves.py")
    assert done.returncode == 7
    assert "out.html was not written" in done.stderr


def test_the_module_itself_can_be_run(folder):
    done = python(folder, "-m", "fast_langgraph._profile.program", "puts.py")
    assert done.returncode == 0
    assert "SqliteSaver" in done.stderr
