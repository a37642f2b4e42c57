"""The source distribution, installed by pip as a user does: in an empty folder, with and without a Rust toolchain."""

from __future__ import annotations

import re

import pytest
from conftest import AGENT, Environment


def test_an_agent_runs_on_the_source_distribution_in_an_empty_folder(install, tmp_path):
    made = Environment(tmp_path)
    install(made)
    done = made.call(made.python, AGENT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("an agent ran on fast-langgraph-sqlite ")


OLD = "#!/bin/sh\necho 'rustc 1.80.1 (3f5fd8dd4 2024-08-06)'\n"
BROKEN = "#!/bin/sh\necho 'error: rustup could not choose a version of rustc to run' >&2\nexit 1\n"


@pytest.mark.parametrize(
    ("tools", "sentence"),
    [
        ({}, "and cargo is not on PATH: install it from https://rustup.rs or by the system's package manager"),
        ({"cargo": OLD}, "and rustc is not on PATH: install it from https://rustup.rs or by the system's"),
        ({"cargo": OLD, "rustc": OLD}, "and this is 1.80.1: update it by `rustup update`, or install it from"),
        ({"cargo": BROKEN, "rustc": BROKEN}, "and `rustc --version` fails: error: rustup could not choose a version"),
    ],
    ids=["none", "cargo alone", "too old", "broken"],
)
def test_without_a_rust_toolchain_pip_ends_in_one_sentence_and_fetches_none(sdist, tmp_path, tools, sentence):
    made = Environment(tmp_path)
    path = tmp_path / "tools"
    path.mkdir()
    for name, script in tools.items():
        (path / name).write_text(script)
        (path / name).chmod(0o755)
    home = tmp_path / "home"
    done = made.pip("install", "--no-deps", "--no-cache-dir", sdist, PATH=str(path), HOME=str(home))
    assert done.returncode == 1
    output = done.stdout + done.stderr
    told = [line.strip() for line in output.splitlines() if "fast_langgraph: " in line]
    assert len(told) == 1, output
    assert re.match("fast_langgraph: it is built by Rust [0-9.]+ or later, " + re.escape(sentence), told[0])
    assert "Traceback" not in output
    assert not home.exists(), "a toolchain that was fetched lies there"
