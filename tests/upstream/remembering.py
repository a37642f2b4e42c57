"""A pytest plugin that has upstream's states remembered: ``-p remembering``, with ``FAST_LANGGRAPH_VERIFY=1``.

They are small, and hardly one comes twice: nothing would be remembered. Here each is an element of a list, and is encoded
and decoded until it is taken as it was. What the tests get is what was taken, without the list around it. It has to be
imported before ``patch()``.
"""

from __future__ import annotations

from typing import Any

from fast_langgraph import _native

#: a list is noted, then remembered, then taken as it was
TIMES = 3
#: the header of a list of one
LIST = b"\x91"

_dumps_typed = _native.dumps_typed
_dumps_blob = _native.dumps_blob
_loads_typed = _native.loads_typed

#: what was taken: decoding it runs no Python code, which would be noticed if it ran several times
_taken: set[bytes] = set()


def may_be_remembered(value: Any) -> bool:
    if type(value) not in (dict, list):
        return False
    try:
        _native.Outlined(value)
    except TypeError:
        return False
    return True


def taken(value: Any, memory: _native.Memory, place: tuple[int, str, str]) -> bytes | None:
    around = [value]
    for _ in range(TIMES):
        blob = _dumps_blob(around, memory, place)
        if blob is None:
            return None
    data = bytes(blob).removeprefix(LIST)
    _taken.add(data)
    return data


def dumps_blob(value: Any, memory: Any = None, place: Any = None) -> Any:
    if memory is None or place is None or not may_be_remembered(value):
        return _dumps_blob(value, memory, place)
    return taken(value, memory, place)


def dumps_typed(value: Any, memory: Any = None, owner: int = 0) -> Any:
    data = taken(value, memory, (owner, "", "")) if memory is not None and may_be_remembered(value) else None
    return _dumps_typed(value, memory, owner) if data is None else ("msgpack", data)


def loads_typed(serializer: Any, data: Any, memory: Any = None, place: Any = None, each: bool = False) -> Any:
    if memory is None or each or type(data) is not tuple or type(data[1]) not in (bytes, _native.Blob):
        return _loads_typed(serializer, data, memory, place, each)
    kind, stored = data[0], bytes(data[1])
    if stored not in _taken:
        return _loads_typed(serializer, data, memory, place)
    for _ in range(TIMES):
        around = None  # what was decoded before is nobody's any more
        around = _loads_typed(serializer, (kind, LIST + stored), memory, place or (0, "", ""))
        if around is NotImplemented:
            return around
    return around[0]


_native.dumps_typed = dumps_typed
_native.dumps_blob = dumps_blob
_native.loads_typed = loads_typed
