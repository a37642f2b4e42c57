"""Another project's distribution, ``fast-langgraph``, has the same import name: both installed, in either order."""

from __future__ import annotations

import json
import zipfile

import pytest

from installed_wheel import ALL_SITES, Environment, ok

AUTO = {"FAST_LANGGRAPH_AUTO_PATCH": "1", "COLUMNS": "500"}
FIX = "pip uninstall fast-langgraph fast-langgraph-sqlite, then install fast-langgraph-sqlite again"
ALSO = "fast-langgraph 9.9, another project with the same import name, is installed too"


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """A wheel with the two files that the other project's has in common with ours, and one of its own."""
    path = tmp_path_factory.mktemp("other") / "fast_langgraph-9.9-py3-none-any.whl"
    info = "fast_langgraph-9.9.dist-info"
    files = {
        "fast_langgraph/__init__.py": "THEIRS = True\n",
        "fast_langgraph/py.typed": "",
        "fast_langgraph/shim.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: fast-langgraph\nVersion: 9.9\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def install(made: Environment, wheel) -> None:
    made.pip("install", "--ignore-installed", "--no-deps", str(wheel))


def status(made: Environment, code: int, **variables: str) -> str:
    done = made.call(made.command, "status", **AUTO, **variables)
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


@pytest.fixture
def other_first(wheel, other, tmp_path):
    made = Environment.create(tmp_path / "venv", wheel)
    made.pip("uninstall", "--yes", "fast-langgraph-sqlite")
    install(made, other)
    install(made, wheel)
    return made


@pytest.fixture
def ours_first(wheel, other, tmp_path):
    made = Environment.create(tmp_path / "venv", wheel)
    install(made, other)
    return made


def test_ours_over_the_other_works_and_the_status_warns(other_first):
    text = status(other_first, 0)
    assert text.startswith("on: a program started in this environment runs patched\n")
    assert f"  {ALSO}: updating or uninstalling either removes files of both. Fix: {FIX}\n" in text
    found = json.loads(ok(other_first.call(other_first.command, "status", "--json", **AUTO)))
    assert found["status"]["conflict"].startswith(ALSO)
    assert {site["state"] for site in found["status"]["sites"].values()} == {"active"}
    ok(other_first.run("import fast_langgraph; fast_langgraph.patch(); assert fast_langgraph.is_patched()"))


def test_the_other_over_ours_is_told_and_nothing_is_patched(ours_first):
    assert status(ours_first, 1) == f"off: {ALSO}, and has overwritten this one\nfix: {FIX}\n"
    found = ours_first.call(ours_first.command, "status", "--json", **AUTO)
    assert json.loads(found.stdout)["status"] is None
    script = """
    import fast_langgraph, sys
    assert fast_langgraph.THEIRS
    import langgraph.checkpoint.sqlite
    assert not any(type(finder).__module__ == "fast_langgraph._patching.import_hook" for finder in sys.meta_path)
    """
    ok(ours_first.run(script, **AUTO))
    done = ours_first.call(ours_first.command, "-c", "pass")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"fast_langgraph: can't run a program patched: {ALSO}, and has overwritten this one. Fix:"
    )


def test_what_is_left_once_the_other_was_uninstalled_is_told(ours_first):
    ours_first.pip("uninstall", "--yes", "fast-langgraph")
    text = status(ours_first, 1)
    assert text.startswith(
        "off: its __init__.py is missing: a package with the same files was probably uninstalled\nfix:"
    )
    ok(ours_first.run("import fast_langgraph, langgraph.checkpoint.sqlite", **AUTO))


def test_what_the_status_says_helps(ours_first):
    ours_first.pip("uninstall", "--yes", "fast-langgraph", "fast-langgraph-sqlite")
    install(ours_first, ours_first.wheel)
    text = status(ours_first, 0)
    assert text.startswith("on: ")
    assert "another project" not in text
    assert all(name in text for name in ALL_SITES)
