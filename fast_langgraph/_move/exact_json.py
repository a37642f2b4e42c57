"""JSON that PostgreSQL's type ``jsonb`` keeps as it is.

``jsonb`` has decimal numbers: ``1e16`` comes back as an int, and ``-0.0`` as ``0.0``. It refuses NaN, the character NUL
and lone surrogates. Keys come back in an order of its own, which no reader of a dict notices.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

#: what may be in the text of values that are not kept as json.dumps writes them; most texts have none of it
_DOUBTFUL = re.compile(r"\\u0000|[eE]\+|-0\.0|[\ud800-\udfff]")

#: PostgreSQL parses JSON by recursion, on a stack that its configuration bounds
DEEPEST = 200

#: bytes that a text or a key may have in jsonb
LONGEST = (1 << 28) - 1


class InexactError(ValueError):
    """A value that ``jsonb`` would change or refuse."""


def dumps(value: Any) -> str:
    """The JSON of plain data. Raises InexactError if PostgreSQL would give back something else."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return _exactly(value, 0)
    if _DOUBTFUL.search(text) or len(text) > LONGEST // 4 or text.count("[") + text.count("{") > DEEPEST:
        return _exactly(value, 0)
    return text


def number(value: float) -> str:
    """A float as a decimal without an exponent: ``jsonb`` keeps its digits, and what has a point stays a float."""
    if not math.isfinite(value):
        raise InexactError(f"the number {value}")
    if value == 0 and math.copysign(1, value) < 0:
        raise InexactError("the number -0.0")
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else f"{text}.0"


def version_text(version: Any) -> str | None:
    """As ``jsonb_each_text`` gives it, by which PostgresSaver finds blobs."""
    if isinstance(version, str):
        return version
    if isinstance(version, bool):
        return str(version).lower()
    if isinstance(version, int):
        return str(version)
    return number(version) if isinstance(version, float) else None


def _exactly(value: Any, depth: int) -> str:
    if depth > DEEPEST:
        raise InexactError(f"more than {DEEPEST} levels")
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_exactly(each, depth + 1) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_text(key)}: {_exactly(each, depth + 1)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise InexactError(f"a value of type {type(value).__name__}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InexactError(f"a key of type {type(value).__name__}")
    if "\0" in value:
        raise InexactError("the character NUL")
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise InexactError("half of a surrogate pair") from None
    if length > LONGEST:
        raise InexactError(f"a text of {length:,} bytes")
    return json.dumps(value, ensure_ascii=False)
