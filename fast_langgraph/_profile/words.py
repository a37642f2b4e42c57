"""Numbers and names as people read them; what the table and the page have in common."""

from __future__ import annotations

from fast_langgraph._profile.findings import Findings, Operation

#: by part, its name and what it means
PARTS = {
    "encode": ("encode", "by the serializer or the codec"),
    "decode": ("decode", "by the serializer or the codec"),
    "waiting": ("waiting", "for locks, other threads and the event loop"),
    "sqlite": ("SQLite", "statements without their commits"),
    "commit": ("commit", "of stock's code"),
    "sqlite_and_commit": ("SQLite and commit", "which patched savers do in one"),
    "engine": ("engine", "its turn, SQLite and commit, all in one"),
    "rest": ("rest", "the saver's own Python, and all else"),
}


def seconds(value: float | None) -> str:
    """With its unit, at most seven characters up to some days."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f} s"
    if value >= 1:
        return f"{value:.2f} s"
    if value >= 0.001:
        return f"{value * 1e3:.1f} ms"
    return f"{value * 1e6:.0f} us"


def size(count: float | None) -> str:
    if count is None:
        return "-"
    sign, count = ("-" if count < 0 else ""), abs(count)
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= scale:
            return f"{sign}{count / scale:,.1f} {unit}"
    return f"{sign}{count:,.0f} B"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f}%"


def printable(name: str) -> str:
    """Escapes control characters: names come from the app or a database."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def shortened(name: str, width: int) -> str:
    name = printable(name)
    return name if len(name) <= width else f"{name[: max(1, width - 3)]}..."


def measured(found: dict[str, float | None]) -> list[tuple[str, float]]:
    """The parts that were measured, in order."""
    return [(name, part) for name in PARTS if (part := found.get(name)) is not None]


def full_name(operation: Operation) -> str:
    return f"{operation.saver}.{operation.name}"


def who(found: Findings) -> str:
    """Whose code ran."""
    back = sum(sum(site.fallbacks.values()) for site in found.sites)
    calls = {
        True: sum(site.calls for site in found.sites if site.name.startswith("JsonPlusSerializer")),
        False: sum(site.calls for site in found.sites if not site.name.startswith("JsonPlusSerializer")),
    }
    if not found.sites:
        return "stock's code ran"
    texts = [f"Rust coded {calls[True]:,} values"]
    texts += [f"served {calls[False]:,} calls of patched savers"] if calls[False] else []
    texts += [f"{back:,} calls went back to stock's code"] if back else []
    return ", ".join(texts)
