"""The real ``fast-langgraph`` of the package index beside ours, as tests/auto/test_two_distributions.py has a made-up one."""

from __future__ import annotations

from conftest import AGENT, Environment

OTHER = "fast-langgraph==0.1.15"


def status(made: Environment) -> tuple[int, str]:
    done = made.call(made.command, "status", FAST_LANGGRAPH_AUTO_PATCH="1", COLUMNS="500")
    return done.returncode, done.stdout


def test_either_order_of_installation(install, tmp_path):
    made = Environment(tmp_path)
    made.install(OTHER)
    install(made)
    code, text = status(made)
    assert (code, text.partition(":")[0]) == (0, "on"), text
    assert "fast-langgraph 0.1.15, another project with the same import name, is installed too: " in text
    done = made.call(made.python, AGENT)
    assert done.returncode == 0, done.stderr

    made.install("--force-reinstall", "--no-deps", OTHER)
    done = made.call(made.python, "-c", "import fast_langgraph; assert not hasattr(fast_langgraph, 'status')")
    assert done.returncode == 0, done.stderr
    code, text = status(made)
    assert code == 1
    assert "off: fast-langgraph 0.1.15, another project with the same import name, is installed too, and has" in text

    assert made.pip("uninstall", "--yes", "fast-langgraph", "fast-langgraph-sqlite").returncode == 0
    install(made)
    code, text = status(made)
    assert (code, "another project" in text) == (0, False), text
