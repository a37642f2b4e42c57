"""Charts as inline SVG. Texts stand beside them in HTML, so that they stay readable at any width."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fast_langgraph._profile.words import PARTS, percent, printable, seconds, size


def text(value: str) -> str:
    """Escaped for content and attributes: names come from the app or a database."""
    return escape(printable(value), quote=True)


def stacked(parts: Sequence[tuple[str, float]], whole: float, label: str) -> str:
    """A bar of parts, each of a class of colour, a title and its value; ``whole`` fills the width."""
    at, bars = 0.0, []
    for name, value in parts:
        width = 100 * value / whole if whole else 0.0
        title = PARTS[name][0] if name in PARTS else name
        bars.append(
            f'<rect class="c-{name}" x="{at:.3f}" y="0" width="{width:.3f}" height="10">'
            f"<title>{text(title)}: {seconds(value)}</title></rect>"
        )
        at += width
    return (
        f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{text(label)}">'
        f"{''.join(bars)}</svg>"
    )


def legend(rows: Sequence[tuple[str, str, float, float, str]]) -> str:
    """Rows of a class of colour, a title, seconds, what they are a share of, and a meaning."""
    items = "".join(
        '<li><svg class="key" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="c-{name}" width="10" height="10"/></svg>'
        f"<b>{text(title)}</b> <span class=n>{seconds(value)}, {percent(value / whole if whole else None)}</span>"
        f" <span class=m>{text(meaning)}</span></li>"
        for name, title, value, whole, meaning in rows
    )
    return f"<ul class=legend>{items}</ul>"


def bar(share: float, label: str, kind: str = "channel") -> str:
    return (
        f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{text(label)}">'
        f'<rect class="c-{kind}" width="{100 * min(1.0, max(0.0, share)):.3f}" height="10"/></svg>'
    )


def curve(points: Sequence[float], label: str) -> str:
    """The points as a filled line, from zero to the highest."""
    most = max(points)
    step = 100 / (len(points) - 1)
    line = " ".join(
        f"{index * step:.2f},{40 - 38 * value / most if most else 40:.2f}" for index, value in enumerate(points)
    )
    return (
        f'<svg class="curve" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="{text(label)}">'
        f'<polygon class="area" points="0,40 {line} 100,40"/>'
        f'<polyline class="line" points="{line}" vector-effect="non-scaling-stroke"/></svg>'
        f"<div class=ends><span>first</span><span>highest {size(most)}</span><span>last</span></div>"
    )
