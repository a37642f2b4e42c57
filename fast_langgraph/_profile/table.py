"""A profile as plain text, for terminals."""

from __future__ import annotations

from shutil import get_terminal_size
from textwrap import wrap

from fast_langgraph._profile.findings import Findings
from fast_langgraph._profile.words import PARTS, measured, percent, printable, seconds, shortened, size, who

#: how many channels and files are shown: those that cost most
SHOWN = 10
#: the columns that the numbers of an operation take
NUMBERS = 53


def table(found: Findings) -> str:
    """Fits the terminal, or COLUMNS; at least 72 columns."""
    width = max(72, get_terminal_size().columns)
    sections = [
        _summary(found, width),
        _operations(found, width),
        _parts(found, width),
        _channels(found, width),
        _files(found, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(printable(text), width, subsequent_indent="  ", break_on_hyphens=False)


def _summary(found: Findings, width: int) -> list[str]:
    rows = [
        ("elapsed", found.elapsed, "wall time of the profile"),
        ("checkpoints", found.busy, "at least one operation went on"),
        ("LangGraph", found.outside, "none did: the graph, your nodes, all else"),
    ]
    lines = _wrapped(f"fast_langgraph {found.version}, profile: {who(found)}", width)
    for name, value, meaning in rows:
        share = percent(value / found.elapsed if found.elapsed else None)
        lines.append(f"  {name:<12} {seconds(value):>9} {share:>7}  {meaning}"[:width])
    for site in found.sites:
        for reason, count in site.fallbacks.items():
            lines += _wrapped(f"  {site.name}: {count:,} by stock's code: {reason}", width)
    if found.running:
        lines += _wrapped(f"  {found.running:,} operations had not ended", width)
    return lines


def _operations(found: Findings, width: int) -> list[str]:
    if not found.operations:
        return ["no operation of a SQLite saver was seen"]
    wide = width - NUMBERS
    lines = []
    for saver in dict.fromkeys(operation.saver for operation in found.operations):
        head = "".join(f" {title:>8}" for title in ("bytes", "total", "p50", "p95", "max"))
        lines.append(f"{shortened(saver, wide):<{wide}} {'count':>7}{head}")
        for operation in found.operations:
            if operation.saver != saver:
                continue
            times = (operation.seconds, operation.p50, operation.p95, operation.max)
            durations = "".join(f" {seconds(value):>8}" for value in times)
            name = shortened(f"  {operation.name}" if len(operation.name) < wide - 1 else operation.name, wide)
            lines.append(f"{name:<{wide}} {operation.count:>7,} {size(operation.bytes):>8}{durations}")
            for error, count in operation.errors.items():
                lines.append(f"    {count:,} raised {shortened(error, width - 20)}")
    return lines


def _parts(found: Findings, width: int) -> list[str]:
    parts = measured(found.parts)
    total = sum(part for _, part in parts)
    if not total:
        return []
    lines = ["where their time went; they overlap, so all of it may be more than elapsed"[:width]]
    for name, part in parts:
        title, meaning = PARTS[name]
        lines.append(f"  {title:<17} {seconds(part):>8} {percent(part / total):>6}  {meaning}"[:width])
    return lines


def _channels(found: Findings, width: int) -> list[str]:
    if not found.channels:
        return []
    timed = any(channel.encode_share is not None for channel in found.channels)
    wide = width - (50 if timed else 40)
    head = f"{'channel':<{wide}} {'state':>9} {'share':>7}" + (f" {'encode':>9}" if timed else "")
    lines = [f"{head} {'writes':>9} {'bytes':>10}"]
    for channel in found.channels[:SHOWN]:
        encode = f" {percent(channel.encode_share):>9}" if timed else ""
        lines.append(
            f"{shortened(channel.name, wide):<{wide}} {size(channel.bytes):>9} {percent(channel.share):>7}{encode} "
            f"{channel.writes:>9,} {size(channel.write_bytes):>10}"
        )
    if len(found.channels) > SHOWN:
        lines.append(f"and {len(found.channels) - SHOWN} more")
    lines += _wrapped(
        f"state: in a sample of {found.sampled:,} of {found.puts:,} checkpoints put. writes: all pending writes", width
    )
    return lines


def _files(found: Findings, width: int) -> list[str]:
    puts = found.puts
    lines = []
    if puts:
        each = size(found.checkpoint_bytes / puts)
        lines.append(f"storage: {puts:,} checkpoints put, {size(found.checkpoint_bytes)} as encoded, {each} each")
    for file in found.files[:SHOWN]:
        lines.append(f"  {shortened(file.path, width - 2)}")
        lines += _wrapped(
            f"    database {size(file.database_before)} to {size(file.database_after)}, log {size(file.wal_before)} "
            f"to {size(file.wal_after)}: grown by {size(file.growth)}",
            width,
        )
    if len(found.files) > SHOWN:
        lines.append(f"  and {len(found.files) - SHOWN} more files")
    return lines
