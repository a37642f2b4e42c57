"""The codec as the savers use it: bytes stay in Rust between the serializer and SQLite."""

from __future__ import annotations

from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Blob
from fast_langgraph._sites import DISABLED, PatchSite


class Codec:
    """Encodes and decodes for a saver whose serializer is stock's and ours; else calls the serializer.

    With ``unpatched`` the serializer need not be patched: what it would do itself is done in Rust.
    """

    def __init__(self, dumps: PatchSite, loads: PatchSite, *, unpatched: bool = False) -> None:
        self._serializer = dumps.owner
        self._dumps = dumps
        self._loads = loads
        self._unpatched = unpatched

    def _fused(self, serde: Any, site: PatchSite) -> bool:
        # A wrapper put on the class later, or on the object, must be called.
        if type(serde) is not self._serializer or site.attribute in serde.__dict__:
            return False
        live = site.live
        if live is site.replacement and live is not None:
            return not site.off
        if not self._unpatched or site.skip or site.left_out or DISABLED.get():
            return False
        return site.is_stock_s_own(live) and site.knows(live)

    def dumps(self, serde: Any, value: Any) -> tuple[Any, Any]:
        """``serde.dumps_typed(value)``, with a ``Blob`` in place of bytes where the codec made them."""
        # With a pickle fallback an error is not the end, so the serializer itself decides.
        if self._fused(serde, self._dumps) and not serde.pickle_fallback:
            blob = _native.dumps_blob(value)
            if blob is not None:
                return "msgpack", blob
        encoded: tuple[Any, Any] = serde.dumps_typed(value)
        return encoded

    def loads(self, serde: Any, kind: Any, data: Any) -> Any:
        """``serde.loads_typed((kind, data))``, where data may be a ``Blob``."""
        if type(data) is Blob:
            if self._fused(serde, self._loads):
                value = _native.loads_typed(serde, (kind, data))
                if value is not NotImplemented:
                    return value
                stock = self._loads.stock or serde.loads_typed.__func__
                return stock(serde, (kind, bytes(data)))
            data = bytes(data)
        return serde.loads_typed((kind, data))


class SerializerAlone(Codec):
    """Calls the serializer, where it is one of a release that is not known."""

    def __init__(self) -> None:
        pass

    def dumps(self, serde: Any, value: Any) -> tuple[Any, Any]:
        encoded: tuple[Any, Any] = serde.dumps_typed(value)
        return encoded

    def loads(self, serde: Any, kind: Any, data: Any) -> Any:
        return serde.loads_typed((kind, bytes(data) if type(data) is Blob else data))
