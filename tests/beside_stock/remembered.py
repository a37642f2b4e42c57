"""A codec that remembers states, beside stock, which doesn't."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import stock_dumps_typed, stock_loads_typed
from beside_stock.outcomes import Outcome, assert_same, observe
from fast_langgraph import _native
from fast_langgraph._shared.memory import StateMemory

PLACE = (1, "thread", "")
#: of elements, by what became of them
COUNTS = [f"encoded_{what}" for what in ("unchanged", "new", "changed")]
COUNTS += [f"decoded_{what}" for what in ("unchanged", "new", "changed", "held")]


class Remembered:
    """The states of a few places in a memory of their own. The codec has to be set up: ``patch()`` does it."""

    def __init__(self, most_bytes: int = 64 << 20) -> None:
        self.memory = StateMemory(most_bytes)
        self.memory.open()
        assert self.memory.native is not None, self.memory.off
        self.serde = JsonPlusSerializer()
        self._before = self.memory.numbers()

    def dumps(self, value: Any, place: tuple[int, str, str] = PLACE) -> Outcome:
        """Encodes on both sides, which has to give the same, and remembers it."""
        stock = observe(lambda: stock_dumps_typed(self.serde, value))
        ours = observe(lambda: self.put(value, place))
        assert_same(stock, ours, "dumps")
        return ours

    def put(self, value: Any, place: tuple[int, str, str] = PLACE) -> Any:
        """Encodes by ours alone."""
        blob = _native.dumps_blob(value, self.memory.native, place)
        return self.serde.dumps_typed(value) if blob is None else ("msgpack", bytes(blob))

    def loads(self, data: bytes, place: tuple[int, str, str] = PLACE) -> Outcome:
        """Decodes on both sides, which has to give the same, and remembers it."""
        stock = observe(lambda: stock_loads_typed(self.serde, ("msgpack", data)))
        ours = observe(lambda: self.get(data, place))
        assert_same(stock, ours, "loads")
        return ours

    def get(self, data: bytes, place: tuple[int, str, str] = PLACE) -> Any:
        """Decodes by ours alone, so that nobody else has what comes of it."""
        value = _native.loads_typed(self.serde, ("msgpack", data), self.memory.native, place)
        return self.serde.loads_typed(("msgpack", data)) if value is NotImplemented else value

    def counted(self) -> dict[str, int]:
        """How many elements were taken as they were or not since this was called last."""
        numbers = self.memory.numbers()
        before, self._before = self._before, numbers
        return {name: numbers[name] - before[name] for name in COUNTS}
