"""``status()``: which methods are patched, what they did, and which calls fell back to stock's code and why."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import __version__
from fast_langgraph._patching import apply, environment, import_hook
from fast_langgraph._patching.live_classes import LIVE_CLASSES, LiveClass
from fast_langgraph._shared import host_sqlite, settings
from fast_langgraph._shared.counts import counts_of
from fast_langgraph._shared.memory import PATCHED
from fast_langgraph._shared.settings import Settings
from fast_langgraph._stock_code import known_code, message_classes, releases

#: how many classes of values that fell back are shown: those with the most values
CLASSES_SHOWN = 5
#: a site whose name is longer has a line for it, so that all fits a narrow terminal
NAME_WIDTH = 31

#: how many files in the compact layout are shown
FILES_SHOWN = 5

DISTRIBUTIONS = ("langgraph-checkpoint", "langgraph-checkpoint-sqlite", "langchain-core", "pydantic", "ormsgpack")


@dataclass(frozen=True)
class Site:
    """One method: its state now, and its counts since it was first patched."""

    name: str
    #: "active", "pending" (the class is not imported yet), "skipped" (left as it is), "foreign" (somebody
    #: else's function stands there) or "failed"
    state: str
    reason: str
    calls: int = 0
    #: whole calls that stock's code carried out, by reason
    fallbacks: dict[str, int] = field(default_factory=dict)
    #: single values within calls that stock's encoder or hook handled, such as a user's own model
    values_by_stock: int = 0
    #: the same by class and reason; the first 64 are counted
    values_by_class: dict[str, int] = field(default_factory=dict)
    #: bytes that the codec wrote or read, and the seconds it took: the basis of any estimate of the time saved
    bytes: int = 0
    seconds: float = 0.0
    #: names of other tools' wrappers around the method, outermost first
    wrappers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CompactFile:
    """What patched savers did with a file in the compact layout."""

    #: checkpoints of which what is new was stored
    in_pieces: int
    #: checkpoints that were stored whole, by reason
    whole: dict[str, int]
    #: checkpoints that were read without the view
    read: int


@dataclass(frozen=True)
class Status:
    patched: bool
    #: why nothing is patched; empty if something is
    refusal: str
    versions: dict[str, str]
    #: how Rust reaches SQLite, by the module of the connections: "symbols" or "extension" and the
    #: library's version, or "python" and the reason why sqlite3 itself does the storage
    sqlite: dict[str, tuple[str, str]] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    #: imported message classes that can't be built directly, which makes decoding them slow; and why
    indirect: dict[str, str] = field(default_factory=dict)
    #: by distribution, the first and the last release whose code is known
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: the FAST_LANGGRAPH_ variables that are set
    variables: dict[str, str] = field(default_factory=dict)
    #: what ``patch()`` remembers of states: states, bytes, and elements that were taken as they were or not; and why it
    #: remembers nothing, empty if it does
    remembered: dict[str, int] = field(default_factory=dict)
    not_remembered: str = ""
    #: the layout of files that are made
    layout: str = settings.LAYOUTS[0]
    #: files in the compact layout that patched savers have used, by name: the 64 that were used last, the last one
    #: first, and all before them as "others"
    compact: dict[str, CompactFile] = field(default_factory=dict)
    #: another installed package that conflicts with this one, and the fix
    conflict: str = ""
    #: of this package
    version: str = __version__

    @property
    def basis(self) -> str:
        """What is known of the time saved. It is not measured, because stock's code is not run beside ours."""
        size = sum(site.bytes for site in self.sites.values())
        seconds = sum(site.seconds for site in self.sites.values())
        return (
            f"the codec took {seconds:.2f} s for {_size(size)}; the time saved is stock's time for the same data, "
            f"less this: compare a run with {settings.DISABLE}=1"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, str, numbers and bool, for json.dumps."""
        return {**asdict(self), "basis": self.basis}

    def __repr__(self) -> str:
        width = max(40, get_terminal_size().columns)
        active = sum(site.state == "active" for site in self.sites.values())
        waits = any(site.state == "pending" for site in self.sites.values())
        patched = f"patched, {active} of {len(self.sites)} sites active" if self.patched else "not patched"
        if waits and not self.patched:
            patched = "patches LangGraph once it is imported"
        lines = [f"fast_langgraph {self.version}: {patched}"]

        def add(text: str, indent: int) -> None:
            lines.extend(
                wrap(
                    text,
                    width,
                    initial_indent=" " * indent,
                    subsequent_indent=" " * (indent + 2),
                    break_on_hyphens=False,
                )
            )

        if self.refusal:
            add(self.refusal, 2)
        if self.conflict:
            add(self.conflict, 2)
        add(", ".join(f"{name} {version or 'not installed'}" for name, version in self.versions.items()), 2)
        for module, (route, detail) in self.sqlite.items():
            how = f"not reached: {detail}" if route == host_sqlite.PYTHON else f"SQLite {detail}, reached by {route}"
            add(f"{module}: {how}", 2)
        for name, value in self.variables.items():
            add(f"{name}={value}", 2)
        for reason, names in _by_reason(self.indirect).items():
            add(f"decoded by stock's code: {', '.join(names)}: {reason}", 2)
        sites = list(self.sites.values())
        for site, following in zip(sites, [*sites[1:], None], strict=True):
            calls = f"{site.calls:>10,} calls" if site.calls or site.state == "active" else ""
            name = site.name
            if len(name) > NAME_WIDTH:
                lines.append(f"  {name}")
                name = ""
            lines.append(f"  {name:<{NAME_WIDTH}} {site.state:<7}{calls}".rstrip())
            if site.bytes:
                add(f"{_size(site.bytes)} in {site.seconds:.2f} s", 6)
            if site.values_by_stock:
                add(f"{site.values_by_stock:,} values by stock's code", 6)
            for name, count in sorted(site.values_by_class.items(), key=lambda item: -item[1])[:CLASSES_SHOWN]:
                add(f"{count:,} {_printable(name)}", 8)
            if len(site.values_by_class) > CLASSES_SHOWN:
                add(f"and {len(site.values_by_class) - CLASSES_SHOWN} more in values_by_class", 8)
            for reason, count in site.fallbacks.items():
                add(f"{count:,} calls by stock: {reason}", 6)
            # A reason that several sites share is shown once, below the last of them.
            if site.reason not in ("", self.refusal, following and following.reason):
                add(site.reason, 6)
        if any(self.remembered.values()):
            add(_remembered(self.remembered), 2)
        if self.patched and self.not_remembered:
            add(f"no state is remembered: {self.not_remembered}", 2)
        if self.patched and self.layout != settings.LAYOUTS[0]:
            add(f"new files are made in the {self.layout} layout", 2)
        for name, file in list(self.compact.items())[:FILES_SHOWN]:
            add(f"{_printable(name)} is compact: {file.in_pieces:,} checkpoints put in pieces, {file.read:,} read", 2)
            for reason, count in file.whole.items():
                add(f"{count:,} put whole: {reason}", 6)
        if len(self.compact) > FILES_SHOWN:
            add(f"and {len(self.compact) - FILES_SHOWN} more in the compact layout", 2)
        if any(site.calls for site in sites):
            add(self.basis, 2)
        return "\n".join(lines)


def _by_reason(reasons: dict[str, str]) -> dict[str, list[str]]:
    """Names without their modules, by reason."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name.rpartition(".")[2])
    return names


def _printable(name: str) -> str:
    """Escapes control characters: a class's name may come from a database, and the report goes to a terminal."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def _remembered(numbers: dict[str, int]) -> str:
    encoded, decoded = ("encoded_unchanged", "encoded_new", "encoded_changed"), ("decoded_unchanged", "decoded_new")
    shares = [
        f"{numbers[names[0]]:,} of {sum(numbers[name] for name in names):,} {what}"
        for names, what in ((encoded, "encoded"), ((*decoded, "decoded_changed", "decoded_held"), "decoded"))
    ]
    return (
        f"{numbers['states']:,} states remembered, {_size(numbers['bytes'])}: unchanged elements taken as they were "
        f"{', '.join(shares)}"
    )


def _size(count: int) -> str:
    if count < 1_000_000:
        return f"{count / 1e3:,.1f} KB"
    return f"{count / 1e6:,.1f} MB"


def _reports(cls: LiveClass, asked: Settings, refusal: str) -> list[Site]:
    if cls.found:
        shown = [site for site in cls.sites if asked.leaves_out(site.name) != settings.MADE_STANDARD]
        return [_report(site.name, *site.state, site.wrappers) for site in shown]
    absence = ("skipped", refusal) if refusal else cls.absence(import_hook.installed())
    return [
        _report(name, *(("skipped", left_out) if (left_out := asked.leaves_out(name)) else absence), [])
        for name in cls.site_names
        if asked.leaves_out(name) != settings.MADE_STANDARD
    ]


def _report(name: str, state: str, reason: str, wrappers: list[str]) -> Site:
    counts = counts_of(name)
    return Site(
        name,
        state,
        reason,
        calls=counts.calls,
        fallbacks=counts.fallbacks,
        values_by_stock=counts.handed_over,
        values_by_class=counts.values,
        bytes=counts.bytes,
        seconds=counts.seconds,
        wrappers=wrappers,
    )


def status() -> Status:
    """Which methods are patched now, and what they have done so far."""
    current = settings.current()
    refusal = apply.refusal()
    if not settings.asked():
        # patch() was not called, so say why the variable has no effect.
        obstacle = environment.obstacle()[0]
        refusal = obstacle if current.disabled or not obstacle else f"patch() is not in effect, and {obstacle}"
    sites = [site for cls in LIVE_CLASSES for site in _reports(cls, current, refusal)]
    python = {platform.python_implementation(): platform.python_version()}
    return Status(
        patched=any(site.state == "active" for site in sites),
        refusal=refusal,
        versions={**python, **{name: releases.installed(name) for name in DISTRIBUTIONS}},
        sqlite={module: (route, detail) for module, route, detail in host_sqlite.reached()},
        sites={site.name: site for site in sites},
        indirect=message_classes.indirect(),
        known=dict(known_code.RELEASES),
        variables={name: os.environ[name] for name in settings.VARIABLES if name in os.environ},
        remembered=PATCHED.numbers(),
        not_remembered=PATCHED.off,
        layout=current.layout,
        compact={name: CompactFile(pieces, whole, read) for name, pieces, whole, read in _native.compact_files()},
        conflict=environment.conflict(),
    )
