"""LangGraph's own types, numpy's arrays and scalars."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import ormsgpack
from langchain_core.documents import Document
from langgraph import types as langgraph_types
from langgraph.store.base import GetOp, Item, SearchItem
from langgraph.types import Command, Interrupt, Send, StateSnapshot

from installed_releases import _DeltaSnapshot
from samples import classes as s
from samples.values.basic import UID, Samples


def langgraph() -> Samples:
    """LangGraph's own types."""
    now = datetime(2020, 1, 2, tzinfo=timezone.utc)
    samples: Samples = {
        "Send": lambda: Send("node", {"a": [1]}),
        "Send of a Send": lambda: Send("node", Send("b", s.Plain(1))),
        "SendLike": lambda: s.SendLike("node", 1),
        "Interrupt": lambda: Interrupt({"question": "?"}, id="abc"),
        "Interrupt with defaults": lambda: Interrupt("why"),
        "Interrupts in a tuple": lambda: (Interrupt(1, id="a"), Interrupt([2], id="b")),
        "Command": lambda: Command(update={"a": 1}, goto=["x", Send("y", 2)], resume={"k": "v"}, graph="p"),
        "Command empty": Command,
        "GetOp": lambda: GetOp(("a", "b"), "key"),
        "StateSnapshot": lambda: StateSnapshot({"a": 1}, ("n",), {}, None, None, None, (), ()),
        "Item": lambda: Item(value={"a": 1}, key="k", namespace=("a", "b"), created_at=now, updated_at=now),
        "SearchItem": lambda: SearchItem(("a",), "k", {"v": 1}, now, now, 0.5),
        "delta snapshot": lambda: _DeltaSnapshot([1, {"a": (1, 2)}]),
        "delta snapshot of none": lambda: _DeltaSnapshot(None),
        "delta snapshot of bytes": lambda: _DeltaSnapshot(b"abc"),
        "delta snapshot nested": lambda: _DeltaSnapshot(_DeltaSnapshot(deque([1]))),
        "delta snapshot within": lambda: {"channel_values": {"x": _DeltaSnapshot({"a": UID})}},
        "Document": lambda: Document(page_content="text", metadata={"a": 1}, id="d"),
        "Document bare": lambda: Document(page_content="text"),
        "Document with odd metadata": lambda: Document(page_content="x", metadata={"d": s.Plain(1), 1: UID}),
        "Ext": lambda: ormsgpack.Ext(9, b"own"),
        "Ext of a known code": lambda: [ormsgpack.Ext(0, ormsgpack.packb(("builtins", "set", (1,))))],
    }
    if hasattr(langgraph_types, "Overwrite"):
        samples["Overwrite"] = lambda: langgraph_types.Overwrite([1, 2])
    if "timeout" in Send.__slots__:
        from langgraph.types import TimeoutPolicy

        samples["Send with timeout"] = lambda: Send("node", 1, timeout=TimeoutPolicy(run_timeout=2.5))
        samples["Send with seconds"] = lambda: Send("node", 1, timeout=3)
        samples["TimeoutPolicy"] = lambda: TimeoutPolicy(run_timeout=timedelta(seconds=1), idle_timeout=2)
    return samples


def arrays() -> Samples:
    """numpy's arrays and scalars."""
    base = np.arange(12, dtype=np.int32).reshape(3, 4)
    kinds: dict[str, Callable[[], Any]] = {
        "C": lambda: base.copy(),
        "F": lambda: np.asfortranarray(base),
        "transposed": lambda: base.copy().T,
        "strided": lambda: base.copy()[:, ::2],
        "reversed": lambda: base.copy()[::-1],
        "one dimension": lambda: np.arange(5.0),
        "0-d": lambda: np.array(5),
        "empty": lambda: np.empty((0, 3)),
        "one element F": lambda: np.asfortranarray(np.ones((1, 1))),
        "three dimensions": lambda: np.arange(24).reshape(2, 3, 4),
        "three dimensions F": lambda: np.asfortranarray(np.arange(24).reshape(2, 3, 4)),
        "three dimensions swapped": lambda: np.arange(24).reshape(2, 3, 4).swapaxes(0, 1),
        "broadcast": lambda: np.broadcast_to(np.arange(3), (2, 3)),
        "read-only": lambda: _frozen(base.copy()),
        "big endian": lambda: np.arange(3, dtype=">i4"),
        "bool": lambda: np.array([True, False]),
        "str": lambda: np.array(["a", "bcd"]),
        "bytes": lambda: np.array([b"a", b"bcd"]),
        "float16": lambda: np.array([1.5, np.nan], dtype=np.float16),
        "complex": lambda: np.array([1 + 2j]),
        "datetime64": lambda: np.array(["2020-01-02"], dtype="datetime64[D]"),
        "timedelta64": lambda: np.array([5], dtype="timedelta64[s]"),
        "structured": lambda: np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
        "void": lambda: np.zeros(2, dtype="V3"),
        "object": lambda: np.array([1, "a", None], dtype=object),
        "object F": lambda: np.asfortranarray(np.array([[1, "a"], [None, 2]], dtype=object)),
        "own class": lambda: np.arange(4).view(s.Array),
        "masked": lambda: np.ma.masked_array([1, 2], mask=[True, False]),
        "recarray": lambda: np.rec.array([(1, 2.0)], dtype=[("x", int), ("y", float)]),
        "longdouble": lambda: np.array([1.5], dtype=np.longdouble),
        "scalar int64": lambda: np.int64(5),
        "scalar int8": lambda: np.int8(-5),
        "scalar uint64": lambda: np.uint64(2**64 - 1),
        "scalar float64": lambda: np.float64(1.5),
        "scalar float32": lambda: np.float32(1.1),
        "scalar float16": lambda: np.float16(1.5),
        "scalar bool": lambda: np.bool_(True),
        "scalar str": lambda: np.str_("x"),
        "scalar bytes": lambda: [np.bytes_(b"x")],
        "scalar datetime64": lambda: np.datetime64("2020-01-02T03:04:05"),
        "scalar complex": lambda: np.complex128(1j),
        "dtype": lambda: np.dtype("i4"),
    }
    return {
        **{f"array {name}": make for name, make in kinds.items()},
        **{f"list with array {name}": (lambda make=make: [make(), {"k": make()}]) for name, make in kinds.items()},
    }


def _frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array
