"""``get_delta_channel_history`` of both savers: stock's two statements, and one decode for all values of a channel.

Everything is read before anything is decoded, so stock's code can still take over when a row is unusual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import chain
from typing import Any, NamedTuple

from langgraph.checkpoint.base import get_checkpoint_id

from fast_langgraph import _native
from fast_langgraph._native import Unsupported
from fast_langgraph._replacements.guards import Guard
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared.codec import Codec
from fast_langgraph._shared.delta_histories import Kept, Writes, are_usual, histories
from fast_langgraph._shared.memory import PATCHED, place

#: how stock finds ancestors; a release that finds them in another way is left alone
ANCESTORS = (
    "WITH RECURSIVE ancestors(checkpoint_id, parent_checkpoint_id, type, checkpoint) AS ("
    "SELECT checkpoint_id, parent_checkpoint_id, type, checkpoint FROM checkpoints "
    "WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? "
    "UNION ALL "
    "SELECT c.checkpoint_id, c.parent_checkpoint_id, c.type, c.checkpoint FROM ancestors a CROSS JOIN checkpoints c "
    "ON c.checkpoint_id = a.parent_checkpoint_id WHERE c.thread_id = ? AND c.checkpoint_ns = ?"
    ") SELECT checkpoint_id, type, checkpoint FROM ancestors"
)


#: a thread and a namespace
Key = tuple[Any, Any]


class Found(NamedTuple):
    """What was read; the channels are those that have ancestors."""

    kept: Kept
    channels: list[str]
    writes: Writes


class DeltaHistory:
    """``get_delta_channel_history``: its statements, and what the rows that they find mean."""

    def __init__(self, stock: Any, codec: Codec) -> None:
        used = stock.__globals__
        if used.get("DELTA_STAGE1_SQL") != ANCESTORS:
            raise LookupError("this release finds ancestors in another way")
        self._writes_statement: Callable[..., str] = used["build_delta_stage2_sql"]
        self._codec = codec

    def unusual(self, saver: Any, channels: Any) -> str:
        """Why stock's code has to do it; empty if ours can."""
        if not are_usual(channels):
            return "channels that are not a list of different texts"
        return "" if self._codec.may_load(saver.serde) else "a serializer that Rust does not stand in for"

    def read(self, conn: Any, key: Key, checkpoint_id: Any, channels: Sequence[str], has_task_path: bool) -> Found:
        """Reads all that is needed, on any thread. Raises Unsupported if stock's code has to do it."""
        kept, chains = _native.fetch_delta_ancestors(conn, ANCESTORS, (*key, checkpoint_id, *key), list(channels))
        if not chains:
            return Found(kept, [], [])
        statement = self._writes_statement(has_task_path=has_task_path, chain_lens=[len(ids) for _, ids in chains])
        parameters = tuple(chain.from_iterable((*key, channel, *ids) for channel, ids in chains))
        writes = _native.fetch_delta_writes(conn, statement, parameters, chains)
        return Found(kept, [channel for channel, _ in chains], writes)

    def result(self, saver: Any, key: Key, channels: Sequence[str], found: Found) -> dict[str, dict[str, Any]]:
        remembered = place(PATCHED.owner(saver), *key)
        return histories(self._codec, saver.serde, channels, found.kept, found.channels, found.writes, remembered)


def get_delta_channel_history(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    operation = DeltaHistory(stock, codec)
    may_run = guard.may_run(site)

    @wraps(stock)
    def get_delta_channel_history(self: Any, *, config: Any, channels: Sequence[str]) -> Any:
        if not may_run(self):
            return stock(self, config=config, channels=channels)
        reason = operation.unusual(self, channels)
        if not reason and channels:
            key, checkpoint_id = _key(config), get_checkpoint_id(config)
            if not checkpoint_id:
                target = self.get_tuple(config)
                if target is None:
                    return {channel: {"writes": []} for channel in channels}
                config, checkpoint_id = _at(config, target)
            try:
                with self.lock:
                    self.setup()
                    found = operation.read(self.conn, key, checkpoint_id, channels, self._has_task_path)
            except Unsupported as error:
                reason = str(error)
            else:
                return operation.result(self, key, channels, found)
        if reason:
            site.counts.gave_up(reason)
        return stock(self, config=config, channels=channels)

    return get_delta_channel_history


def aget_delta_channel_history(site: PatchSite, guard: Guard, codec: Codec) -> Callable[..., Any]:
    stock = site.stock
    operation = DeltaHistory(stock, codec)
    may_run = guard.may_run(site)

    @wraps(stock)
    async def aget_delta_channel_history(self: Any, *, config: Any, channels: Sequence[str]) -> Any:
        if not may_run(self):
            return await stock(self, config=config, channels=channels)
        reason = operation.unusual(self, channels)
        if not reason and channels:
            await self.setup()
            key, checkpoint_id = _key(config), get_checkpoint_id(config)
            if not checkpoint_id:
                target = await self.aget_tuple(config)
                if target is None:
                    return {channel: {"writes": []} for channel in channels}
                config, checkpoint_id = _at(config, target)
            try:
                async with self.lock:
                    conn = self.conn
                    found = await conn._execute(
                        operation.read, conn._conn, key, checkpoint_id, channels, self._has_task_path
                    )
            except Unsupported as error:
                reason = str(error)
            else:
                return operation.result(self, key, channels, found)
        if reason:
            site.counts.gave_up(reason)
        return await stock(self, config=config, channels=channels)

    return aget_delta_channel_history


def _key(config: Any) -> Key:
    """The thread and the namespace, as stock binds them."""
    configurable = config["configurable"]
    return str(configurable["thread_id"]), configurable.get("checkpoint_ns", "")


def _at(config: Any, target: Any) -> tuple[Any, Any]:
    """The config with the id of the checkpoint that it means, and that id: stock's code would not look it up again."""
    checkpoint_id = target.config["configurable"]["checkpoint_id"]
    return {**config, "configurable": {**config["configurable"], "checkpoint_id": checkpoint_id}}, checkpoint_id
