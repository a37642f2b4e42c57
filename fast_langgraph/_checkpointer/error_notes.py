"""Where in a state or in pending writes lies what could not be encoded: a note on the error, from Python 3.11 on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Encode = Callable[[Any], object]

#: what lies deeper is not searched
DEEPEST = 20


def add_place(error: Exception, encode: Encode, channels: Iterable[tuple[Any, Any]]) -> None:
    """Notes the channel and the path of the first value in ``channels`` that can't be encoded by itself."""
    if not hasattr(error, "add_note"):
        return
    for channel, value in channels:
        if _fails(encode, value):
            path, found = _innermost(encode, value)
            place = f"channel {channel!r}" + (f" at {path}" if path else "")
            kind = type(found)
            error.add_note(f"in {place}: a value of class {kind.__module__}.{kind.__qualname__}")
            return


def _innermost(encode: Encode, value: Any) -> tuple[str, Any]:
    path = ""
    for _ in range(DEEPEST):
        for step, inside in _inside(value):
            if _fails(encode, inside):
                path, value = path + step, inside
                break
        else:
            break
    return path, value


def _fails(encode: Encode, value: Any) -> bool:
    try:
        encode(value)
    except Exception:
        return True
    return False


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    """What is in a value, and how Python reaches it."""
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", inside) for key, inside in list(value.items()))
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{place}]", inside) for place, inside in enumerate(value))
    elif isinstance(fields := getattr(value, "__dict__", None), dict):
        yield from ((f".{name}", inside) for name, inside in list(fields.items()))
