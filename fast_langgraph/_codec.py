"""The codec as the savers use it: bytes stay in Rust between the serializer and SQLite."""

from __future__ import annotations

from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Blob
from fast_langgraph._sites import PatchSite


class Codec:
    """Encodes and decodes for a saver whose serializer is stock's and ours; else calls the serializer."""

    def __init__(self, dumps: PatchSite, loads: PatchSite) -> None:
        self._serializer = dumps.owner
        self._dumps = dumps
        self._loads = loads

    def _fused(self, serde: Any, site: PatchSite) -> bool:
        # A wrapper put on the class later, or on the object, must be called.
        return (
            type(serde) is self._serializer
            and site.live is site.replacement
            and site.replacement is not None
            and not site.off
            and site.attribute not in serde.__dict__
        )

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
                return self._loads.stock(serde, (kind, bytes(data)))
            data = bytes(data)
        return serde.loads_typed((kind, data))
