"""What the commands print, whole, on a terminal of 80 columns: ``golden/`` is what a person has read and found good.

After a change that is meant, ``UPDATE_GOLDEN=1`` writes the files anew; read them before they are committed.
"""

from __future__ import annotations

import os
import random
import re
from datetime import datetime
from pathlib import Path

import pytest

from apps import conversations
from fast_langgraph._cli import output

GOLDEN = Path(__file__).parent / "golden"

COMMANDS = {
    "threads": ("threads", "app.db"),
    "show": ("show", "app.db", "weather"),
    "show-interrupted": ("show", "app.db", "trip"),
    "history": ("history", "app.db", "weather"),
    "stats": ("stats", "app.db"),
    "doctor": ("doctor", "app.db"),
    "prune": ("prune", "app.db", "--keep-last", "2", "--yes"),
    "vacuum": ("vacuum", "app.db"),
    "convert": ("convert", "app.db", "--to", "compact", "--yes"),
    "backup": ("backup", "app.db", "copy.db"),
    "copy-thread": ("copy-thread", "app.db", "trip", "trip-2"),
    "help": ("--help",),
    "show-help": ("show", "--help"),
    "doctor-help": ("doctor", "--help"),
    "convert-help": ("convert", "--help"),
    "prune-help": ("prune", "--help"),
}

#: what differs from run to run, or with a release of LangChain, in as many characters
VARIES = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){2}(-[0-9a-f]{4}-[0-9a-f]{12})?"), "x"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "0"),
    (re.compile(r"\d+(\.\d)?(?= k?M?B\b| bytes)"), "0"),
    (re.compile(r"[0-9a-f]{32}|(?<=of task )[0-9a-f]{8}"), "x"),
    (re.compile(r"(?<=\()[^()]+ ago(?=\))|just now"), "-"),
)


def steady(text: str) -> str:
    for pattern, letter in VARIES:
        text = pattern.sub(lambda found, letter=letter: re.sub(r"[0-9a-z]", letter, found[0]), text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@pytest.fixture(scope="module")
def steady_database(tmp_path_factory):
    """With sizes that have as many digits each time.

    The numbers by chance in LangGraph's versions don't, and an id may be given to a message before or after it is
    encoded: with so many threads no size is near a power of ten.
    """
    path = tmp_path_factory.mktemp("steady") / "app.db"
    before = random.getstate()
    random.seed(1)
    conversations.run(path, others=7)
    random.setstate(before)
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_what_was_read_and_found_good(name, steady_database, tmp_path, cli, monkeypatch):
    class WhenItWasMade(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(steady_database.stat().st_mtime + 1, tz)

    # How long ago something was takes more or fewer columns.
    monkeypatch.setattr(output, "datetime", WhenItWasMade)
    monkeypatch.chdir(tmp_path)
    Path("app.db").write_bytes(steady_database.read_bytes())
    printed = steady(cli(*COMMANDS[name], COLUMNS="80").output)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(printed)
    assert printed == golden.read_text()


def test_each_file_has_its_command():
    assert {file.stem for file in GOLDEN.iterdir()} == set(COMMANDS)
