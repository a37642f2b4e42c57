"""Imports between the files of the package point one way: DEVELOP.md shows the rooms, from the top down."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import fast_langgraph

pytestmark = pytest.mark.unpatched

PACKAGE = Path(fast_langgraph.__file__).parent

#: rooms, and files that are rooms of their own; each imports only what stands after it
ROOMS = [
    "__main__",
    "_cli",
    "pytest_plugin",
    "__init__",
    "_boot",
    "_move",
    "_profile",
    "patch",
    "reporting",
    "checkpointer",
    "_patching",
    "_checkpointer",
    "_replacements",
    "_stock_code",
    "_shared",
    "_native",
]

#: what is only for stock's savers
NOT_FOR_THE_CHECKPOINTER = {"patch", "reporting", "_patching", "_replacements"}


def modules_of(package: Path) -> dict[str, Path]:
    """By name within the package."""
    found = {}
    for path in package.rglob("*.py*"):
        if path.suffix in (".py", ".pyi"):
            parts = path.relative_to(package).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imports_of(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules that a file imports, at whatever moment. A text that is a module's full name may import it too."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}"
                named.add(dotted if dotted.removeprefix("fast_langgraph.") in modules else node.module)
        elif isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != "fast_langgraph":
            named.add(node.value)
    within = {name.removeprefix("fast_langgraph.") for name in named if name.startswith("fast_langgraph.")}
    if "fast_langgraph" in named:
        within.add("__init__")
    return within & modules.keys()


def room_of(module: str) -> str:
    return module if module in ROOMS else module.partition(".")[0]


def graph_of(package: Path) -> dict[str, set[str]]:
    modules = modules_of(package)
    return {module: imports_of(path, modules) for module, path in modules.items()}


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


GRAPH = graph_of(PACKAGE)


def test_the_files_of_the_package_import_each_other_in_no_circle():
    assert len(GRAPH) > 40
    assert sum(map(len, GRAPH.values())) > 80
    assert circle_in(GRAPH) == []


def test_rooms_import_only_what_stands_below_them():
    assert {room_of(module) for module in GRAPH} == set(ROOMS)
    upwards = [
        (module, imported)
        for module, imports in GRAPH.items()
        for imported in imports
        if ROOMS.index(room_of(imported)) < ROOMS.index(room_of(module))
    ]
    assert upwards == []


def test_the_checkpointer_imports_nothing_that_is_only_for_stock_s_savers():
    reached, pending = set(), ["checkpointer"]
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            pending += GRAPH[module]
    assert "_checkpointer.opening" in reached
    assert {room_of(module) for module in reached} & NOT_FOR_THE_CHECKPOINTER == set()


def test_every_file_that_develop_md_leads_to_is_there():
    root = PACKAGE.parent
    text = (root / "DEVELOP.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line.rpartition(" | ")[2]]
    assert len(rows) > 8
    for row in rows:
        folder = root
        for name in re.findall(r"`([\w./]+)`", row.rpartition(" | ")[2]):
            path = root / name if "/" in name else folder / name
            assert path.exists(), (row, name)
            folder = path.parent


def test_a_circle_and_a_wrong_way_are_seen(tmp_path):
    for name, text in {
        "__init__.py": "",
        "_shared/__init__.py": "",
        "_shared/rows.py": "def lazily():\n    from fast_langgraph._shared import codec\n",
        "_shared/codec.py": "from fast_langgraph._shared.settings import DISABLE\n",
        "_shared/settings.py": "HOMES = {'rows': 'fast_langgraph._shared.rows'}\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert set(circle_in(graph_of(tmp_path))) == {"_shared.rows", "_shared.codec", "_shared.settings"}
