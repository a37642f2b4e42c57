"""The harness that all tests here share, and the table at the end of `make soak-faults`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.soak import SOAK

from .driver import Harness
from .shim import why_not
from .tally import table


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    if reason := why_not():
        pytest.skip(reason)
    harness = Harness(tmp_path_factory.mktemp("faults"))
    yield harness
    harness.end()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [value for report in reports for name, value in report.user_properties if name == "tally"]
    if SOAK and rows:
        terminalreporter.write_line(table(sorted(rows, key=lambda row: (row["operation"], row["layout"]))))
