"""``RustSQLiteCheckpointer``: a checkpointer on SQLite, sync and async in one."""

from __future__ import annotations

import atexit
import logging
import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)

from fast_langgraph import _native
from fast_langgraph._checkpointer import delta_channels, event_loops, pruning, requests
from fast_langgraph._checkpointer.delta_channels import Steps
from fast_langgraph._checkpointer.opening import LAYOUTS, MEMORY, check_options, codec, connection_type, located
from fast_langgraph._checkpointer.stats import Stats
from fast_langgraph._shared.rows import checkpoint_tuple, encode_checkpoint, write_order, write_rows

T = TypeVar("T")
Config = Any

logger = logging.getLogger("fast_langgraph")


class RustSQLiteCheckpointer(BaseCheckpointSaver[str]):
    """Saves a graph's state in a SQLite database, from threads and from event loops, in Rust.

    The database is SqliteSaver's: what either has written the other continues. What ``put`` has returned
    from, and ``aput`` has been awaited for, is on disk. One object serves any number of threads and loops.

    Args:
        path: The file, which is made if need be, or ``":memory:"``. Not a URI, not a connection.
        serde: The serializer; ``JsonPlusSerializer()`` by default, which Rust stands in for.
        synchronous: ``"full"`` has every commit wait for the disk. With ``"normal"`` a loss of power, and
            with ``"off"`` also a crash of the system, may take the latest commits away.
        busy_timeout: How long to wait for a lock that another connection holds, in seconds.
        max_wal_bytes: The size that the write-ahead log is kept near, as long as nobody holds a snapshot.
        readers: How many connections may read at a time.
        read_only: Nothing is written, and no table or column is made.
        created_at: Adds a column ``created_at`` to ``checkpoints``, if it isn't there: the time in the id, UTC,
            ``YYYY-MM-DD HH:MM:SS``. It takes no room, and is for clean-up scripts of your own.
        layout: Of a new file: ``"standard"``, which is SqliteSaver's, or ``"compact"``, where what checkpoints of a
            thread have in common is stored once. A file that exists keeps the one that it has; ``convert()``
            changes it.

    Raises:
        sqlite3.Error: As SqliteSaver does; ``sqlite3.ProgrammingError`` once it is closed.
        RuntimeError: At construction, where Rust can't reach the SQLite that Python uses, as on Windows and macOS.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        serde: Any = None,
        synchronous: str = "full",
        busy_timeout: float = 5.0,
        max_wal_bytes: int = 32 << 20,
        readers: int = 4,
        read_only: bool = False,
        created_at: bool = True,
        layout: str | None = None,
    ) -> None:
        super().__init__(serde=serde)
        check_options(synchronous, busy_timeout, max_wal_bytes, readers, layout)
        self.path = located(path, read_only)
        self._synchronous = synchronous
        self._codec = codec()
        connections = connection_type()
        #: shared by all copies of this object, such as ``with_allowlist`` makes
        self._engine = _native.Engine(
            connections,
            None if self.path == MEMORY else self.path,
            synchronous=synchronous,
            busy_timeout=float(busy_timeout),
            max_wal_bytes=max_wal_bytes,
            readers=readers,
            read_only=bool(read_only),
            created_at=bool(created_at),
            layout=layout or LAYOUTS[0],
        )
        if layout is not None and (found := self.stats(0).layout) != layout:
            logger.warning("%s keeps its %s layout; convert(%r) would change it", self.path, found, layout)

    @classmethod
    def from_conn_string(cls, conn_string: str, **options: Any) -> RustSQLiteCheckpointer:
        """For ``with`` and ``async with``, in place of SqliteSaver's and AsyncSqliteSaver's."""
        return cls(conn_string, **options)

    def __repr__(self) -> str:
        closed = ", closed" if self._engine.is_closed else ""
        return f"<{type(self).__name__} {self.path!r}, synchronous={self._synchronous}{closed}>"

    def __enter__(self) -> RustSQLiteCheckpointer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> RustSQLiteCheckpointer:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def setup(self) -> Done:
        """Opens the database and makes its tables. It is done when needed anyway; may be awaited."""
        self._engine.run(_native.Request.setup())
        return Done()

    def close(self) -> None:
        """Closes the database once what was begun is done; copies of this object are closed with it."""
        self._closed(self._engine.close())

    async def aclose(self) -> None:
        """``close()``, without keeping the loop."""
        self._closed(await event_loops.bridge().close(self._engine))

    # Reading

    def get_tuple(self, config: Config) -> CheckpointTuple | None:
        return self._checkpoint_found(config, self._engine.run(requests.checkpoint(config)))

    async def aget_tuple(self, config: Config) -> CheckpointTuple | None:
        return self._checkpoint_found(config, await self._ask(requests.checkpoint(config)))

    def list(
        self,
        config: Config | None,
        *,
        filter: dict[str, Any] | None = None,
        before: Config | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """What there was when the listing began, newest first, less what was deleted since.

        Between two checkpoints no lock and no snapshot is held. ``filter`` compares metadata by value: any
        key, nested values, True apart from 1; None also stands for a key that is not there. Where there is no
        key ``"a.b"``, it stands for what is at ``b`` within ``a``, as in SqliteSaver.
        """
        listing = self._engine.run(requests.keys(config, filter, before, limit))
        start = 0
        while start < len(listing):
            rows, start = self._engine.run(_native.Request.batch(listing, start))
            for row, writes in rows:
                yield self._listed(row, writes)

    async def alist(
        self,
        config: Config | None,
        *,
        filter: dict[str, Any] | None = None,
        before: Config | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """``list()``, without keeping the loop."""
        listing = await self._ask(requests.keys(config, filter, before, limit))
        start = 0
        while start < len(listing):
            rows, start = await self._ask(_native.Request.batch(listing, start))
            for row, writes in rows:
                yield self._listed(row, writes)

    def get_delta_channel_history(self, *, config: Config, channels: Sequence[str]) -> Mapping[str, Any]:
        """By channel: the writes of the ancestors since the nearest that holds a value, and that as its seed."""
        return self._do(self._history(config, channels))

    async def aget_delta_channel_history(self, *, config: Config, channels: Sequence[str]) -> Mapping[str, Any]:
        return await self._ado(self._history(config, channels))

    # Writing

    def put(
        self, config: Config, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> Config:
        """On disk when it returns."""
        request, saved = self._put(config, checkpoint, metadata)
        self._engine.run(request)
        return saved

    async def aput(
        self, config: Config, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> Config:
        """On disk when it is done. One that is cancelled is written as a whole or not at all."""
        if self._engine.is_crowded:
            await event_loops.bridge().room(self._engine)
        request, saved = self._put(config, checkpoint, metadata)
        await self._ask(request)
        return saved

    def put_writes(self, config: Config, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:
        self._engine.run(self._put_writes(config, writes, task_id, task_path))

    async def aput_writes(
        self, config: Config, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        if self._engine.is_crowded:
            await event_loops.bridge().room(self._engine)
        await self._ask(self._put_writes(config, writes, task_id, task_path))

    # Removing and copying

    def delete_thread(self, thread_id: str) -> None:
        self._engine.run(_native.Request.delete_thread(str(thread_id)))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._ask(_native.Request.delete_thread(str(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Removes the checkpoints of these runs, by ``run_id`` in their metadata, with their pending writes.

        Those that a delta channel of a later run is rebuilt from stay.
        """
        self._do(pruning.delete_for_runs(self._load, run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self._ado(pruning.delete_for_runs(self._load, run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies all of a thread, pending writes included. ``sqlite3.IntegrityError`` where the target exists."""
        self._engine.run(_native.Request.copy_thread(str(source_thread_id), str(target_thread_id)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self._ask(_native.Request.copy_thread(str(source_thread_id), str(target_thread_id)))

    def prune(
        self,
        thread_ids: Sequence[str] | None = None,
        *,
        strategy: str = pruning.KEEP_LATEST,
        keep_last: int | None = None,
        older_than: Any = None,
    ) -> None:
        """Removes checkpoints that are not needed any more, with their pending writes.

        ``"keep_latest"`` keeps the latest of each namespace, or the ``keep_last`` latest, and what their delta
        channels are rebuilt from. ``"delete"`` removes whole threads. With ``older_than`` (a timedelta, seconds,
        or a datetime) only what is older goes: checkpoints, or threads whose latest is. Without ``thread_ids``
        all threads are pruned, if ``keep_last`` or ``older_than`` says how far; else ValueError is raised.

        Pending writes of no checkpoint go too, an hour after they were written, and never those that are newer
        than their namespace's latest checkpoint. May be called while graphs run.
        """
        self._do(pruning.prune(self._load, thread_ids, strategy, keep_last, older_than))

    async def aprune(
        self,
        thread_ids: Sequence[str] | None = None,
        *,
        strategy: str = pruning.KEEP_LATEST,
        keep_last: int | None = None,
        older_than: Any = None,
    ) -> None:
        await self._ado(pruning.prune(self._load, thread_ids, strategy, keep_last, older_than))

    # The database as a whole

    def stats(self, largest: int = 5) -> Stats:
        """What the database holds and what was done with it; ``largest`` threads by name."""
        return Stats.of(self._engine.run(_native.Request.stats(largest)))

    async def astats(self, largest: int = 5) -> Stats:
        return Stats.of(await self._ask(_native.Request.stats(largest)))

    def vacuum(self) -> None:
        """Gives the room of what was deleted back to the file system. Whoever writes waits meanwhile."""
        self._engine.run(_native.Request.vacuum())

    async def avacuum(self) -> None:
        await self._ask(_native.Request.vacuum())

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copies the database as of this moment to a new file, while graphs run."""
        self._engine.run(_native.Request.backup(os.path.abspath(path)))

    async def abackup(self, path: str | os.PathLike[str]) -> None:
        await self._ask(_native.Request.backup(os.path.abspath(path)))

    def convert(self, layout: str) -> None:
        """Takes the database to another layout, some rows at a time; others read and write in between.

        May be ended at any moment and called again. ``vacuum()`` gives the room back to the file system.
        """
        self._do(requests.conversion(layout))

    async def aconvert(self, layout: str) -> None:
        await self._ado(requests.conversion(layout))

    def get_next_version(self, current: str | int | None, channel: None) -> str:
        """As SqliteSaver's: counted up, with a random part behind the dot."""
        if current is None:
            version = 0
        elif isinstance(current, int):
            version = current
        else:
            version = int(current.split(".")[0])
        return f"{version + 1:032}.{random.random():016}"

    # What the two of each pair share

    def _closed(self, closed: bool) -> None:
        if not closed:
            logger.warning("%s is still in use: it is closed once what is going on has ended", self.path)

    async def _ask(self, request: _native.Request) -> Any:
        return await event_loops.bridge().ask(self._engine, request)

    def _do(self, steps: Steps[T]) -> T:
        try:
            request = next(steps)
            while True:
                request = steps.send(self._engine.run(request))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def _ado(self, steps: Steps[T]) -> T:
        try:
            request = next(steps)
            while True:
                request = steps.send(await self._ask(request))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def _load(self, kind: Any, data: Any) -> Any:
        return self._codec.loads(self.serde, kind, data)

    def _put(
        self, config: Config, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> tuple[_native.Request, Config]:
        encoded = encode_checkpoint(self._codec, self.serde, config, checkpoint, metadata)
        return requests.put(encoded.row(config, checkpoint)), encoded.config(checkpoint)

    def _put_writes(
        self, config: Config, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> _native.Request:
        replace = all(write[0] in WRITES_IDX_MAP for write in writes)
        rows = write_rows(self._codec, self.serde, config, writes, task_id, task_path)
        return requests.put_writes(rows, replace)

    def _checkpoint_found(self, config: Config, found: Any) -> CheckpointTuple | None:
        if found is None:
            return None
        row, writes = found
        # As stock: who names a checkpoint gets the config back that it was named with.
        own = config if get_checkpoint_id(config) else None
        return self._tuple(own, config["configurable"].get("checkpoint_ns", ""), row, writes)

    def _listed(self, row: tuple[Any, ...], writes: Any) -> CheckpointTuple:
        return self._tuple(None, row[1], row, writes)

    def _tuple(self, own: Any, checkpoint_ns: Any, row: tuple[Any, ...], writes: Any) -> CheckpointTuple:
        writes.sort(key=write_order)
        without_ns = (row[0], *row[2:])
        return checkpoint_tuple(self._codec, self.serde, own, checkpoint_ns, without_ns, writes)

    def _history(self, config: Config, channels: Sequence[str]) -> Steps[Mapping[str, Any]]:
        if not channels:
            return {}
        configurable = config["configurable"]
        checkpoint_id = get_checkpoint_id(config)
        return (
            yield from delta_channels.history(
                self._load,
                str(configurable["thread_id"]),
                str(configurable.get("checkpoint_ns", "")),
                str(checkpoint_id) if checkpoint_id else None,
                list(channels),
            )
        )


class Done:
    """What is done already, and may be awaited all the same."""

    def __await__(self) -> Iterator[None]:
        return iter(())


if hasattr(os, "register_at_fork"):  # not on Windows, where there is no engine either
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork_in_parent,
        after_in_child=_native.after_fork_in_child,
    )
    os.register_at_fork(after_in_child=event_loops.forget)
    atexit.register(_native.close_all)
