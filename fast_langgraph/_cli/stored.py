"""What is stored, as data: no class that a database names is imported, and nothing of it is executed."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import ormsgpack

from fast_langgraph import _native

#: what LangGraph writes as an extension: values of classes, made in six ways; arrays of numpy's; snapshots of delta
#: channels
_ARRAY, _SNAPSHOT = 6, 7
_CLASSES = range(6)

#: each is another call of ormsgpack's on the stack of C, which a hostile payload must not use up
DEEPEST_EXTENSION = 32

#: what lies deeper is not shown
DEEPEST = 100

#: classes whose value says it all
_PLAIN = {"uuid.UUID", "datetime.datetime", "datetime.date", "datetime.time", "decimal.Decimal", "builtins.set"}


@dataclass(frozen=True)
class Typed:
    """A value of a class: the class's name, and what it was made of."""

    name: str
    value: Any

    @property
    def class_name(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Unread:
    """Bytes that are not read, and why."""

    why: str
    size: int

    def __str__(self) -> str:
        return f"{self.why}, {self.size:,} bytes"


class AsData:
    """A serializer that reads what JsonPlusSerializer has written, as data, and writes nothing."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        raise TypeError("what is read as data is not written again")

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, stored = data
        if kind == "null":
            return None
        if kind in ("bytes", "bytearray"):
            return bytes(stored)
        if kind == "pickle":
            return Unread("a pickle, which is never loaded here", len(stored))
        try:
            if kind == "json":
                return json.loads(stored, object_hook=_of_json)
            if kind == "msgpack":
                return _unpacked(stored)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{kind} that can't be read: {error}") from None
        if "+" in kind:
            return Unread(f"encrypted ({kind})", len(stored))
        return Unread(f"of a serializer that is not known here ({kind})", len(stored))


def _unpacked(stored: bytes, depth: int = 0) -> Any:
    if depth > DEEPEST_EXTENSION:
        raise ValueError("extensions in extensions, too deep")
    if not _native.is_whole(stored):
        raise ValueError("not one whole value")
    return ormsgpack.unpackb(
        stored, ext_hook=lambda code, inside: _extension(code, inside, depth + 1), option=ormsgpack.OPT_NON_STR_KEYS
    )


def _extension(code: int, stored: bytes, depth: int) -> Any:
    if code not in (*_CLASSES, _ARRAY, _SNAPSHOT):
        return Unread(f"an extension that is not known here ({code})", len(stored))
    value = _unpacked(stored, depth)
    if code == _SNAPSHOT:
        return value
    if code == _ARRAY and isinstance(value, (list, tuple)) and len(value) == 4:
        return Typed("numpy.ndarray", {"dtype": value[0], "shape": value[1]})
    if code in _CLASSES and isinstance(value, (list, tuple)) and len(value) >= 3:
        module, name, inside = value[:3]
        if isinstance(module, str) and isinstance(name, str):
            return Typed(f"{module}.{name}", inside)
    return Unread(f"an extension that is not as LangGraph writes it ({code})", len(stored))


def _of_json(value: dict[str, Any]) -> Any:
    names = value.get("id")
    if value.get("lc") in (1, 2) and value.get("type") == "constructor" and names and _are_texts(names):
        return Typed(".".join(names), value.get("kwargs") or value.get("args"))
    return value


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)


def as_json(value: Any, depth: int = 0) -> Any:
    """For json.dumps: a value of a class is ``{"type": name, "value": ...}``, bytes are base64."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth == DEEPEST:
        return "…"
    depth += 1
    if isinstance(value, dict):
        return {key if isinstance(key, str) else one_line(key): as_json(each, depth) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(each, depth) for each in value]
    if isinstance(value, Typed):
        return {"type": value.name, "value": as_json(value.value, depth)}
    if isinstance(value, (bytes, bytearray)):
        return {"type": "bytes", "base64": base64.b64encode(value).decode()}
    if isinstance(value, Unread):
        return {"type": "unread", "why": value.why, "bytes": value.size}
    return str(value)


def one_line(value: Any, most: int = 200) -> str:
    """A value as a person reads it, cut off after ``most`` characters."""
    text = _text(value, most)
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(value: Any, most: int, depth: int = 0) -> str:
    if depth == DEEPEST:
        return "…"
    depth += 1
    if isinstance(value, str):
        return json.dumps(value[: most + 1], ensure_ascii=False)
    if isinstance(value, Typed):
        inside = value.value
        if value.name in _PLAIN and not isinstance(inside, dict):
            return f"{value.class_name} {_text(inside, most, depth)}"
        if isinstance(inside, dict):
            named = (
                f"{_key(key)}={_text(each, most, depth)}" for key, each in inside.items() if each not in (None, [], {})
            )
            return f"{value.class_name}({_joined(named, most)})"
        if isinstance(inside, (list, tuple)):
            return f"{value.class_name}({_joined((_text(each, most, depth) for each in inside), most)})"
        return f"{value.class_name}({_text(inside, most, depth)})"
    if isinstance(value, dict):
        return "{" + _joined((f"{_key(key)}: {_text(each, most, depth)}" for key, each in value.items()), most) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + _joined((_text(each, most, depth) for each in value), most) + "]"
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value):,} bytes"
    return str(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else one_line(key)


def _joined(parts: Any, most: int) -> str:
    """Of long collections only as much as is shown."""
    texts: list[str] = []
    length = 0
    for part in parts:
        texts.append(part)
        length += len(part) + 2
        if length > most:
            break
    return ", ".join(texts)
