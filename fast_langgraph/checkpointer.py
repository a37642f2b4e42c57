"""``RustSQLiteCheckpointer``: a checkpointer on SQLite, sync and async in one."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn, TypeVar

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from typing_extensions import Self, Unpack  # langchain-core needs it, too

from fast_langgraph import _native
from fast_langgraph._checkpointer import delta_channels, error_notes, event_loops, pruning, requests
from fast_langgraph._checkpointer import retention as retention_module
from fast_langgraph._checkpointer.delta_channels import Steps
from fast_langgraph._checkpointer.maintenance import MaintenanceResult, Progress, Told
from fast_langgraph._checkpointer.opening import (
    MEMORY,
    codec,
    connection_type,
    layout_of_new_files,
    located,
)
from fast_langgraph._checkpointer.options import Layout, Options, Synchronous, check_options, check_serde
from fast_langgraph._checkpointer.parameters import as_parameter
from fast_langgraph._checkpointer.retention import Keeper, Retention, check_retention
from fast_langgraph._checkpointer.stats import Stats
from fast_langgraph._checkpointer.threads import Listing, Order, ThreadSummary
from fast_langgraph._shared import memory, settings
from fast_langgraph._shared.memory import StateMemory
from fast_langgraph._shared.rows import checkpoint_tuple, encode_checkpoint, write_order, write_rows
from fast_langgraph._shared.settings import REMEMBERED
from fast_langgraph._stock_code import message_classes

T = TypeVar("T")
Config = Any

logger = logging.getLogger("fast_langgraph")


class RustSQLiteCheckpointer(BaseCheckpointSaver[str]):
    """Saves a graph's state in a SQLite database, from threads and from event loops, in Rust.

    The database is SqliteSaver's: each can continue what the other has written. Once ``put()`` returns, the
    checkpoint is on disk, and so it is once ``aput()`` has been awaited. One object serves any number of threads
    and event loops.

    Args:
        path: The file, or ``":memory:"``. Not a URI, not a connection. ``~`` is your home. A missing file is made at
            construction, empty.
        serde: The serializer. The default is ``JsonPlusSerializer()``, whose work Rust does.
        synchronous: With ``"full"`` every commit waits for the disk. With ``"normal"`` a power failure may lose
            the latest commits; with ``"off"`` a crash of the system may, too.
        busy_timeout: Seconds to wait for a lock that another connection holds.
        max_wal_bytes: The size in bytes that the write-ahead log is kept near, unless a reader holds a snapshot.
        readers: How many connections may read at the same time.
        read_only: Writes nothing, and creates no file, no table and no column.
        created_at: Adds a column ``created_at`` to ``checkpoints`` if it is missing: the time in the id, UTC,
            ``YYYY-MM-DD HH:MM:SS``. It takes no space, and is meant for your own clean-up scripts.
        layout: The layout of a new file: ``"standard"`` is SqliteSaver's. ``"compact"`` stores once what the
            checkpoints of a thread have in common. Unless given, it is that of ``patch(layout=)`` or
            FAST_LANGGRAPH_LAYOUT. An existing file keeps its layout; ``convert()`` changes it.
        remember: How many bytes of the latest states are remembered, with their objects: what has not changed in
            them is neither encoded nor decoded again. 0 remembers nothing.
        retention: What is kept; the rest is removed behind the puts, in this process and while it puts.

    Raises:
        sqlite3.Error: As SqliteSaver; ``sqlite3.ProgrammingError`` once it is closed. At construction, if the file
            can't be made or opened, is no database, or has tables of these names that are something else's. What
            can't be seen without waiting is left to the first use.
        TypeError, ValueError: At construction, for an argument that can't be used.
        RuntimeError: At construction, if Rust can't reach the SQLite that Python uses, as on Windows and macOS.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        synchronous: Synchronous = "full",
        busy_timeout: float = 5.0,
        max_wal_bytes: int = 32 << 20,
        readers: int = 4,
        read_only: bool = False,
        created_at: bool = True,
        layout: Layout | None = None,
        remember: int = REMEMBERED,
        retention: Retention | None = None,
    ) -> None:
        check_serde(serde)
        super().__init__(serde=serde)
        check_options(synchronous, busy_timeout, max_wal_bytes, readers, layout, remember)
        check_retention(retention, read_only)
        self.path = located(path, read_only)
        self._synchronous = synchronous
        self._memory = StateMemory(remember)
        self._codec = codec(self._memory)
        self._encodings = _native.Encodings()
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
            layout=layout or layout_of_new_files(),
        )
        self._keeper = (
            None if retention is None else Keeper(retention, self._engine, partial(self._codec.loads, self.serde))
        )
        if layout is not None and (found := self.stats(0).layout) != layout:
            logger.warning("%s keeps its %s layout; call convert(%r) to change it", self.path, found, layout)

    @classmethod
    def from_conn_string(cls, conn_string: str, **options: Unpack[Options]) -> Self:
        """For ``with`` and ``async with``, like SqliteSaver's and AsyncSqliteSaver's.

        The options are those of the constructor, which gets what is given here and no more: a subclass may set others.
        """
        return cls(conn_string, **options)

    def __repr__(self) -> str:
        closed = ", closed" if self._engine.is_closed else ""
        return f"<{type(self).__name__} {self.path!r}, synchronous={self._synchronous}{closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    @property
    def conn(self) -> NoReturn:
        """There is none to be had: the app opens one of its own."""
        raise AttributeError(
            f"{type(self).__name__} has no conn: its connections are its own. Open one of yours on the same file, with "
            "sqlite3.connect(checkpointer.path)"
        )

    def setup(self) -> Done:
        """Opens the database and creates its tables. Optional: the first use does it. May be awaited."""
        self._engine.run(_native.Request.setup())
        return Done()

    def close(self) -> None:
        """Closes the database once running operations have ended. Closes copies of this object as well."""
        if self._keeper is not None:
            self._keeper.close()
        self._closed(self._engine.close())

    async def aclose(self) -> None:
        """``close()`` without blocking the event loop."""
        if self._keeper is not None:
            await asyncio.to_thread(self._keeper.close)
        self._closed(await event_loops.bridge().close(self._engine))

    # Reading

    def get_tuple(self, config: Config) -> CheckpointTuple | None:
        """The checkpoint that ``config`` names, or else the latest of its thread and namespace; None if there is none.

        With its pending writes, as SqliteSaver.
        """
        return self._checkpoint_found(config, self._engine.run(requests.checkpoint(config)))

    async def aget_tuple(self, config: Config) -> CheckpointTuple | None:
        """``get_tuple()`` without blocking the event loop."""
        return self._checkpoint_found(config, await self._ask(requests.checkpoint(config)))

    def list(
        self,
        config: Config | None,
        *,
        filter: dict[str, Any] | None = None,
        before: Config | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Lists the checkpoints that existed when it began, newest first, without those deleted since.

        It holds no lock and no snapshot between two checkpoints. Filters match keys literally and compare by
        value: any key, nested values, and True is not 1. None also matches a missing key. If the metadata has no
        key ``"a.b"``, it means the key ``b`` within ``a``, as in SqliteSaver.
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
        """``list()`` without blocking the event loop."""
        listing = await self._ask(requests.keys(config, filter, before, limit))
        start = 0
        while start < len(listing):
            rows, start = await self._ask(_native.Request.batch(listing, start))
            for row, writes in rows:
                yield self._listed(row, writes)

    def get_delta_channel_history(self, *, config: Config, channels: Sequence[str]) -> Mapping[str, Any]:
        """By channel, the writes since the nearest ancestor that holds its value, and that value as the seed."""
        return self._do(self._history(config, channels))

    async def aget_delta_channel_history(self, *, config: Config, channels: Sequence[str]) -> Mapping[str, Any]:
        """``get_delta_channel_history()`` without blocking the event loop."""
        return await self._ado(self._history(config, channels))

    # Writing

    def put(
        self, config: Config, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> Config:
        """Once it returns, the checkpoint is on disk."""
        request, saved = self._put(config, checkpoint, metadata)
        self._encodings.wait()
        self._engine.run(request)
        if self._keeper is not None:
            self._keeper.touched(str(config["configurable"]["thread_id"]))
        return saved

    async def aput(
        self, config: Config, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> Config:
        """Once it is awaited, the checkpoint is on disk. A cancelled call is written as a whole or not at all."""
        if self._engine.is_crowded:
            await event_loops.bridge().room(self._engine)
        request, saved = self._put(config, checkpoint, metadata)
        await self._ask(request)
        if self._keeper is not None:
            self._keeper.touched(str(config["configurable"]["thread_id"]))
        return saved

    def put_writes(self, config: Config, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:
        """Once it returns, the pending writes of a task, pairs of a channel and a value, are on disk.

        If one of them can't be stored, none is, and it raises.
        """
        with self._encodings.begin() as encoding:
            self._engine.run(self._put_writes(config, writes, task_id, task_path), encoding)

    async def aput_writes(
        self, config: Config, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Once it is awaited, they are on disk. A cancelled call is written as a whole or not at all."""
        if self._engine.is_crowded:
            await event_loops.bridge().room(self._engine)
        await self._ask(self._put_writes(config, writes, task_id, task_path))

    # Removing and copying

    def delete_thread(self, thread_id: str, *, dry_run: bool = False) -> MaintenanceResult:  # type: ignore[override]
        """Removes a thread, in all namespaces, with its pending writes; says what that was.

        With ``dry_run`` nothing is removed. A thread that isn't there is no error.
        """
        request = _native.Request.delete_thread(as_parameter(str(thread_id)), dry_run=dry_run)
        self._encodings.wait()
        return self._thread_deleted(thread_id, self._engine.run(request), dry_run)

    async def adelete_thread(  # type: ignore[override]
        self, thread_id: str, *, dry_run: bool = False
    ) -> MaintenanceResult:
        """``delete_thread()`` without blocking the event loop."""
        request = _native.Request.delete_thread(as_parameter(str(thread_id)), dry_run=dry_run)
        return self._thread_deleted(thread_id, await self._ask(request), dry_run)

    def delete_for_runs(  # type: ignore[override]
        self, run_ids: Sequence[str], *, dry_run: bool = False, progress: Told | None = None
    ) -> MaintenanceResult:
        """Removes the checkpoints with these ``run_id`` in their metadata, and their pending writes; says how many.

        Checkpoints from which a delta channel of a later run is rebuilt stay. ``dry_run`` and ``progress`` are as in
        ``prune()``. A run that isn't there is no error.
        """
        return self._pruned(dry_run, self._do(pruning.delete_for_runs(self._way(dry_run, progress), run_ids)))

    async def adelete_for_runs(  # type: ignore[override]
        self, run_ids: Sequence[str], *, dry_run: bool = False, progress: Told | None = None
    ) -> MaintenanceResult:
        """``delete_for_runs()`` without blocking the event loop."""
        return self._pruned(dry_run, await self._ado(pruning.delete_for_runs(self._way(dry_run, progress), run_ids)))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies a thread with its pending writes. Raises ``sqlite3.IntegrityError`` if the target exists."""
        self._engine.run(_native.Request.copy_thread(str(source_thread_id), str(target_thread_id)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """``copy_thread()`` without blocking the event loop."""
        await self._ask(_native.Request.copy_thread(str(source_thread_id), str(target_thread_id)))

    def prune(  # type: ignore[override]  # LangGraph takes any str, has three, and returns nothing
        self,
        thread_ids: Sequence[str] | None = None,
        *,
        strategy: pruning.Strategy = pruning.KEEP_LATEST,
        keep_last: int | None = None,
        older_than: datetime | timedelta | float | None = None,
        dry_run: bool = False,
        progress: Told | None = None,
    ) -> MaintenanceResult:
        """Removes old checkpoints with their pending writes; says what those were.

        ``"keep_latest"`` keeps the latest checkpoint of each namespace, or the ``keep_last`` latest, and those from
        which their delta channels are rebuilt. ``"delete"`` removes whole threads. With ``older_than`` (a
        timedelta, seconds or a datetime) only older checkpoints are removed, or with ``"delete"`` only threads
        whose latest checkpoint is older. Without ``thread_ids`` it prunes all threads, and needs ``keep_last`` or
        ``older_than``; else it raises ValueError.

        Pending writes without a checkpoint are removed one hour after they were written, but never those that are
        newer than the latest checkpoint of their namespace. It may be called while graphs run.

        With ``dry_run`` nothing is removed. ``progress`` is called at most ten times a second, and at the end, with
        how many checkpoints were looked at and how many there are. What it raises ends the work, between two
        transactions.
        """
        steps = pruning.prune(self._way(dry_run, progress), thread_ids, strategy, keep_last, older_than)
        return self._pruned(dry_run, self._do(steps))

    async def aprune(  # type: ignore[override]
        self,
        thread_ids: Sequence[str] | None = None,
        *,
        strategy: pruning.Strategy = pruning.KEEP_LATEST,
        keep_last: int | None = None,
        older_than: datetime | timedelta | float | None = None,
        dry_run: bool = False,
        progress: Told | None = None,
    ) -> MaintenanceResult:
        """``prune()`` without blocking the event loop."""
        steps = pruning.prune(self._way(dry_run, progress), thread_ids, strategy, keep_last, older_than)
        return self._pruned(dry_run, await self._ado(steps))

    # The database as a whole

    def threads(
        self,
        *,
        limit: int | None = None,
        before: datetime | timedelta | float | None = None,
        order: Order = "last",
        filter: dict[str, Any] | None = None,
    ) -> Iterator[ThreadSummary]:
        """Lists the threads that had checkpoints when it began, without those deleted since. No state is decoded.

        ``order`` is ``"last"`` (the thread of the latest checkpoint first), ``"size"`` (the largest first) or
        ``"thread_id"``. With ``before`` (a datetime, or how long ago: a timedelta or seconds) only threads whose latest
        checkpoint is older are listed, with ``filter`` only those whose latest metadata matches, as in ``list()``.
        Raises ValueError or TypeError for any other argument.
        """
        listing = Listing(limit, before, order, filter)
        for request in listing.batches(self._engine.run(listing.ids)):
            yield from listing.taken(self._engine.run(request))

    async def athreads(
        self,
        *,
        limit: int | None = None,
        before: datetime | timedelta | float | None = None,
        order: Order = "last",
        filter: dict[str, Any] | None = None,
    ) -> AsyncIterator[ThreadSummary]:
        """``threads()`` without blocking the event loop."""
        listing = Listing(limit, before, order, filter)
        for request in listing.batches(await self._ask(listing.ids)):
            for thread in listing.taken(await self._ask(request)):
                yield thread

    def stats(self, largest: int = 5) -> Stats:
        """What the database holds, what this process has done with it, and its ``largest`` threads."""
        return self._stats(self._engine.run(_native.Request.stats(largest)))

    async def astats(self, largest: int = 5) -> Stats:
        """``stats()`` without blocking the event loop."""
        return self._stats(await self._ask(_native.Request.stats(largest)))

    def vacuum(self, *, dry_run: bool = False, progress: Told | None = None) -> MaintenanceResult:
        """Returns the space of deleted rows to the file system; says how many bytes. Writers wait meanwhile.

        Pending writes without a checkpoint are removed first, one hour after they were written. With ``dry_run``
        nothing happens, and the bytes are those of free pages: it may give back more. ``progress`` is called as by
        ``prune()``, with steps; the last is the longest.
        """
        return self._do(pruning.vacuum(Progress(progress), dry_run))

    async def avacuum(self, *, dry_run: bool = False, progress: Told | None = None) -> MaintenanceResult:
        """``vacuum()`` without blocking the event loop."""
        return await self._ado(pruning.vacuum(Progress(progress), dry_run))

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copies the database as it is at this moment to a new file. Graphs may run meanwhile."""
        self._engine.run(_native.Request.backup(os.path.abspath(path)))

    async def abackup(self, path: str | os.PathLike[str]) -> None:
        """``backup()`` without blocking the event loop."""
        await self._ask(_native.Request.backup(os.path.abspath(path)))

    def convert(self, layout: Layout, *, dry_run: bool = False, progress: Told | None = None) -> MaintenanceResult:
        """Converts the database to another layout, a few rows at a time; others read and write in between.

        It may be stopped at any moment and called again. ``vacuum()`` returns the space to the file system. In the
        compact layout ``checkpoints`` is a view: docs/checkpointer.md says what a view can't hide from other programs.
        Says how many checkpoints that were. ``dry_run`` and ``progress`` are as in ``prune()``.
        """
        converted = self._do(requests.conversion(layout, Progress(progress), dry_run))
        self._tell_of_the_view(layout, dry_run)
        return converted

    async def aconvert(
        self, layout: Layout, *, dry_run: bool = False, progress: Told | None = None
    ) -> MaintenanceResult:
        """``convert()`` without blocking the event loop."""
        converted = await self._ado(requests.conversion(layout, Progress(progress), dry_run))
        self._tell_of_the_view(layout, dry_run)
        return converted

    def _tell_of_the_view(self, layout: str, dry_run: bool) -> None:
        if layout != settings.LAYOUTS[0] and not dry_run:
            logger.info(
                "%s is compact now, and checkpoints a view: sqlite_master does not list it among the tables, it takes "
                "no index and no UPSERT, and rowcount is 0 for it",
                self.path,
            )

    def get_next_version(self, current: str | int | None, channel: None) -> str:
        """As SqliteSaver's: a number that counts up, and a random part after the dot."""
        if current is None:
            version = 0
        elif isinstance(current, int):
            version = current
        else:
            version = int(current.split(".")[0])
        return f"{version + 1:032}.{random.random():016}"

    # Shared by each method and its async twin

    def _stats(self, found: Any) -> Stats:
        removed = None if self._keeper is None else self._keeper.removed
        return Stats.of(found, self._memory.numbers(), removed)

    def _thread_deleted(self, thread_id: str, tally: Any, dry_run: bool) -> MaintenanceResult:
        if not dry_run:
            self._memory.forget_thread(memory.CHECKPOINTER, str(thread_id))
        return MaintenanceResult.of(tally)

    def _way(self, dry_run: bool, progress: Told | None) -> pruning.Way:
        return pruning.Way(self._load, Progress(progress), dry_run, pruning.CHUNK, pruning.PATIENCE)

    def _pruned(self, dry_run: bool, removed: MaintenanceResult) -> MaintenanceResult:
        if not dry_run:
            self._memory.clear()
        return removed

    def _closed(self, closed: bool) -> None:
        self._memory.clear()
        if not closed:
            logger.warning("%s is still in use: it will be closed when the running operations have ended", self.path)

    async def _ask(self, request: _native.Request) -> Any:
        return await event_loops.bridge().ask(self._engine, request)

    def _do(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                if isinstance(step, float):
                    time.sleep(step)
                    step = next(steps)
                else:
                    step = steps.send(self._engine.run(step))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def _ado(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    step = next(steps)
                else:
                    step = steps.send(await self._ask(step))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def _load(self, kind: Any, data: Any) -> Any:
        return self._codec.loads(self.serde, kind, data)

    def _dump(self, value: Any) -> Any:
        return self._codec.dumps(self.serde, value)

    def _put(
        self, config: Config, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> tuple[_native.Request, Config]:
        try:
            encoded = encode_checkpoint(self._codec, self.serde, config, checkpoint, metadata, memory.CHECKPOINTER)
        except Exception as error:
            values = checkpoint.get("channel_values") if isinstance(checkpoint, dict) else None
            error_notes.add_place(error, self._dump, values.items() if isinstance(values, dict) else ())
            raise
        return requests.put(encoded.row(config, checkpoint)), encoded.config(checkpoint)

    def _put_writes(
        self, config: Config, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> _native.Request:
        replace = all(write[0] in WRITES_IDX_MAP for write in writes)
        try:
            rows = write_rows(self._codec, self.serde, config, writes, task_id, task_path)
        except Exception as error:
            error_notes.add_place(error, self._dump, [write for write in writes if len(write) == 2])
            raise
        return requests.put_writes(rows, replace)

    def _checkpoint_found(self, config: Config, found: Any) -> CheckpointTuple | None:
        message_classes.read_ahead()
        if found is None:
            return None
        row, writes = found
        # As stock: if the config names a checkpoint, that config is returned.
        own = config if get_checkpoint_id(config) else None
        checkpoint_ns = config["configurable"].get("checkpoint_ns", "")
        return self._tuple(own, checkpoint_ns, row, writes, memory.place(memory.CHECKPOINTER, row[0], checkpoint_ns))

    def _listed(self, row: tuple[Any, ...], writes: Any) -> CheckpointTuple:
        return self._tuple(None, row[1], row, writes)

    def _tuple(
        self, own: Any, checkpoint_ns: Any, row: tuple[Any, ...], writes: Any, place: memory.Place | None = None
    ) -> CheckpointTuple:
        writes.sort(key=write_order)
        without_ns = (row[0], *row[2:])
        return checkpoint_tuple(self._codec, self.serde, own, checkpoint_ns, without_ns, writes, place)

    def _history(self, config: Config, channels: Sequence[str]) -> Steps[Mapping[str, Any]]:
        if not channels:
            return {}
        configurable = config["configurable"]
        checkpoint_id = get_checkpoint_id(config)
        return (
            yield from delta_channels.history(
                self._codec,
                self.serde,
                as_parameter(str(configurable["thread_id"])),
                as_parameter(configurable.get("checkpoint_ns", "")),
                as_parameter(checkpoint_id) if checkpoint_id else None,
                list(channels),
            )
        )


class Done:
    """The result of ``setup()``: done already, but may be awaited."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


if hasattr(os, "register_at_fork"):  # not on Windows, where there is no engine either
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork_in_parent,
        after_in_child=_native.after_fork_in_child,
    )
    os.register_at_fork(after_in_child=event_loops.forget)
    os.register_at_fork(after_in_child=retention_module.after_fork)
    atexit.register(_native.close_all)
    atexit.register(retention_module.end_all)  # which runs first
