"""The two methods of the installed ``JsonPlusSerializer``, and the codec set up to do what they do."""

from __future__ import annotations

from threading import RLock
from typing import Any

from fast_langgraph import _native
from fast_langgraph._stock_code import message_classes, releases
from fast_langgraph._stock_code.methods import StockMethod

#: the class that the codec is set up for; a reload of its module makes another
_configured_for: type | None = None
#: entered again if a signal handler that runs while it is held calls ``patch()``
_lock = RLock()


def serializer_methods(jsonplus: Any) -> tuple[StockMethod, StockMethod]:
    """``dumps_typed`` and ``loads_typed`` of LangGraph's module ``jsonplus``. Sets up the codec for it."""
    import ormsgpack
    from pydantic import BaseModel

    owner = jsonplus.JsonPlusSerializer
    known = (
        ormsgpack.OPT_NON_STR_KEYS
        | ormsgpack.OPT_PASSTHROUGH_DATACLASS
        | ormsgpack.OPT_PASSTHROUGH_DATETIME
        | ormsgpack.OPT_PASSTHROUGH_ENUM
        | ormsgpack.OPT_PASSTHROUGH_UUID
        | ormsgpack.OPT_REPLACE_SURROGATES
    )
    unknown = ""
    if jsonplus._option != known:
        releases_known = releases.known_of(owner)
        unknown = (
            f"its encoding options differ from those of every release that fast_langgraph knows ({releases_known})"
        )
    # Releases before 4.1 have one hook for all serializers.
    hook = getattr(jsonplus, "_create_msgpack_ext_hook", None) or jsonplus._msgpack_ext_hook
    global _configured_for
    with _lock:
        if _configured_for is not owner:
            _native.configure(jsonplus, message_classes.describe, BaseModel)
            _configured_for = owner
    return StockMethod(owner, "dumps_typed", unknown=unknown), StockMethod(owner, "loads_typed", beside=[hook])
