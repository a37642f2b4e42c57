"""Runs your own test suite patched: ``pytest -p fast_langgraph.pytest_plugin --fast-langgraph``.

Without the option nothing is patched; the fixture ``fast_langgraph_checkpointer`` is there either way.

``patch()`` is called before tests are collected, also in each worker of pytest-xdist. The summary shows
``status()``, with the workers' counts added up, and the run fails if nothing was patched.
``--fast-langgraph-expect`` names sites that must be active at the end and must have run in Rust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

import fast_langgraph
from fast_langgraph.reporting import Site, Status

if TYPE_CHECKING:
    from fast_langgraph import RustSQLiteCheckpointer


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fast_langgraph")
    group.addoption("--fast-langgraph", action="store_true", help="run the tests under fast_langgraph.patch()")
    group.addoption(
        "--fast-langgraph-expect",
        metavar="SITES",
        default="",
        help="names of sites, with commas between them, that must be active at the end and have done something in Rust",
    )


def pytest_configure(config: pytest.Config) -> None:
    expected = [name.strip() for name in config.getoption("--fast-langgraph-expect").split(",") if name.strip()]
    if not config.getoption("--fast-langgraph"):
        if expected:
            raise pytest.UsageError("--fast-langgraph-expect needs --fast-langgraph")
        return
    fast_langgraph.patch()
    known = fast_langgraph.status().sites
    unknown = [name for name in expected if name not in known]
    if known and unknown:
        raise pytest.UsageError(f"no such site: {', '.join(unknown)}; there are {', '.join(known)}")
    config.pluginmanager.register(Patched(config, expected), "fast_langgraph_patched")


@pytest.fixture
def fast_langgraph_checkpointer() -> Iterator[RustSQLiteCheckpointer]:
    """A ``RustSQLiteCheckpointer`` in memory, for threads and event loops; new for each test."""
    with fast_langgraph.RustSQLiteCheckpointer(":memory:") as checkpointer:
        yield checkpointer


class Patched:
    """The plugin of a session under ``patch()``."""

    def __init__(self, config: pytest.Config, expected: list[str]) -> None:
        self.config = config
        self.expected = expected
        self.began_patched = fast_langgraph.is_patched()
        #: the status that each worker of pytest-xdist has sent
        self.workers: list[Status] = []

    def pytest_report_header(self) -> str:
        return f"fast_langgraph {fast_langgraph.__version__}: " + ("patched" if self.status.patched else "not patched")

    @property
    def status(self) -> Status:
        """The status of this process, or of its workers together."""
        return together(self.workers) if self.workers else fast_langgraph.status()

    @property
    def complaints(self) -> list[str]:
        status = self.status
        if not status.patched:
            return ["nothing is patched any more" if self.began_patched else status.refusal]
        found = []
        for name in self.expected:
            site = status.sites[name]
            if site.state != "active":
                found.append(f"{name} is {site.state}: {site.reason}")
            elif not site.calls:
                found.append(f"{name} was never called")
            elif site.calls == sum(site.fallbacks.values()):
                found.append(f"{name} was run by stock's code each time: {', '.join(site.fallbacks)}")
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["fast_langgraph"] = asdict(fast_langgraph.status())
        elif self.complaints and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        sent = getattr(node, "workeroutput", {}).get("fast_langgraph")
        if sent is not None:
            sent["sites"] = {name: Site(**site) for name, site in sent["sites"].items()}
            self.workers.append(Status(**sent))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("fast_langgraph")
        terminalreporter.write_line(repr(self.status))
        for complaint in self.complaints:
            terminalreporter.write_line(f"ERROR: {complaint}", red=True, bold=True)


def together(statuses: list[Status]) -> Status:
    """One status for several processes: the counts added up, and the worst of the states."""
    sites: dict[str, Site] = {}
    for status in statuses:
        for name, site in status.sites.items():
            so_far = sites.get(name)
            if so_far is None:
                sites[name] = site
                continue
            worse = so_far if so_far.state != "active" else site
            sites[name] = replace(
                worse,
                calls=so_far.calls + site.calls,
                fallbacks=_added(so_far.fallbacks, site.fallbacks),
                values_by_stock=so_far.values_by_stock + site.values_by_stock,
                values_by_class=_added(so_far.values_by_class, site.values_by_class),
                bytes=so_far.bytes + site.bytes,
                seconds=so_far.seconds + site.seconds,
            )
    first = statuses[0]
    return replace(
        first,
        patched=all(status.patched for status in statuses),
        refusal=next((status.refusal for status in statuses if status.refusal), ""),
        sqlite={module: how for status in statuses for module, how in status.sqlite.items()},
        sites=sites,
        indirect={name: why for status in statuses for name, why in status.indirect.items()},
    )


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))
