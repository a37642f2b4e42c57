"""Every example of these pages runs as a test, one after the other, in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

_folders: list[tuple[str, tempfile.TemporaryDirectory[str]]] = []


def enter(namespace: dict[str, Any]) -> None:
    _folders.append((os.getcwd(), tempfile.TemporaryDirectory()))
    os.chdir(_folders[-1][1].name)


def leave(namespace: dict[str, Any]) -> None:
    before, folder = _folders.pop()
    os.chdir(before)
    folder.cleanup()


pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], patterns=["*.md"], setup=enter, teardown=leave).pytest()
