"""A profile as one page of HTML. It has no script and loads nothing; its policy lets a browser do neither."""

from __future__ import annotations

from collections.abc import Sequence

from fast_langgraph._profile import charts
from fast_langgraph._profile.charts import text
from fast_langgraph._profile.findings import Findings
from fast_langgraph._profile.words import PARTS, full_name, measured, percent, seconds, size, who

#: how many channels have a bar; the table of JSON has all
SHOWN = 20

STYLE = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--fg:#1d2127;--dim:#626a75;--rule:#e2e4e8;--track:#eceef1;
--encode:#3564c9;--decode:#7fa8ee;--waiting:#a9b0ba;--sqlite:#2f9e57;--commit:#e0a100;--sqlite_and_commit:#d9603b;
--engine:#8a56c9;--rest:#6a727d;--busy:#b8467d;--outside:#3564c9;--channel:#2b8f8f}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1c2026;--fg:#e7e9ec;--dim:#9aa3ae;--rule:#30363e;
--track:#2a3038;--encode:#5b8af0;--decode:#a5c3f7;--waiting:#78818c;--sqlite:#46b671;--commit:#f0bb2e;
--sqlite_and_commit:#ee7d5a;--engine:#aa7ce6;--rest:#98a1ac;--busy:#e07aa9;--outside:#5b8af0;--channel:#43b3b3}}
*{box-sizing:border-box}
body{margin:0;overflow-wrap:anywhere;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.45rem;margin:0}h2{font-size:1.05rem;margin:0 0 .6rem}
p{margin:.25rem 0}.dim,.m{color:var(--dim)}.m{font-size:.87em}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:1rem;margin-top:1rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin-top:1rem}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:.65rem .85rem}
.tile b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
.bar{display:block;width:100%;height:1.1rem;background:var(--track);border-radius:3px}
.key{width:.75em;height:.75em;margin-right:.5em}
.legend{list-style:none;padding:0;margin:.6rem 0 0;columns:2 20rem;column-gap:2rem}
.legend li{break-inside:avoid;padding:.12rem 0 .12rem 1.3em;text-indent:-1.3em}
.n,td,th{font-variant-numeric:tabular-nums}
.row{margin:.55rem 0}.row .head{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;
margin-bottom:.15rem}
.name{overflow-wrap:anywhere;min-width:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92em}
th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}th{color:var(--dim);font-weight:600}
.error{color:var(--busy)}
.curve{display:block;width:100%;height:9rem;border-bottom:1px solid var(--rule)}
.area{fill:var(--channel);opacity:.22}.line{fill:none;stroke:var(--channel);stroke-width:2}
.ends{display:flex;justify-content:space-between;color:var(--dim);font-size:.87em}
.c-encode{fill:var(--encode)}.c-decode{fill:var(--decode)}.c-waiting{fill:var(--waiting)}.c-sqlite{fill:var(--sqlite)}
.c-commit{fill:var(--commit)}.c-sqlite_and_commit{fill:var(--sqlite_and_commit)}.c-engine{fill:var(--engine)}
.c-rest{fill:var(--rest)}.c-busy{fill:var(--busy)}.c-outside{fill:var(--outside)}.c-channel{fill:var(--channel)}
"""


def page(found: Findings) -> str:
    sections = [_wall(found), _parts(found), _operations(found), _channels(found), _curve(found), _storage(found)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Profile of checkpoints</title><style>{STYLE}</style></head><body><main>"
        f"<h1>Where the time of checkpoints went</h1><p class=dim>fast_langgraph {text(found.version)}. "
        f"{text(who(found))}.</p>{_tiles(found)}{''.join(sections)}</main></body></html>\n"
    )


def _section(title: str, *content: str) -> str:
    return f"<section><h2>{text(title)}</h2>{''.join(content)}</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th>{text(title)}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"


def _tiles(found: Findings) -> str:
    tiles = [
        (seconds(found.elapsed), "wall time"),
        (percent(found.busy / found.elapsed if found.elapsed else None), "of it with a checkpoint operation going on"),
        (f"{found.puts:,}", "checkpoints put"),
        (size(found.checkpoint_bytes), "of them, as encoded"),
    ]
    if found.files:
        tiles.append((size(sum(file.growth for file in found.files)), "growth of the files"))
    return "<div class=tiles>" + "".join(f"<div class=tile><b>{a}</b>{text(b)}</div>" for a, b in tiles) + "</div>"


def _wall(found: Findings) -> str:
    parts = [("busy", found.busy), ("outside", found.outside)]
    rows = [
        ("busy", "checkpoints", found.busy, found.elapsed, "at least one operation of a saver went on"),
        ("outside", "LangGraph", found.outside, found.elapsed, "none did: the graph, your nodes and everything else"),
    ]
    note = (
        "<p class=m>LangGraph puts checkpoints in other threads or tasks and goes on meanwhile, so its own share is "
        "the least that it took.</p>"
    )
    return _section("Wall time", charts.stacked(parts, found.elapsed, "wall time"), charts.legend(rows), note)


def _parts(found: Findings) -> str:
    parts = measured(found.parts)
    total = sum(value for _, value in parts)
    if not total:
        return _section("Operations", "<p>No operation of a SQLite saver was seen.</p>")
    rows = [(name, PARTS[name][0], value, total, PARTS[name][1]) for name, value in parts]
    longest = max(operation.seconds for operation in found.operations)
    bars = []
    for operation in found.operations:
        name, calls = full_name(operation), "call" if operation.count == 1 else "calls"
        bars.append(
            f"<div class=row><div class=head><span class=name>{text(name)}</span>"
            f"<span class=n>{operation.count:,} {calls}, {seconds(operation.seconds)}</span></div>"
            f"{charts.stacked(measured(operation.parts), longest, name)}</div>"
        )
    note = (
        "<p class=m>Seconds of all calls together. Calls in several threads or tasks overlap, so the sum may exceed "
        "the wall time.</p>"
    )
    return _section(
        "Inside the operations", charts.stacked(parts, total, "all operations"), charts.legend(rows), *bars, note
    )


def _operations(found: Findings) -> str:
    if not found.operations:
        return ""
    rows, errors = [], []
    for operation in found.operations:
        times = (operation.seconds, operation.p50, operation.p95, operation.max)
        rows.append([full_name(operation), f"{operation.count:,}", size(operation.bytes), *map(seconds, times)])
        errors += [f"{full_name(operation)}: {count:,} raised {error}" for error, count in operation.errors.items()]
    for site in found.sites:
        errors += [f"{site.name}: {count:,} by stock's code: {reason}" for reason, count in site.fallbacks.items()]
    notes = "".join(f"<p class=error>{text(line)}</p>" for line in errors)
    head = ("operation", "calls", "bytes", "total", "p50", "p95", "max")
    return _section("Each operation", _table(head, rows), notes)


def _channels(found: Findings) -> str:
    if not found.channels:
        return ""
    most = max(channel.bytes for channel in found.channels) or 1
    rows = []
    for channel in found.channels[:SHOWN]:
        facts = [f"{size(channel.bytes)}, {percent(channel.share)} of the state"]
        if channel.encode_share is not None:
            facts.append(f"{percent(channel.encode_share)} of encoding")
        if channel.writes:
            facts.append(f"{channel.writes:,} writes, {size(channel.write_bytes)}")
        rows.append(
            f"<div class=row><div class=head><span class=name>{text(channel.name)}</span>"
            f"<span class=n>{text('; '.join(facts))}</span></div>{charts.bar(channel.bytes / most, channel.name)}</div>"
        )
    more = f"and {len(found.channels) - SHOWN:,} more; " if len(found.channels) > SHOWN else ""
    note = (
        f"<p class=m>{more}state: in a sample of {found.sampled:,} of {found.puts:,} checkpoints put, "
        f"{size(found.sampled_bytes)} in all. Pending writes are all counted.</p>"
    )
    return _section("Which channel costs most", *rows, note)


def _curve(found: Findings) -> str:
    if len(found.put_bytes) < 2:
        return ""
    each = "each put" if found.puts_each == 1 else f"each point is the mean of {found.puts_each:,} puts"
    note = f"<p class=m>In the order in which they were put; {each}.</p>"
    return _section("Bytes of a checkpoint", charts.curve(found.put_bytes, "bytes of each checkpoint"), note)


def _storage(found: Findings) -> str:
    if not found.files:
        return ""
    rows = [
        [
            file.path,
            f"{size(file.database_before)} to {size(file.database_after)}",
            f"{size(file.wal_before)} to {size(file.wal_after)}",
            size(file.growth),
            size(file.growth / found.puts) if found.puts and len(found.files) == 1 else "-",
        ]
        for file in found.files
    ]
    note = "<p class=m>SQLite moves the log into the database now and then, and keeps the log's file.</p>"
    return _section("Storage", _table(("file", "database", "log", "growth", "for each put"), rows), note)
