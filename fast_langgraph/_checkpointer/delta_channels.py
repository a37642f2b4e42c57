"""Delta channels: what a checkpoint leaves out stands in its ancestors' pending writes.

Their value is rebuilt from the nearest ancestor that holds one and the writes since, so these are what
must not be pruned away.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from fast_langgraph import _native
from fast_langgraph._shared.rows import write_order

T = TypeVar("T")

#: something that asks an engine, request by request, and in the end returns what it was for
Steps = Generator["_native.Request", Any, T]

#: the metadata of checkpoints that leave channels out
COUNTERS = "counters_since_delta_snapshot"

#: of a row of checkpoints
ID, PARENT, KIND, BLOB = 2, 3, 4, 5


def walk(thread: str, namespace: str, checkpoint_id: str, visit: Callable[[str, tuple[Any, ...]], bool]) -> Steps[None]:
    """Shows a checkpoint and its ancestors to ``visit``, nearest first, until that returns False."""
    seen: set[str] = set()
    start: str | None = checkpoint_id
    while start:
        rows = yield _native.Request.ancestors(thread, namespace, start)
        if not rows:
            return
        for row in rows:
            # Re-putting an id under its descendant makes a loop of the chain.
            if row[ID] in seen or not visit(row[ID], row):
                return
            seen.add(row[ID])
        start = rows[-1][PARENT]


def history(
    load: Callable[[Any, Any], Any], thread: str, namespace: str, checkpoint_id: str | None, channels: Sequence[str]
) -> Steps[dict[str, dict[str, Any]]]:
    """By channel: the writes of all ancestors since the nearest that holds a value, and that as its seed."""
    if checkpoint_id is None:
        found = yield _native.Request.checkpoint(thread, namespace, None)
        if found is None:
            return {channel: {"writes": []} for channel in channels}
        checkpoint_id = found[0][ID]
    chains: dict[str, list[str]] = {channel: [] for channel in channels}
    seeds: dict[str, Any] = {}

    def visit(ancestor: str, row: tuple[Any, ...]) -> bool:
        if ancestor == checkpoint_id:
            return True
        active = [channel for channel in chains if channel not in seeds]
        for channel in active:
            chains[channel].append(ancestor)
        values = load(row[KIND], row[BLOB]).get("channel_values") or {}
        seeds.update({channel: values[channel] for channel in active if channel in values})
        return len(seeds) < len(chains)

    yield from walk(thread, namespace, checkpoint_id, visit)
    ancestors = list(dict.fromkeys(ancestor for chain in chains.values() for ancestor in chain))
    by_ancestor = yield _native.Request.channel_writes(thread, namespace, ancestors, list(chains))
    writes = dict(zip(ancestors, by_ancestor, strict=True))
    result: dict[str, dict[str, Any]] = {}
    for channel, chain in chains.items():
        result[channel] = {
            "writes": [
                (write[0], channel, load(write[2], write[3]))
                for ancestor in reversed(chain)
                for write in sorted(writes[ancestor], key=write_order)
                if write[1] == channel
            ]
        }
        if channel in seeds:
            result[channel]["seed"] = seeds[channel]
    return result


def ancestors_needed(
    load: Callable[[Any, Any], Any], thread: str, namespace: str, checkpoint_id: str, channels: Sequence[str]
) -> Steps[set[str]]:
    """The ancestors without which the channels of a checkpoint could not be rebuilt."""
    needed: set[str] = set()
    missing = set(channels)

    def visit(ancestor: str, row: tuple[Any, ...]) -> bool:
        needed.add(ancestor)
        missing.difference_update(load(row[KIND], row[BLOB]).get("channel_values") or {})
        return bool(missing)

    yield from walk(thread, namespace, checkpoint_id, visit)
    return needed - {checkpoint_id}
