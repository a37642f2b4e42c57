"""The options of a RustSQLiteCheckpointer, and which values they take."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal, TypedDict, get_args

from langgraph.checkpoint.serde.base import SerializerProtocol

from fast_langgraph._checkpointer.retention import Retention
from fast_langgraph._shared import settings

Synchronous = Literal["full", "normal", "off"]
Layout = Literal["standard", "compact"]
SYNCHRONOUS: tuple[Synchronous, ...] = get_args(Synchronous)

#: in bytes; with a smaller log, writers wait for it too often
LEAST_WAL = 1 << 20


class Options(TypedDict, total=False):
    """As the constructor takes them; its docstring says what they do."""

    serde: SerializerProtocol | None
    synchronous: Synchronous
    busy_timeout: float
    max_wal_bytes: int
    readers: int
    read_only: bool
    created_at: bool
    layout: Layout | None
    remember: int
    retention: Retention | None


def check_options(
    synchronous: Any, busy_timeout: Any, max_wal_bytes: Any, readers: Any, layout: Any, remember: Any
) -> None:
    if layout is not None:
        check_layout(layout)
    if synchronous not in SYNCHRONOUS:
        raise ValueError(f"synchronous must be one of {', '.join(map(repr, SYNCHRONOUS))}, not {synchronous!r}")
    number = isinstance(busy_timeout, (int, float)) and not isinstance(busy_timeout, bool)
    if not number or not isfinite(busy_timeout) or not 0 <= busy_timeout <= 86_400:
        raise ValueError(f"busy_timeout must be a number of seconds from 0 to 86400, not {busy_timeout!r}")
    bounds = (("max_wal_bytes", max_wal_bytes, LEAST_WAL), ("readers", readers, 1), ("remember", remember, 0))
    for name, value, least in bounds:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 62:
            raise ValueError(f"{name} must be an int of at least {least}, not {value!r}")
    if readers > 256:
        raise ValueError(f"readers must be at most 256, not {readers}")


def check_serde(serde: Any) -> None:
    """Refuses what LangGraph would take and what could then neither encode nor decode."""
    typed, untyped = (all(hasattr(serde, name + end) for name in ("dumps", "loads")) for end in ("_typed", ""))
    if serde is not None and not (typed or untyped):
        raise TypeError(
            f"serde must be a serializer with dumps_typed and loads_typed, such as JsonPlusSerializer(), not "
            f"{type(serde).__name__}"
        )


def check_layout(layout: Any) -> None:
    if layout not in settings.LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, settings.LAYOUTS))}, not {layout!r}")
