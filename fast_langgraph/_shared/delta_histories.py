"""Delta channels: the histories that LangGraph rebuilds their values from, of what Rust has found in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fast_langgraph._native import Blob
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.memory import Place

#: pairs of the channels whose value is in it and a ``Blob``: of a checkpoint, or without channels of a list of some
Kept = list[tuple[list[str], Blob]]
#: for each channel the tasks, and a ``Blob`` of the list of values or pairs of kind and ``Blob``
Writes = list[tuple[list[str], Any]]


def are_usual(channels: Any) -> bool:
    """Whether the channels are what Rust takes: a list of different texts."""
    if type(channels) not in (list, tuple) or not all(type(channel) is str for channel in channels):
        return False
    try:
        "".join(channels).encode()
    except UnicodeEncodeError:
        return False
    return len(set(channels)) == len(channels)


def histories(
    codec: Codec,
    serde: Any,
    channels: Sequence[str],
    kept: Kept,
    with_ancestors: Sequence[str],
    writes: Writes,
    remembered: Place | None,
) -> dict[str, dict[str, Any]]:
    """By channel the writes since the nearest ancestor that holds its value, and that value as the seed.

    ``writes`` are those of the channels that have ancestors. Values are decoded in stock's order. ``remembered`` is
    where the state of the thread is; what is decoded here is remembered beside it.
    """

    def beside(*names: str) -> Place | None:
        return None if remembered is None else (*remembered[:2], "\0".join((remembered[2], *names)))

    seeds = {}
    for names, blob in kept:
        # Those that hold no value are decoded because stock does, which may fail or run Python code.
        if names:
            values = codec.loads(serde, "msgpack", blob, beside("seed", *names))["channel_values"]
            seeds.update({name: values[name] for name in names})
        else:
            codec.loads(serde, "msgpack", blob, beside("ancestors"), each=True)
    found = dict(zip(with_ancestors, writes, strict=True))
    result: dict[str, dict[str, Any]] = {}
    for channel in channels:
        tasks, values = found.get(channel, ((), ()))
        if type(values) is Blob:
            values = codec.loads(serde, "msgpack", values, beside("writes", channel), each=True) if tasks else ()
        else:
            values = [codec.loads(serde, kind, value) for kind, value in values]
        result[channel] = {"writes": [(task, channel, value) for task, value in zip(tasks, values, strict=True)]}
        if channel in seeds:
            result[channel]["seed"] = seeds[channel]
    return result
