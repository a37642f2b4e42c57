"""``JsonPlusSerializer``: its two methods, carried out by the codec."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import wraps
from typing import Any

from fast_langgraph import _native
from fast_langgraph._sites import DISABLED, PatchSite


def dumps_typed(site: PatchSite) -> Callable[..., Any]:
    import ormsgpack

    stock = site.stock
    disabled = DISABLED.get
    encode = _native.dumps_typed
    EncodeError = ormsgpack.MsgpackEncodeError

    @wraps(stock)
    def dumps_typed(self: Any, obj: Any) -> Any:
        if disabled() or not site.enabled:
            return stock(self, obj)
        try:
            encoded = encode(obj)
        except EncodeError:
            # Raised only where a hook has run already: stock's own way out, without a second run.
            if self.pickle_fallback:
                return "pickle", pickle.dumps(obj)
            raise
        return stock(self, obj) if encoded is NotImplemented else encoded

    return dumps_typed


def loads_typed(site: PatchSite) -> Callable[..., Any]:
    stock = site.stock
    disabled = DISABLED.get
    decode = _native.loads_typed

    @wraps(stock)
    def loads_typed(self: Any, data: tuple[str, bytes]) -> Any:
        if disabled() or not site.enabled:
            return stock(self, data)
        decoded = decode(self, data)
        return stock(self, data) if decoded is NotImplemented else decoded

    return loads_typed


def sites(jsonplus: Any, _serializer: list[PatchSite]) -> list[PatchSite]:
    """The serializer's sites, with the codec configured for its module."""
    import ormsgpack
    from pydantic import BaseModel

    from fast_langgraph import _plain, _versions

    owner = jsonplus.JsonPlusSerializer
    known = (
        ormsgpack.OPT_NON_STR_KEYS
        | ormsgpack.OPT_PASSTHROUGH_DATACLASS
        | ormsgpack.OPT_PASSTHROUGH_DATETIME
        | ormsgpack.OPT_PASSTHROUGH_ENUM
        | ormsgpack.OPT_PASSTHROUGH_UUID
        | ormsgpack.OPT_REPLACE_SURROGATES
    )
    unknown = (
        ""
        if jsonplus._option == known
        else f"it encodes with options that no release has that fast_langgraph knows ({_versions.known_of(owner)})"
    )
    _native.configure(jsonplus, _plain.describe, BaseModel)
    # Releases before 4.1 have one hook and no allowlist.
    hook = getattr(jsonplus, "_create_msgpack_ext_hook", None) or jsonplus._msgpack_ext_hook
    return [
        PatchSite(owner, "dumps_typed", dumps_typed, _native.ENCODED, unknown=unknown),
        PatchSite(owner, "loads_typed", loads_typed, _native.DECODED, beside=[hook]),
    ]
