"""Delta channels: a checkpoint may leave out a channel whose changes are in its ancestors' pending writes.

The value is rebuilt from the nearest ancestor that holds it and the writes since, so these must not be pruned.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeVar

from fast_langgraph import _native
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.delta_histories import are_usual, histories
from fast_langgraph._shared.memory import CHECKPOINTER, place
from fast_langgraph._shared.rows import ORDERED_BY_PATH, write_order

T = TypeVar("T")

#: a generator that yields requests, is sent their results, and returns its own result; a number is seconds to pause
Steps = Generator["_native.Request | float", Any, T]

#: the metadata key of checkpoints that leave channels out
COUNTERS = "counters_since_delta_snapshot"

#: columns of a row of checkpoints
ID, PARENT, KIND, BLOB = 2, 3, 4, 5


def walk(thread: str, namespace: str, checkpoint_id: str, visit: Callable[[str, tuple[Any, ...]], bool]) -> Steps[None]:
    """Calls ``visit`` with a checkpoint and its ancestors, nearest first, until it returns False."""
    seen: set[str] = set()
    start: str | None = checkpoint_id
    while start:
        rows = yield _native.Request.ancestors(thread, namespace, start)
        if not rows:
            return
        for row in rows:
            # An id that is put again under its own descendant closes the chain to a loop.
            if row[ID] in seen or not visit(row[ID], row):
                return
            seen.add(row[ID])
        start = rows[-1][PARENT]


def history(
    codec: Codec, serde: Any, thread: str, namespace: str, checkpoint_id: str | None, channels: Sequence[str]
) -> Steps[dict[str, dict[str, Any]]]:
    """By channel, the writes since the nearest ancestor that holds its value, and that value as the seed."""
    if checkpoint_id is None:
        found = yield _native.Request.checkpoint(thread, namespace, None)
        if found is None:
            return {channel: {"writes": []} for channel in channels}
        checkpoint_id = found[0][ID]
    if codec.may_load(serde) and are_usual(channels):
        found = yield _native.Request.delta_history(thread, namespace, checkpoint_id, channels, ORDERED_BY_PATH)
        if found is not None:
            kept, with_ancestors, writes = found
            remembered = place(CHECKPOINTER, thread, namespace)
            return histories(codec, serde, channels, kept, with_ancestors, writes, remembered)
    return (yield from step_by_step(partial(codec.loads, serde), thread, namespace, checkpoint_id, channels))


def step_by_step(
    load: Callable[[Any, Any], Any], thread: str, namespace: str, checkpoint_id: str, channels: Sequence[str]
) -> Steps[dict[str, dict[str, Any]]]:
    """The same where a row is unusual, or where only the serializer can tell what is in one."""
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
                for write in sorted((each for each in writes[ancestor] if each[1] == channel), key=write_order)
            ]
        }
        if channel in seeds:
            result[channel]["seed"] = seeds[channel]
    return result


def ancestors_needed(
    load: Callable[[Any, Any], Any], thread: str, namespace: str, checkpoint_id: str, channels: Sequence[str]
) -> Steps[set[str]]:
    """The ancestors that are needed to rebuild the channels of a checkpoint."""
    needed: set[str] = set()
    missing = set(channels)

    def visit(ancestor: str, row: tuple[Any, ...]) -> bool:
        needed.add(ancestor)
        missing.difference_update(load(row[KIND], row[BLOB]).get("channel_values") or {})
        return bool(missing)

    yield from walk(thread, namespace, checkpoint_id, visit)
    return needed - {checkpoint_id}
