"""``status()``: what is active, what was done, and what stock did in its place and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from fast_langgraph import __version__, _host, _versions, patching


@dataclass(frozen=True)
class Site:
    """One method: its state as it is live now, and its counts since it was first patched."""

    name: str
    #: "active", "skipped" (left as it is) or "foreign" (somebody else has replaced it since)
    state: str
    reason: str
    calls: int
    #: whole calls that stock's code carried out, by reason
    fallbacks: dict[str, int]
    #: single values inside calls that stock's encoder or hook took, such as a user's own model
    values_by_stock: int


@dataclass(frozen=True)
class Status:
    patched: bool
    #: why ``patch()`` changed nothing, if so
    refusal: str
    versions: dict[str, str]
    #: how Rust reaches SQLite, by the module of the connections: "symbols" or "extension" and the
    #: library's version, or "python" and the reason why sqlite3 itself does the storage
    sqlite: dict[str, tuple[str, str]] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)

    def __repr__(self) -> str:
        lines = [f"fast_langgraph {__version__}: {'patched' if self.patched else 'not patched'}"]
        if self.refusal:
            lines.append(f"  {self.refusal}")
        lines += [f"  {name} {version or 'not installed'}" for name, version in self.versions.items()]
        for module, (route, detail) in self.sqlite.items():
            how = f"not reached: {detail}" if route == "python" else f"SQLite {detail}, reached by {route}"
            lines.append(f"  {module}: {how}")
        for site in self.sites.values():
            lines.append(f"  {site.name:<44} {site.state:<8} {site.calls:>9,} calls")
            if site.reason:
                lines.append(f"      {site.reason}")
            if site.values_by_stock:
                lines.append(f"      {site.values_by_stock:,} values by stock's code")
            lines += [f"      {count:,} calls by stock: {reason}" for reason, count in site.fallbacks.items()]
        return "\n".join(lines)


def status() -> Status:
    """What is patched now, and what was done since."""
    sites = {}
    for site in patching.sites():
        state, reason = site.state
        counts = site.counts
        sites[site.name] = Site(site.name, state, reason, counts.calls, counts.fallbacks, counts.handed_over)
    names = ("langgraph-checkpoint", "langgraph-checkpoint-sqlite", "langchain-core", "pydantic", "ormsgpack")
    return Status(
        patched=patching.is_patched(),
        refusal=patching.refusal(),
        versions={name: _versions.installed(name) for name in names},
        sqlite={module: (route, detail) for module, route, detail in _host.bound()},
        sites=sites,
    )
