"""The codec as the savers use it: bytes stay in Rust between the serializer and SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Blob
from fast_langgraph._shared import fronts
from fast_langgraph._shared.memory import Place, StateMemory


def _never() -> bool:
    return False


class Codec:
    """Encodes and decodes in Rust where a saver's serializer would do just that; else calls the serializer."""

    def __init__(
        self,
        serializer: type | None = None,
        may_encode: Callable[[], bool] = _never,
        may_decode: Callable[[], bool] = _never,
        memory: StateMemory | None = None,
    ) -> None:
        """``serializer`` is the class. The checks say whether its methods do, at that moment, what Rust does.

        States that belong to a ``place`` are remembered in ``memory``.
        """
        self._serializer = serializer
        self._may_encode = may_encode
        self._may_decode = may_decode
        self.memory = memory

    def _is_plain(self, serde: Any, method: str) -> bool:
        # A wrapper that was put on the object must be called.
        return type(serde) is self._serializer and method not in serde.__dict__

    def may_load(self, serde: Any) -> bool:
        """Whether ``loads`` decodes in Rust what this serializer has encoded."""
        return self._is_plain(serde, "loads_typed") and self._may_decode()

    def dumps(self, serde: Any, value: Any, place: Place | None = None) -> tuple[Any, Any]:
        """``serde.dumps_typed(value)``, with a ``Blob`` in place of bytes where the codec made them."""
        # With a pickle fallback an error is not the end, so the serializer itself decides.
        if self._is_plain(serde, "dumps_typed") and self._may_encode() and not serde.pickle_fallback:
            blob = _native.dumps_blob(value, self._memory(place), place)
            if blob is not None:
                return "msgpack", blob
        encoded: tuple[Any, Any] = serde.dumps_typed(value)
        return encoded

    def _memory(self, place: Place | None) -> _native.Memory | None:
        return None if place is None or self.memory is None else self.memory.native

    def loads(self, serde: Any, kind: Any, data: Any, place: Place | None = None, each: bool = False) -> Any:
        """``serde.loads_typed((kind, data))``, where data may be a ``Blob``.

        With ``each`` it is a list whose values were encoded one by one.
        """
        if type(data) is Blob:
            if self.may_load(serde):
                value = _native.loads_typed(serde, (kind, data), self._memory(place), place, each)
                if value is not NotImplemented:
                    return value
                # Stock's function, and not ours once more if the class is patched.
                live = fronts.behind(type(serde).__dict__["loads_typed"])
                return getattr(live, "__wrapped__", live)(serde, (kind, bytes(data)))
            data = bytes(data)
        return serde.loads_typed((kind, data))
