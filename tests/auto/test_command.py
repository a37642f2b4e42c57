"""``fast-langgraph`` and ``python -m fast_langgraph``: a program runs as by Python itself; the status is plain."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap

import pytest

from installed_wheel import ALL_SITES, clean, ok
from samples.programs import TELL, write_programs

ACTIVE = """
from langgraph.checkpoint.sqlite import SqliteSaver
import fast_langgraph
print(fast_langgraph.status().sites["SqliteSaver.put"].state)
"""


@pytest.fixture
def folder(tmp_path):
    write_programs(tmp_path)
    (tmp_path / "link.py").symlink_to(tmp_path / "package" / "module.py")
    (tmp_path / "active.py").write_text(ACTIVE)
    (tmp_path / "fails.py").write_text("def f():\n    raise ValueError('in the app')\n\nf()\n")
    return tmp_path


PROGRAMS = [
    ["app.py", "a", "--status", "-m", "é"],
    ["./app.py"],
    ["package/module.py", "x"],
    ["link.py"],
    ["package"],
    ["-m", "package", "--json"],
    ["-m", "package.module", "a", "b"],
    ["-c", TELL, "a"],
    ["-X", "dev", "-B", "app.py", "-X"],
    ["-O", "-m", "package.module"],
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: " ".join(program)[:20])
def test_a_program_sees_what_python_itself_gives_it(installed, folder, program):
    plain = json.loads(ok(installed.call(installed.python, *program, cwd=folder)))
    for command in ([installed.python, "-m", "fast_langgraph"], [installed.command]):
        assert json.loads(ok(installed.call(*command, *program, cwd=folder))) == plain


@pytest.mark.parametrize(
    "options",
    [["-I"], ["-E"], ["-B", "-X", "utf8"], ["-W", "ignore"]] + ([["-P"]] if sys.version_info >= (3, 11) else []),
    ids=" ".join,
)
def test_options_of_python_are_handed_on(installed, folder, options):
    plain = json.loads(ok(installed.call(installed.python, *options, "app.py", "-m", cwd=folder)))
    spellings = [[*options, "-m", "fast_langgraph"], [*options, "-mfast_langgraph"]]
    if options == ["-I"]:
        spellings += [["-Im", "fast_langgraph"], ["-Imfast_langgraph"]]
    for spelling in spellings:
        assert json.loads(ok(installed.call(installed.python, *spelling, "app.py", "-m", cwd=folder))) == plain


@pytest.mark.parametrize(
    "program",
    [
        ["fails.py"],
        ["wrong.py"],
        ["missing.py"],
        ["-m", "package.missing"],
        ["-m", "fails"],
        ["-c", "import sys; sys.exit(7)"],
        ["-c", "import sys; sys.exit('why')"],
        ["-c", "raise KeyboardInterrupt"],
        ["-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"],
        ["-c", "import atexit, threading, time; atexit.register(print, 'exit'); threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()"],
        ["-c", "import asyncio; asyncio.run(asyncio.sleep(0)); 1 / 0"],
        ["--no-such-option"],
    ],
    ids=lambda program: " ".join(program)[:30],
)  # fmt: skip
def test_tracebacks_and_exit_codes_are_python_s_own(installed, folder, program):
    plain = installed.call(installed.python, *program, cwd=folder)
    done = installed.call(installed.python, "-m", "fast_langgraph", *program, cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert plain.returncode != 0 or "thread" in plain.stdout


def test_a_program_from_standard_input(installed, folder):
    for command in ([installed.python], [installed.command]):
        done = subprocess.run(
            [*command, "-", "a"],
            input="import sys; print(sys.argv)",
            capture_output=True,
            text=True,
            check=True,
            env=clean(),
        )
        assert done.stdout == "['-', 'a']\n"


@pytest.mark.parametrize("program", [["active.py"], ["-m", "active"], ["-c", ACTIVE]], ids=["file", "-m", "-c"])
def test_a_program_is_patched(installed, folder, program):
    assert ok(installed.call(installed.python, *program, cwd=folder)) == "skipped\n"
    assert ok(installed.call(installed.python, "-m", "fast_langgraph", *program, cwd=folder)) == "active\n"
    assert ok(installed.call(installed.command, *program, cwd=folder, FAST_LANGGRAPH_AUTO_PATCH="0")) == "active\n"
    assert ok(installed.call(installed.command, *program, cwd=folder, FAST_LANGGRAPH_DISABLE="1")) == "skipped\n"


def test_a_signal_reaches_the_program_itself(installed):
    program = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(3)); print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([installed.command, "-c", program], stdout=subprocess.PIPE, env=clean()) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 3


def test_without_arguments_it_says_how_it_is_used(installed):
    for arguments in ([], ["--help"]):
        text = ok(installed.call(installed.command, *arguments))
        assert "fast-langgraph status" in text
        assert all(len(line) <= 80 for line in text.splitlines())
    assert ok(installed.call(installed.command, "--version")).startswith("fast_langgraph ")


# --- status ---


def status(installed, *arguments, code, **variables):
    done = installed.call(installed.command, "status", *arguments, **variables)
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


def test_the_status_says_on(installed):
    text = status(installed, code=0, FAST_LANGGRAPH_AUTO_PATCH="1")
    assert text.startswith("on: a program started in this environment runs patched\n")
    assert "12 of 12 sites active" in text


@pytest.mark.parametrize(
    ("variables", "why", "fix"),
    [
        ({}, "FAST_LANGGRAPH_AUTO_PATCH is not set", "export FAST_LANGGRAPH_AUTO_PATCH=1, or call"),
        ({"AUTO_PATCH": "0"}, "FAST_LANGGRAPH_AUTO_PATCH is '0'", "export FAST_LANGGRAPH_AUTO_PATCH=1"),
        ({"AUTO_PATCH": "on!"}, "FAST_LANGGRAPH_AUTO_PATCH is 'on!'", "export FAST_LANGGRAPH_AUTO_PATCH=1"),
        ({"AUTO_PATCH": "1", "DISABLE": "1"}, "FAST_LANGGRAPH_DISABLE is set", "unset FAST_LANGGRAPH_DISABLE"),
    ],
)
def test_the_status_says_off_and_why_and_what_helps(installed, variables, why, fix):
    variables = {f"FAST_LANGGRAPH_{name}": value for name, value in variables.items()}
    lines = status(installed, code=1, COLUMNS="200", **variables).splitlines()
    assert lines[0] == f"off: {why}"
    assert lines[1].startswith(f"fix: {fix}")
    disabled = "FAST_LANGGRAPH_DISABLE" in variables
    text = "\n".join(lines)
    assert ("itself: 12 of 12 sites, as follows" in text) is not disabled
    assert "patched" not in text.replace("not patched", "")


def test_the_status_says_on_in_part(installed):
    text = status(installed, code=0, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_EXCLUDE="SqliteSaver")
    assert text.startswith("partly on: 7 of 12 sites; the reasons are below\n")
    assert "excluded as asked for" in text
    text = status(installed, code=1, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_EXCLUDE="SqliteSaver,AsyncSqliteSaver,JsonPlusSerializer")  # fmt: skip
    assert text.startswith("off: no site is active: excluded as asked for\n"), text


def test_the_status_of_a_release_that_is_not_known_says_what_to_install(installed, tmp_path):
    (tmp_path / "main.py").write_text(
        textwrap.dedent("""
        import importlib.metadata as metadata, runpy, sys
        real = metadata.version
        metadata.version = lambda name: "99.0" if name == "langgraph-checkpoint" else real(name)
        sys.argv = ["fast-langgraph", "status"]
        runpy.run_module("fast_langgraph", run_name="__main__")
    """)
    )
    done = installed.call(installed.python, tmp_path / "main.py", FAST_LANGGRAPH_AUTO_PATCH="1", COLUMNS="200")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("off: langgraph-checkpoint 99.0 is installed, but fast_langgraph supports releases from")
    assert lines[1].startswith("fix: pip install 'langgraph-checkpoint>=3.0.1,<")


def test_the_status_of_python_without_site(installed):
    import sysconfig

    path = f"{installed.site_packages}:{sysconfig.get_path('purelib')}"
    done = installed.call(
        installed.python, "-S", "-m", "fast_langgraph", "status", PYTHONPATH=path, FAST_LANGGRAPH_AUTO_PATCH="1"
    )
    assert done.returncode == 1
    assert done.stdout.startswith(
        "off: Python was started with -S, which leaves .pth files unread\nfix: start it without"
    )
    done = installed.call(installed.python, "-S", "-m", "fast_langgraph", "-c", "pass", PYTHONPATH=path)
    assert done.returncode == 2
    assert "Python was started with -S" in done.stderr


def test_the_status_names_what_was_mistyped(installed):
    done = installed.call(
        installed.command, "status", FAST_LANGGRAPH_AUTOPATCH="1", FAST_LANGGRAPH_ONLY="SqliteSaver.putt", COLUMNS="100"
    )
    text = " ".join(done.stdout.split())
    assert "note: FAST_LANGGRAPH_AUTOPATCH is not a variable of fast_langgraph's, which are" in text
    assert "note: FAST_LANGGRAPH_ONLY names 'SqliteSaver.putt', which is no site" in text


def test_the_status_for_machines(installed):
    found = json.loads(status(installed, "--json", code=0, FAST_LANGGRAPH_AUTO_PATCH="1"))
    assert (found["on"], found["why"], found["fix"], found["notes"]) == (True, "", "", [])
    assert list(found["status"]["sites"]) == ALL_SITES
    assert found["status"]["variables"] == {"FAST_LANGGRAPH_AUTO_PATCH": "1"}
    found = json.loads(status(installed, "--json", code=1))
    assert found["on"] is False
    assert found["why"] == "FAST_LANGGRAPH_AUTO_PATCH is not set"


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_status_fits_a_terminal(installed, columns):
    script = """
    import sqlite3, fast_langgraph
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver
    saver = SqliteSaver(sqlite3.connect(":memory:"))
    config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
    saver.put(config, empty_checkpoint(), {}, {})
    saver.conn.row_factory = sqlite3.Row
    saver.get_tuple(config)
    print(fast_langgraph.status())
    """
    text = ok(installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1", COLUMNS=str(columns)))
    text += status(installed, code=1, COLUMNS=str(columns))
    assert max(map(len, text.splitlines())) <= columns, text


def test_the_status_is_whole_as_a_dict(installed):
    script = """
    import json, sqlite3, fast_langgraph
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver
    saver = SqliteSaver(sqlite3.connect(":memory:"))
    saver.put({"configurable": {"thread_id": "1", "checkpoint_ns": ""}}, empty_checkpoint(), {}, {})
    print(json.dumps(fast_langgraph.status().to_dict()))
    """
    found = json.loads(ok(installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1")))
    site = found["sites"]["JsonPlusSerializer.dumps_typed"]
    assert site["calls"] == 1
    assert site["bytes"] > 10
    assert 0 < site["seconds"] < 60
    assert site["wrappers"] == []
    assert found["sqlite"]["sqlite3"][0] in ("symbols", "extension", "python")
    assert set(found["versions"]) >= {"CPython", "langgraph-checkpoint", "langgraph-checkpoint-sqlite"}
    assert "compare a run with FAST_LANGGRAPH_DISABLE=1" in found["basis"]
    assert found["patched"] is True
    assert found["refusal"] == ""


# --- commands on a database ---


def test_the_commands_on_a_database_are_in_the_wheel(installed, tmp_path):
    path = tmp_path / "app.db"
    made = f"""
        from fast_langgraph import RustSQLiteCheckpointer
        state = {{"v": 4, "id": "1", "ts": "", "channel_values": {{"a": 5}}, "channel_versions": {{}}, "versions_seen": {{}}}}
        with RustSQLiteCheckpointer({str(path)!r}) as saver:
            saver.put({{"configurable": {{"thread_id": "t", "checkpoint_ns": ""}}}}, state, {{"step": 1}}, {{}})
    """
    ok(installed.run(made))
    for command, said in (
        (["threads", path], "t"),
        (["show", path, "t"], "a  5"),
        (["doctor", path], "no data is damaged"),
        (["convert", path, "--to", "compact", "--yes"], "compact"),
        (["prune", path, "--keep-last", "1", "--yes"], "nothing to remove"),
    ):
        assert said in ok(installed.call(installed.command, *command))
