"""Writes THIRD-PARTY-LICENSES.txt: the licences of the crates that are linked into the extension module.

With ``--check`` it writes nothing, and fails if the file is out of date.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "THIRD-PARTY-LICENSES.txt"
#: the names that crates give their licence files
NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "COPYRIGHT*", "UNLICENSE*")
HEAD = """\
The extension module of fast-langgraph-sqlite is linked with the crates below, and with Rust's standard library, whose
terms are the Apache License, Version 2.0 or the MIT license, at your option (https://github.com/rust-lang/rust,
Copyright (c) The Rust Project Contributors). Below the list are their texts, each once.
"""


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked() -> set[tuple[str, str]]:
    """Name and version of each crate linked on any system, without build scripts and procedural macros."""
    tree = cargo(
        *("tree", "--locked", "--package", "fast_langgraph_native", "--target", "all"),
        *("--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"),
    )
    return {(name, version[1:]) for name, version, *_ in map(str.split, tree.splitlines())}


def texts(folder: Path) -> list[str]:
    files = sorted({path for name in NAMES for path in folder.glob(name) if path.is_file()})
    return ["\n".join(map(str.rstrip, path.read_text(encoding="utf-8").strip().splitlines())) for path in files]


def third_party() -> str:
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    crates = linked()
    found = [package for package in packages if package["source"] and (package["name"], package["version"]) in crates]
    # Texts that differ only in white space are printed once.
    users: dict[str, tuple[str, list[str]]] = {}
    rows = []
    for package in sorted(found, key=lambda package: (package["name"], package["version"])):
        name = f"{package['name']} {package['version']}"
        rows.append(f"{name}: {package['license']}, {package['repository']}")
        terms = texts(Path(package["manifest_path"]).parent)
        if not terms:
            sys.exit(f"{name} ships no text of its licence ({package['license']})")
        for text in terms:
            users.setdefault(" ".join(text.split()), (text, []))[1].append(name)
    rule = "-" * 120
    sections = [f"{rule}\n{', '.join(names)}\n{rule}\n{text}\n" for text, names in users.values()]
    return "\n".join([HEAD, "\n".join(rows), "", *sections])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    wanted = third_party()
    if not parser.parse_args().check:
        FILE.write_text(wanted, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != wanted:
        sys.exit(f"{FILE.name} does not match Cargo.lock: run scripts/third_party_licenses.py")


if __name__ == "__main__":
    main()
