"""``JsonPlusSerializer``: its two methods, carried out by the codec."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import wraps
from typing import Any

import ormsgpack

from fast_langgraph import _native
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared.memory import NOBODY, PATCHED
from fast_langgraph._shared.settings import IS_DISABLED
from fast_langgraph._stock_code.serializer import serializer_methods

#: lists of fewer elements are encoded in less time than what is remembered of them is found
LONG = 8


def make_sites(jsonplus: Any, _serializer: list[PatchSite]) -> list[PatchSite]:
    dumps, loads = serializer_methods(jsonplus)
    PATCHED.open()
    return [PatchSite(dumps, dumps_typed), PatchSite(loads, loads_typed)]


def dumps_typed(site: PatchSite) -> Callable[..., Any]:
    stock = site.stock
    is_disabled = IS_DISABLED.get
    encode = _native.dumps_typed
    EncodeError = ormsgpack.MsgpackEncodeError

    @wraps(stock)
    def dumps_typed(self: Any, obj: Any) -> Any:
        if is_disabled() or not site.enabled:
            return stock(self, obj)
        try:
            encoded = encode(obj, *_remembering(self, obj))
        except EncodeError:
            # Raised only once a hook has run. Stock's code would run it again, so do here what stock does.
            if self.pickle_fallback:
                return "pickle", pickle.dumps(obj)
            raise
        return stock(self, obj) if encoded is NotImplemented else encoded

    return dumps_typed


def loads_typed(site: PatchSite) -> Callable[..., Any]:
    stock = site.stock
    is_disabled = IS_DISABLED.get
    decode = _native.loads_typed

    @wraps(stock)
    def loads_typed(self: Any, data: tuple[str, bytes]) -> Any:
        if is_disabled() or not site.enabled:
            return stock(self, data)
        decoded = decode(self, data, PATCHED.native)
        return stock(self, data) if decoded is NotImplemented else decoded

    return loads_typed


def _remembering(serializer: Any, obj: Any) -> tuple[Any, ...]:
    """Where a long list in ``obj`` is remembered."""
    if not (type(obj) is dict or (type(obj) is list and len(obj) >= LONG)):
        return ()
    owner = PATCHED.owner(serializer)
    return () if owner == NOBODY else (PATCHED.native, owner)
