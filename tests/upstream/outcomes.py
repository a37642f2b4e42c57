"""A pytest plugin that writes down what became of each test of pytest-xdist's workers: ``-p outcomes --outcomes FILE``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

#: what differs from run to run
VARIABLE = [
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"/[\w./-]*(tmp|pytest)[\w./-]*"), "<path>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.+:]*"), "<time>"),
    (re.compile(r"\d+\.\d{3,}"), "<float>"),
    (re.compile(r"\bport \d+"), "<port>"),
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    # With pytest-xdist it is the controller that hears of every test.
    role = Worker(config) if hasattr(config, "workerinput") else Outcomes(config.getoption("--outcomes"))
    config.pluginmanager.register(role, "upstream_outcomes")


def says(report: Any) -> str:
    """The exception and its message, or the reason of a skip; and what the test has recorded."""
    text = ""
    if isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2])
    elif report.longrepr is not None:
        crash = getattr(report.longrepr, "reprcrash", None)
        text = crash.message if crash is not None else str(report.longrepr)
    text += ", ".join(f"{name} {value}" for name, value in getattr(report, "user_properties", ()))
    for pattern, stand_in in VARIABLE:
        text = pattern.sub(stand_in, text)
    return text


class Worker:
    """Tells the controller whether fast_langgraph is loaded."""

    def __init__(self, config: Any) -> None:
        self.output = config.workeroutput

    def pytest_sessionfinish(self) -> None:
        self.output["accelerated"] = "fast_langgraph" in sys.modules


class Outcomes:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tests: dict[str, list[tuple[str, str, str]]] = {}
        self.accelerated = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.tests.setdefault(report.nodeid, []).append((str(report.when), report.outcome, says(report)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self.tests[report.nodeid] = [("collect", report.outcome, says(report))]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.accelerated |= getattr(node, "workeroutput", {}).get("accelerated", False)

    def pytest_sessionfinish(self) -> None:
        found = {"tests": self.tests, "accelerated": self.accelerated}
        self.path.write_text(json.dumps(found, indent=1, sort_keys=True))
