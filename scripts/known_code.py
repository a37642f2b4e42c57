#!/usr/bin/env python3
"""Writes the table of known code: fingerprints of what ours replaces, for every release on the package index.

Run it with the Python of the environment that `make` builds. A new line in the table means that upstream has changed
code that ours replaces: run `make test-upstream-all` and `make test-matrix` before you commit the line. With --check
nothing is written, and it fails if there would be a new line. The fingerprints are the same on every interpreter.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.resolve()
CACHE = ROOT / ".upstream" / "releases"
TABLE = ROOT / "fast_langgraph" / "_stock_code" / "known_code.py"

CHECKPOINT, SQLITE, CORE = "langgraph-checkpoint", "langgraph-checkpoint-sqlite", "langchain-core"


def numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def pip(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def releases(distribution: str) -> list[str]:
    """The supported releases that run on this interpreter, oldest first."""
    from fast_langgraph._stock_code.releases import SUPPORTED

    first, end = SUPPORTED.get(distribution, ((1, 0), (2,)))
    listed = pip("index", "versions", distribution).partition("Available versions: ")[2].partition("\n")[0]
    return sorted((r for r in listed.split(", ") if first <= numbers(r) < end), key=numbers)


def unpacked(distribution: str, release: str) -> Path:
    """A folder with the modules of a release."""
    folder = CACHE / f"{distribution}-{release}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as download:
            pip(
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
                "-d",
                download,
                f"{distribution}=={release}",
            )
            (wheel,) = Path(download).glob("*.whl")
            modules = Path(download, "modules")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(modules)
            try:
                modules.rename(folder)
            except OSError:
                # Another process was faster.
                if not folder.exists():
                    raise
    return folder


def fingerprints(distribution: str) -> dict[str, str]:
    """Fingerprints of what this process imports, by name."""
    from fast_langgraph._patching.live_classes import LIVE_CLASSES
    from fast_langgraph._stock_code import message_classes, releases

    if distribution == CORE:
        classes = [getattr(importlib.import_module(module), name) for module, name in message_classes.MESSAGE_CLASSES]
        for cls in classes:
            # A class that is not plain must not get into the table.
            assert isinstance(message_classes.describe(cls), tuple), (cls, message_classes.describe(cls))
        return {cls.__name__: message_classes.fingerprint(cls) for cls in classes}
    found = {}
    for cls in LIVE_CLASSES[:1] if distribution == CHECKPOINT else LIVE_CLASSES:
        importlib.import_module(cls.module)
        cls.find_sites(LIVE_CLASSES[0].sites)
        assert not cls.failure, cls.failure
        if cls is LIVE_CLASSES[0] and distribution != CHECKPOINT:
            continue
        for site in cls.sites:
            if site.method.live is None:
                continue  # this release has no such method
            found[site.name] = releases.site_fingerprint(site.method.owner, [site.method.live, *site.method.beside])
    if distribution == CHECKPOINT:
        found["base"] = releases.base_fingerprint()
    return found


def ask(distribution: str, release: str) -> dict[str, str]:
    """The same of a release, in a process of its own that finds it before what is installed."""
    command = [sys.executable, "-W", "ignore", __file__, "--of", distribution, str(unpacked(distribution, release))]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def entries(found: dict[str, list[str]], margin: str) -> list[str]:
    spans = {
        print_: having[0] if len(having) == 1 else f"{having[0]} to {having[-1]}" for print_, having in found.items()
    }
    return [f'{margin}"{print_}": "{span}",' for print_, span in spans.items()]


def table(names: dict[str, dict[str, list[str]]]) -> str:
    lines = []
    for name, found in names.items():
        lines += [f'    "{name}": {{', *entries(found, " " * 8), "    },"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a line would be new")
    parser.add_argument("--of", nargs=2, metavar=("DISTRIBUTION", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.of:
        sys.path.insert(0, arguments.of[1])
        print(json.dumps(fingerprints(arguments.of[0])))
        return 0
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    known = {}
    for distribution in (CHECKPOINT, SQLITE, CORE):
        names = found.setdefault(distribution, {})
        having = releases(distribution)
        known[distribution] = having[0], having[-1]
        for release in having:
            for name, fingerprint in ask(distribution, release).items():
                names.setdefault(name, {}).setdefault(fingerprint, []).append(release)
    if arguments.check:
        from fast_langgraph._stock_code import known_code

        tables = {**known_code.SITES, **known_code.MESSAGES, "base": known_code.BASE}
        new = [
            f"{name} {fingerprint}: {distribution} {having[0]} to {having[-1]}"
            for distribution, names in found.items()
            for name, prints in names.items()
            for fingerprint, having in prints.items()
            if fingerprint not in tables[name]
        ]
        print("\n".join(new) or f"all known: {', '.join(f'{name} {a} to {b}' for name, (a, b) in known.items())}")
        return 1 if new else 0
    base = "\n".join(entries(found[CHECKPOINT].pop("base"), " " * 4))
    ranges = "\n".join(f'    "{name}": ("{first}", "{last}"),' for name, (first, last) in known.items())
    TABLE.write_text(
        f'''"""Fingerprints of the code that ours replaces, by release. Written by scripts/known_code.py."""

#: by distribution, the first and the last release that was looked at
RELEASES = {{
{ranges}
}}

#: by site
SITES = {{
{table(found[CHECKPOINT])}
{table(found[SQLITE])}
}}

#: what savers use of langgraph.checkpoint.base
BASE = {{
{base}
}}

#: by message class: what runs when an instance is made from a payload
MESSAGES = {{
{table(found[CORE])}
}}
'''
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
