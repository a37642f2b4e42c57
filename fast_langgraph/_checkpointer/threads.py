"""What ``RustSQLiteCheckpointer.threads()`` lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from fast_langgraph import _native
from fast_langgraph._checkpointer.checkpoint_ids import id_at, is_before, time_of
from fast_langgraph._checkpointer.pruning import moment

Order = Literal["last", "size", "thread_id"]

#: so many threads are looked at in one snapshot
BATCH = 500


@dataclass(frozen=True)
class ThreadSummary:
    """One thread: what a database has of it."""

    thread_id: str
    #: that of the latest checkpoint first; "" is the graph itself, others are subgraphs
    namespaces: tuple[str, ...]
    checkpoints: int
    first_checkpoint_id: str
    last_checkpoint_id: str
    #: of the latest checkpoint, as it is stored: JSON
    stored_metadata: bytes | None = field(repr=False)
    #: checkpoints with their metadata, as the standard layout stores them
    bytes: int

    @property
    def first_checkpoint(self) -> datetime | None:
        """The time in the first checkpoint's id, UTC; None if LangGraph did not make the id."""
        return time_of(self.first_checkpoint_id)

    @property
    def last_checkpoint(self) -> datetime | None:
        """The time in the latest checkpoint's id, UTC; None if LangGraph did not make the id."""
        return time_of(self.last_checkpoint_id)

    @property
    def metadata(self) -> dict[str, Any]:
        """That of the latest checkpoint."""
        found: dict[str, Any] = json.loads(self.stored_metadata) if self.stored_metadata else {}
        return found

    def to_dict(self) -> dict[str, Any]:
        """For json.dumps; times are ISO 8601 str."""
        found = asdict(self) | {"namespaces": list(self.namespaces), "metadata": self.metadata}
        del found["stored_metadata"]
        for name, at in (("first_checkpoint", self.first_checkpoint), ("last_checkpoint", self.last_checkpoint)):
            found[name] = at and at.isoformat()
        return found


class Listing:
    """The threads that are asked for, batch by batch."""

    def __init__(self, limit: Any, before: Any, order: Any, filter: Any) -> None:
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
            raise ValueError(f"limit must be 0 or more, not {limit!r}")
        if order not in get_args(Order):
            raise ValueError(f"order must be one of {', '.join(map(repr, get_args(Order)))}, not {order!r}")
        self._left = limit
        self._bound = None if before is None else id_at(moment(before, "before"))
        self._filter = json.dumps(filter, default=str) if filter else None
        self.ids = _native.Request.threads(order)

    def batches(self, ids: list[Any]) -> Iterator[_native.Request]:
        """Requests whose answers ``taken`` takes, as long as it wants more."""
        start = 0
        while start < len(ids) and self._left != 0:
            end = start + min(BATCH, self._left or BATCH)
            yield _native.Request.thread_summaries(ids[start:end], self._filter)
            start = end

    def taken(self, rows: list[tuple[Any, ...]]) -> list[ThreadSummary]:
        found = [ThreadSummary(*row) for row in rows]
        if self._bound is not None:
            found = [one for one in found if is_before(one.last_checkpoint_id, self._bound)]
        if self._left is not None:
            found = found[: self._left]
            self._left -= len(found)
        return found
