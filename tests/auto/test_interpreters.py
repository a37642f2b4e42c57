"""Ways to start an interpreter and to install into it, and what becomes of FAST_LANGGRAPH_AUTO_PATCH there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap

import pytest

from installed_wheel import Environment, clean, ok

AUTO = {"FAST_LANGGRAPH_AUTO_PATCH": "1"}
IS_ACTIVE = """
import langgraph.checkpoint.sqlite, fast_langgraph
assert fast_langgraph.status().sites["SqliteSaver.put"].state == "active", fast_langgraph.status()
"""

OPTIONS = ["-I", "-E", "-s", "-B", "-O", "-OO", "-Xdev"] + (["-P"] if sys.version_info >= (3, 11) else [])


@pytest.mark.parametrize("option", OPTIONS)
def test_it_is_on_whatever_the_option(installed, option):
    done = installed.run(IS_ACTIVE, option, **AUTO)
    assert done.returncode == 0, done.stderr


def test_without_site_it_can_t_be_on_and_status_says_so(installed):
    script = f"""
import sys
sys.path[:0] = [{str(installed.site_packages)!r}, {sysconfig.get_path("purelib")!r}]
import langgraph.checkpoint.sqlite, fast_langgraph
text = " ".join(repr(fast_langgraph.status()).split())
assert "not patched" in text, text
assert "Python was started with -S, which leaves .pth files unread" in text, text
fast_langgraph.patch()
assert fast_langgraph.is_patched()
"""
    ok(installed.run(script, "-S", **AUTO))


def test_a_variable_that_is_set_too_late_is_told(installed):
    script = """
    import os
    os.environ["FAST_LANGGRAPH_AUTO_PATCH"] = "1"
    import fast_langgraph
    text = " ".join(repr(fast_langgraph.status()).split())
    assert "FAST_LANGGRAPH_AUTO_PATCH was set after Python had started" in text, text
    """
    ok(installed.run(script))


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_of_multiprocessing_are_patched_too(installed, method, tmp_path):
    (tmp_path / "main.py").write_text(f"""
import multiprocessing

def child():
    from langgraph.checkpoint.sqlite import SqliteSaver
    import fast_langgraph
    return fast_langgraph.status().sites["SqliteSaver.put"].state

if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        print(pool.apply(child))
""")
    done = installed.call(installed.python, "main.py", cwd=tmp_path, **AUTO)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "active\n"


def test_a_subinterpreter_is_left_alone_and_lives(installed):
    inside = """
    import sys
    assert any(type(finder).__module__ == "fast_langgraph._patching.import_hook" for finder in sys.meta_path)
    from fast_langgraph.patch import patch_imported
    patch_imported()
    assert not any(type(finder).__module__ == "fast_langgraph._patching.import_hook" for finder in sys.meta_path)
    print("lives", flush=True)
    """
    script = f"""
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    failed = interpreters.run_string(interpreters.create(), {textwrap.dedent(inside)!r})
    assert failed is None, failed
    """
    done = installed.run(script, **AUTO)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "lives\n"
    assert "nothing more is patched: " in done.stderr


def test_the_venv_reads_the_pth_twice_and_a_second_copy_does_no_harm(wheel, tmp_path):
    made = Environment.create(tmp_path / "venv", wheel)
    shutil.copy(made.pth, made.pth.with_name("another_copy.pth"))
    script = """
    import sys
    assert sum(type(finder).__module__ == "fast_langgraph._patching.import_hook" for finder in sys.meta_path) == 1
    """
    ok(made.run(script, **AUTO))
    ok(made.run(IS_ACTIVE, **AUTO))


def test_without_langgraph_nothing_happens_and_status_says_why(wheel, tmp_path):
    made = Environment.create(tmp_path / "venv", wheel, dependencies=False)
    script = """
    import fast_langgraph
    try:
        import langgraph.checkpoint.sqlite
    except ModuleNotFoundError:
        pass
    assert "langgraph-checkpoint not installed" in " ".join(repr(fast_langgraph.status()).split())
    """
    ok(made.run(script, **AUTO))
    done = made.call(made.command, "status", **AUTO)
    assert done.returncode == 1
    assert done.stdout.startswith("off: ModuleNotFoundError: No module named 'langgraph'"), done.stdout


def test_uninstalling_removes_all_that_was_installed(wheel, tmp_path):
    made = Environment.create(tmp_path / "venv", wheel)
    ok(made.run(IS_ACTIVE, **AUTO))
    assert made.command.exists()
    made.pip("uninstall", "--yes", "fast-langgraph-sqlite")
    assert [path.name for path in made.site_packages.rglob("*fast*langgraph*")] == []
    assert not made.command.exists()
    ok(made.run("import langgraph.checkpoint.sqlite", **AUTO))


def test_an_installation_beside_the_site_folders_is_told(wheel, tmp_path):
    made = Environment.create(tmp_path / "venv", wheel)
    made.pip("uninstall", "--yes", "fast-langgraph-sqlite")
    target = tmp_path / "target"
    made.pip("install", "--no-deps", "--target", str(target), str(wheel))
    script = """
    import fast_langgraph
    text = " ".join(repr(fast_langgraph.status()).split())
    assert "fast_langgraph_sqlite_auto.pth is not in any of the folders" in text, text
    """
    ok(made.run(script, PYTHONPATH=str(target), **AUTO))
    done = made.call(made.python, "-m", "fast_langgraph", "-c", "pass", PYTHONPATH=str(target))
    assert done.returncode == 2
    assert done.stderr.startswith(
        "fast_langgraph: can't run a program patched: fast_langgraph_sqlite_auto.pth is not in any of"
    )


def test_an_editable_installation_is_on_too():
    # The one that these tests run in is one: `maturin develop`.
    done = subprocess.run(
        [sys.executable, "-c", IS_ACTIVE], capture_output=True, text=True, check=False, env={**clean(), **AUTO}
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_before_langgraph_is_imported_patches_in_both(installed):
    script = f"""
import os
child = os.fork()
{IS_ACTIVE}
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    done = installed.run(script, **AUTO)
    assert done.returncode == 0, done.stderr
