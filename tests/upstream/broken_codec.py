"""A pytest plugin that spoils one byte of whatever the codec encodes: what the comparison must notice.

It has to be imported before ``patch()``, which takes ``dumps_typed`` as it finds it.
"""

from __future__ import annotations

from typing import Any

from fast_langgraph import _native

_dumps_typed = _native.dumps_typed
_dumps_blob = _native.dumps_blob


def spoilt(data: bytes) -> bytes:
    """The last byte is most often a letter or a number within the last value."""
    return data[:-1] + bytes([data[-1] ^ 1])


def dumps_typed(*arguments: Any) -> Any:
    encoded = _dumps_typed(*arguments)
    if encoded is NotImplemented or encoded[0] != "msgpack":
        return encoded
    return encoded[0], spoilt(encoded[1])


def dumps_blob(*arguments: Any) -> Any:
    """What the savers use; bytes are bound as a Blob is."""
    blob = _dumps_blob(*arguments)
    return None if blob is None else spoilt(bytes(blob))


_native.dumps_typed = dumps_typed
_native.dumps_blob = dumps_blob
