"""The rooms of the Rust half depend one way, and no two of its files are in a circle.

A room is a folder of ``native/src``, or a file in it. Read are the paths in the code: ``use`` with its trees, and paths
that stand in expressions. A ``mod.rs`` counts as using each of its modules, so what it has is not for these.
"""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"

#: Each room with those that it may use, which stand below it.
ROOMS: dict[str, set[str]] = {
    "checkpointer": {
        "columns",
        "delta_channels",
        "encodings",
        "errors",
        "file_identity",
        "host_sqlite",
        "key_part",
        "layout",
        "sync",
        "values",
        "wal_file",
    },
    "borrowed_connection": {
        "columns",
        "delta_channels",
        "errors",
        "file_identity",
        "host_sqlite",
        "key_part",
        "layout",
        "sync",
        "values",
        "wal_file",
    },
    "layout": {
        "buffer",
        "columns",
        "delta_channels",
        "errors",
        "file_identity",
        "key_part",
        "sync",
        "values",
        "fast_langgraph_compact",
    },
    "delta_channels": {"buffer", "columns", "fast_langgraph_msgpack"},
    "columns": {"buffer", "errors", "key_part"},
    "key_part": {"values"},
    "values": {"buffer", "errors"},
    "errors": {"host_sqlite"},
    "profile": {"buffer", "codec", "sync"},
    "codec": {"buffer", "counts", "sync", "fast_langgraph_msgpack"},
    "encodings": {"sync"},
    "metadata": set(),
    "host_sqlite": {"sync"},
    "file_identity": set(),
    "wal_file": set(),
    "counts": {"sync"},
    "buffer": set(),
    "interpreter": set(),
    "sync": set(),
    "names": set(),
    "fast_langgraph_compact": {"fast_langgraph_msgpack"},
    "fast_langgraph_msgpack": set(),
}

Module = tuple[str, ...]


def modules(source: Path) -> dict[Module, Path]:
    """The files below ``source`` by the path of their module."""
    found = {}
    for file in source.rglob("*.rs"):
        *folders, name = file.relative_to(source).with_suffix("").parts
        found[tuple(folders if name in ("mod", "lib") else [*folders, name])] = file
    return found


def expanded(tree: str) -> list[str]:
    """The paths in a tree of ``use``: ``a::{b, c::{d, e}}`` is ``a::b``, ``a::c::d`` and ``a::c::e``."""
    prefix, brace, rest = tree.partition("{")
    if not brace:
        return [tree]
    inside = rest[: rest.rindex("}")]
    parts, depth = [""], 0
    for character in inside:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [prefix + path for part in parts if part.strip() for path in expanded(part.strip())]


def paths(code: str) -> list[Module]:
    """All paths that the code has, as they stand there."""
    code = re.sub(r"//[^\n]*", "", code)
    found = []
    for tree in re.findall(r"\buse\s+([^;]+);", code):
        found += expanded(" ".join(tree.split()))
    code = re.sub(r"\buse\s+[^;]+;", "", code)
    found += re.findall(r"\b[a-z_]\w*(?:::\w+)+", code)
    return [tuple(step.split(" ")[0] for step in path.split("::")) for path in found]


def uses(source: Path) -> dict[Module, set[Module]]:
    """For each module the modules that it uses; crates of ours are modules of one step."""
    known = modules(source)
    found: dict[Module, set[Module]] = {}
    for module, file in known.items():
        code = file.read_text()
        is_root = file.stem in ("mod", "lib")
        used = {(*module, name) for name in re.findall(r"^(?:pub )?mod (\w+);", code, re.MULTILINE)}
        for first, *rest in paths(code):
            if first.startswith("fast_langgraph_"):
                used.add((first,))
                continue
            here = list(module)
            if first == "crate":
                here = []
            elif first == "super":
                here = here[:-1]
                while rest and rest[0] == "super":
                    here, rest = here[:-1], rest[1:]
            elif first == "self" or (is_root and (*module, first) in known):
                rest = rest if first == "self" else [first, *rest]
            else:
                continue
            target = tuple(here)
            while rest and (*target, rest[0]) in known:
                target, rest = (*target, rest[0]), rest[1:]
            used.add(target)
        found[module] = used - {module}
    return found


def room(module: Module) -> str:
    return module[0] if module else "lib"


def between_rooms(source: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module, used in uses(source).items():
        found.setdefault(room(module), set()).update(room(other) for other in used)
    return {name: used - {name} for name, used in found.items() if name != "lib"}


def circle(graph: dict[Module, set[Module]]) -> list[str]:
    """The modules of a circle, empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["::".join(module) for module in error.args[1]]
    return []


def test_each_room_uses_only_rooms_that_stand_below_it():
    order = list(ROOMS)
    for name, allowed in ROOMS.items():
        assert allowed <= set(order[order.index(name) + 1 :]), f"{name} is declared above a room that it may use"
    found = between_rooms(NATIVE / "src")
    assert set(found) == {name for name in ROOMS if not name.startswith("fast_langgraph_")}, "a room is not declared"
    assert found == {name: ROOMS[name] for name in found}


def test_each_crate_uses_only_the_crates_below_it():
    for crate in ("compact", "msgpack"):
        used = {other[0] for others in uses(NATIVE / crate / "src").values() for other in others if other}
        name = f"fast_langgraph_{crate}"
        assert {other for other in used if other.startswith("fast_langgraph_")} == ROOMS[name]


@pytest.mark.parametrize("source", ["src", "compact/src", "msgpack/src"])
def test_no_files_are_in_a_circle(source):
    graph = uses(NATIVE / source)
    assert len(graph) > 2
    assert circle(graph) == []


@pytest.mark.parametrize(
    "back",
    [
        "use super::reading;",
        "use super::{other::Thing, reading::{self, Page as Leaf}};",
        "use crate::{\n    room::{\n        reading::Page,\n    },\n};",
        "fn page() -> usize {\n    super::reading::pages()\n}",
        "use crate::room::Page;",
    ],
)
def test_a_circle_is_found_however_it_is_written(tmp_path, back):
    (tmp_path / "room").mkdir()
    (tmp_path / "lib.rs").write_text("mod room;\n")
    (tmp_path / "room/mod.rs").write_text("mod other;\nmod reading;\nmod writing;\npub use reading::Page;\n")
    (tmp_path / "room/other.rs").write_text("pub struct Thing;\n")
    (tmp_path / "room/reading.rs").write_text("use super::writing::write;\npub struct Page;\n")
    writing = tmp_path / "room/writing.rs"
    writing.write_text("// use super::reading;\nuse super::other::Thing;\n")
    assert circle(uses(tmp_path)) == []
    writing.write_text(f"{back}\n")
    assert "room::writing" in circle(uses(tmp_path))


def test_a_use_of_a_room_above_is_found(tmp_path):
    (tmp_path / "layout").mkdir()
    (tmp_path / "lib.rs").write_text("mod layout;\nmod checkpointer;\n")
    (tmp_path / "checkpointer.rs").write_text("use crate::layout::Layout;\n")
    rows = tmp_path / "layout/mod.rs"
    rows.write_text("use crate::errors::SqlError;\n")
    assert between_rooms(tmp_path) == {"layout": {"lib"}, "checkpointer": {"layout"}}
    rows.write_text("fn engine() {\n    crate::checkpointer::engine();\n}\n")
    assert between_rooms(tmp_path)["layout"] == {"checkpointer"}
