"""The package as a user meets it."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys

import pytest

import fast_langgraph

NAMES = ["patch", "unpatch", "is_patched", "status", "disabled"]


@pytest.mark.unpatched
def test_the_version_is_that_of_the_distribution():
    assert importlib.metadata.version("fast-langgraph-sqlite") == fast_langgraph.__version__


@pytest.mark.unpatched
def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        fast_langgraph.no_such_name


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.unpatched
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first", [f"fast_langgraph.{name}" for name in ("patch", "reporting")] + ["fast_langgraph"])
def test_each_name_is_there_whatever_is_imported_first(name, first):
    run(f"import {first}, fast_langgraph; assert callable(fast_langgraph.{name}); from fast_langgraph import {name}")


#: ways to import what is a module and a function
WAYS = {
    "module-first": "import fast_langgraph.patch",
    "module-last": "import fast_langgraph; fast_langgraph.status(); import fast_langgraph.patch",
    "module-as": "import fast_langgraph.patch as patch; assert callable(patch)",
    "name": "from fast_langgraph import patch; assert callable(patch)",
    "name-of-the-module": "from fast_langgraph.patch import patch; assert callable(patch)",
    "importlib": "import importlib; assert importlib.import_module('fast_langgraph.patch').patch",
    "from-a-thread": """
import threading
threads = [threading.Thread(target=__import__, args=[name]) for name in ["fast_langgraph.patch", "fast_langgraph"] * 8]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
    "after-a-reload": """
import importlib, sys, fast_langgraph
importlib.reload(fast_langgraph)
importlib.reload(sys.modules["fast_langgraph.patch"])
import fast_langgraph.patch
importlib.reload(fast_langgraph)
""",
    "mock-of-the-function": """
from unittest import mock
with mock.patch("fast_langgraph.patch") as mocked:
    import fast_langgraph
    assert fast_langgraph.patch is mocked
""",
    "mock-in-the-module": """
import sys, fast_langgraph
from unittest import mock
module = sys.modules["fast_langgraph.patch"]
# Before CPython 3.11, mock takes what is called fast_langgraph.patch, which is the function.
named = sys.version_info >= (3, 11)
with mock.patch("fast_langgraph.patch.patch_imported") if named else mock.patch.object(module, "patch_imported"):
    assert isinstance(module.patch_imported, mock.Mock)
    assert callable(fast_langgraph.patch)
assert not isinstance(module.patch_imported, mock.Mock)
""",
}


@pytest.mark.unpatched
@pytest.mark.parametrize("way", WAYS)
def test_patch_is_the_function_however_its_module_is_imported(way):
    script = (
        WAYS[way]
        + """
import fast_langgraph, types
assert isinstance(fast_langgraph.patch, types.FunctionType), fast_langgraph.patch
fast_langgraph.patch()
assert fast_langgraph.is_patched()
import sys
assert isinstance(sys.modules["fast_langgraph.patch"], types.ModuleType)
"""
    )
    run(script)


@pytest.mark.unpatched
def test_importing_the_package_imports_nothing_of_langgraph_s_and_nothing_native():
    before = "import sys; before = set(sys.modules); import fast_langgraph; "
    assert eval(run(before + "print(sorted(set(sys.modules) - before))")) == [
        "__future__",
        "fast_langgraph",
        "fast_langgraph.patch",
    ]


@pytest.mark.unpatched
def test_the_names_that_dir_gives_are_there_and_complete():
    names = [name for name in eval(run("import fast_langgraph; print(dir(fast_langgraph))")) if name[0] != "_"]
    assert names == sorted(name for name in fast_langgraph.__all__ if name[0] != "_")
    for name in dir(fast_langgraph):
        getattr(fast_langgraph, name)


@pytest.mark.unpatched
def test_a_star_import_gives_the_documented_names():
    space = {}
    exec("from fast_langgraph import *", space)
    assert set(NAMES) <= set(space)


@pytest.mark.unpatched
def test_the_package_says_that_it_is_typed():
    assert importlib.resources.files(fast_langgraph).joinpath("py.typed").is_file()


def test_the_fixture_patches_for_the_length_of_a_test():
    assert fast_langgraph.is_patched()


@pytest.mark.unpatched
def test_the_fixture_unpatches_after_a_test():
    assert not fast_langgraph.is_patched()
