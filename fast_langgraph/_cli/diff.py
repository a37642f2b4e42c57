"""``diff``: what two checkpoints of a thread have apart, channel by channel."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from fast_langgraph._cli.conversation import message
from fast_langgraph._cli.output import cell, out
from fast_langgraph._cli.state import State, is_own
from fast_langgraph._cli.stored import as_json, one_line
from fast_langgraph._shared.wording import number


@dataclass(frozen=True)
class Change:
    channel: str
    #: "added", "removed" or "changed"
    kind: str
    before: Any = None
    after: Any = None
    #: of lists, what is only in one of them
    removed: list[Any] = field(default_factory=list)
    added: list[Any] = field(default_factory=list)

    @property
    def is_of_lists(self) -> bool:
        return isinstance(self.before, list) and isinstance(self.after, list)


def changes(one: State, other: State) -> list[Change]:
    found = []
    for name in dict.fromkeys([*one.channels, *other.channels]):
        if is_own(name):
            continue
        if name not in one.channels:
            found.append(Change(name, "added", after=other.channels[name]))
        elif name not in other.channels:
            found.append(Change(name, "removed", before=one.channels[name]))
        else:
            before, after = one.channels[name], other.channels[name]
            if _text(before) != _text(after):
                found.append(_changed(name, before, after))
    return found


def _changed(name: str, before: Any, after: Any) -> Change:
    if not (isinstance(before, list) and isinstance(after, list)):
        return Change(name, "changed", before, after)
    texts = SequenceMatcher(a=[_text(each) for each in before], b=[_text(each) for each in after], autojunk=False)
    removed, added = [], []
    for kind, start, end, new_start, new_end in texts.get_opcodes():
        if kind != "equal":
            removed += before[start:end]
            added += after[new_start:new_end]
    return Change(name, "changed", before, after, removed, added)


def _text(value: Any) -> str:
    return json.dumps(as_json(value), sort_keys=True, ensure_ascii=False)


def as_dict(one: State, other: State) -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for change in changes(one, other):
        if change.is_of_lists:
            told = {"removed": as_json(change.removed), "added": as_json(change.added)}
        else:
            told = {"before": as_json(change.before), "after": as_json(change.after)}
        channels[change.channel] = {"change": change.kind, **told}
    return {"from": one.entry.id, "to": other.entry.id, "channels": channels}


def show(one: State, other: State) -> None:
    console = out()
    for name, state in (("from", one), ("to  ", other)):
        entry = state.entry
        console.print(cell(f"{name}  {entry.id}  step {entry.step}, {entry.source}", "dim"))
    found = changes(one, other)
    if not found:
        console.print(cell("\nThe state is the same."))
    for change in found:
        console.print()
        heading = f"{change.channel}: {change.kind}"
        if change.is_of_lists:
            counts = (len(change.before), len(change.after))
            heading = f"{change.channel}: {number(counts[0], 'item')} before, {counts[1]:,} after"
            pairs = [("-", each) for each in change.removed] + [("+", each) for each in change.added]
        else:
            pairs = [("-", change.before)] if change.kind != "added" else []
            pairs += [("+", change.after)] if change.kind != "removed" else []
        console.print(cell(heading, "bold"))
        for sign, value in pairs:
            console.print(cell(f"  {sign} {_readable(value)}", "red" if sign == "-" else "green"), soft_wrap=False)


def _readable(value: Any) -> str:
    found = message(value)
    if found is None:
        return one_line(value, 500)
    return " ".join(
        each for each in (f"{found.role}:", found.text, *(f"calls {call}" for call in found.tool_calls)) if each
    )
