"""Encoding and decoding a conversation of which four messages are new, with what is remembered and without.

The savers leave the bytes in Rust ("blob"); the serializer by itself makes them a Python object ("bytes").
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from codec import conversation
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import fast_langgraph
from fast_langgraph import _native

ROUNDS = 40
NEW = 4
KEY = (1, "thread", "")


def checkpoint(messages: list[Any]) -> dict[str, Any]:
    return {"v": 4, "channel_values": {"messages": messages}, "channel_versions": {"messages": "1"}}


def emptied() -> None:
    """Empties the processor's caches."""
    bytearray(128 << 20)


def timed(call: Callable[[Any], Any], argument: Any, before: Callable[[], object]) -> tuple[float, Any]:
    before()
    began = time.thread_time()
    result = call(argument)
    return time.thread_time() - began, result


def measure(what: str, count: int, caches: str) -> None:
    """A conversation that grows by four messages a turn: encoding or decoding all of it, and what is new.

    As in a graph, what is encoded is what was decoded for the turn, and what nodes have added.
    """
    serde, memory = JsonPlusSerializer(), _native.Memory(1 << 30)
    plain: list[float] = []
    remembered: list[float] = []
    messages = conversation(count)
    for turn in range(ROUNDS):
        state = checkpoint(messages)
        encode, encode_new = {
            "bytes": (_native.dumps_typed, lambda state: _native.dumps_typed(state, memory, 1)),
        }.get(what, (_native.dumps_blob, lambda state: _native.dumps_blob(state, memory, KEY)))
        before = emptied if caches == "cold" else partial(_native.dumps_blob, state)
        if what == "loads":
            blob = encode_new(state)
            del messages, state, before
            before = emptied if caches == "cold" else partial(bytes, blob)
            plain.append(timed(lambda blob: serde.loads_typed(("msgpack", blob)), blob, before)[0])
            seconds, found = timed(
                lambda blob: _native.loads_typed(serde, ("msgpack", blob), memory, KEY), blob, before
            )
            remembered.append(seconds)
            assert turn % 10 or found == serde.loads_typed(("msgpack", blob))
            messages = found["channel_values"]["messages"]
            del found
        else:
            seconds, data = timed(encode, state, before)
            plain.append(seconds)
            seconds, again = timed(encode_new, state, before)
            remembered.append(seconds)
            assert (data == again) if what == "bytes" else (bytes(data) == bytes(again))
        messages = messages + conversation(NEW)
    middles = statistics.median(plain[10:]) * 1e6, statistics.median(remembered[10:]) * 1e6
    name = f"{count:,} messages, {NEW} new, {caches}: {what}"
    print(f"{name:<42} {middles[0]:>10.1f} {middles[1]:>10.1f} us  {middles[0] / middles[1]:>6.1f} x")


def main() -> None:
    fast_langgraph.patch(remember=0)
    print(f"{'':<42} {'all':>10} {'remembered':>10}")
    for caches in ("warm", "cold"):
        for what in ("loads", "blob", "bytes"):
            for count in (100, 400, 1000, 4000):
                measure(what, count, caches)


if __name__ == "__main__":
    main()
