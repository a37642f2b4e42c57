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


@pytest.mark.unpatched
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first", [f"fast_langgraph.{name}" for name in ("patching", "reporting")] + ["fast_langgraph"])
def test_each_name_is_there_whatever_is_imported_first(name, first):
    script = (
        f"import {first}, fast_langgraph; assert callable(fast_langgraph.{name}); from fast_langgraph import {name}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
