"""The native half: the codec, and storage on the host's own SQLite."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

__version__: str

class BindError(RuntimeError):
    """SQLite can't be reached from Rust; says why."""

class FallbackError(RuntimeError):
    """Stock's code would have run, and fallbacks were asked to fail; says where and why."""

class Unsupported(TypeError):  # noqa: N818 - says what a value is, and is never a failure
    """A value that is not bound or read here as sqlite3 would; sqlite3 has to do it."""

class Blob:
    """Bytes owned by Rust, on their way between the codec and SQLite."""

    def __bytes__(self) -> bytes: ...
    def __len__(self) -> int: ...

class Counts:
    """Counts of one site; safe from any thread."""

    def __new__(cls, site: str) -> Counts: ...
    @property
    def calls(self) -> int:
        """Calls so far, those that fell back included."""

    @property
    def values(self) -> dict[str, int]:
        """Single values that stock's code encoded or decoded within a call, by class and reason."""
    @property
    def handed_over(self) -> int:
        """Single values within calls that stock's own code encoded or decoded."""

    @property
    def bytes(self) -> int:
        """Bytes that the codec wrote or read."""

    @property
    def seconds(self) -> float:
        """How long the codec took for them."""

    @property
    def fallbacks(self) -> dict[str, int]:
        """Calls that stock's code carried out, by reason."""

    def called(self) -> None: ...
    def fell_back(self, reason: str) -> None:
        """Count a call that stock's code carries out. Raises FallbackError where fallbacks are to fail."""

    def gave_up(self, reason: str) -> None:
        """As ``fell_back``, of a call that is counted already."""

def fail_on_fallback(fail: bool) -> None:
    """Whether fallbacks are to fail from now on, in the whole process."""

ENCODED: Counts
DECODED: Counts

def configure(
    jsonplus: ModuleType, describe: Callable[[type], Any], base_model: type | None, short_ways: bool = True
) -> None:
    """Name the stock module that the codec stands in for; ``short_ways=False`` is for tests."""

def short_ways_off() -> str | None:
    """Why messages and text go the long way in this process: the interpreter is not as those that are known."""

class Memory:
    """States that are remembered, within a bound; safe from any thread."""

    def __new__(cls, most_bytes: int) -> Memory: ...
    @property
    def most_bytes(self) -> int: ...
    def forget(self, owner: int, thread: str | None = None) -> None:
        """Forget the states of an owner, or of one of its threads."""

    def clear(self) -> None: ...
    def numbers(self) -> list[tuple[str, int]]:
        """How many states there are, their bytes, and how many elements were taken as they were and how many not."""

class Outlined:
    """An object as it was; for trying out whether the interpreter shows every change."""

    def __new__(cls, object: object) -> Outlined:
        """Raises TypeError for an object that is never remembered."""

    @property
    def object(self) -> Any: ...
    def is_unchanged(self) -> bool: ...
    def is_ours_alone(self) -> bool:
        """Whether nobody else has the object or what is in it, and nothing has changed."""

def dumps_typed(value: object, memory: Memory | None = None, owner: int = 0) -> Any:
    """``JsonPlusSerializer.dumps_typed``, or NotImplemented where stock has to do it.

    ``memory`` remembers the long list in it for ``owner``.
    """

def dumps_blob(value: object, memory: Memory | None = None, key: tuple[int, str, str] | None = None) -> Blob | None:
    """The bytes of ``value`` as msgpack, left in Rust; None where stock has to do it.

    ``memory`` remembers it under ``key``: an owner, a thread and a namespace.
    """

def loads_typed(
    serializer: object,
    data: object,
    memory: Memory | None = None,
    key: tuple[int, str, str] | None = None,
    each: bool = False,
) -> Any:
    """``JsonPlusSerializer.loads_typed``, or NotImplemented where stock has to do it.

    ``memory`` remembers the state under ``key``; without a key, a list whose bytes ``dumps_typed`` has made. With
    ``each`` it is a list whose values were encoded one by one, and what lies in these is remembered.
    """

def is_whole(data: bytes) -> bool:
    """Whether these bytes are one whole value of MessagePack. Its extensions are not looked into."""

def channel_sizes(data: object) -> list[tuple[str, int]] | None:
    """By channel the bytes of its name and value in an encoded checkpoint; None if these are not the bytes of one.

    Nothing is decoded, and no Python code runs.
    """

def checkpoint_cuts(data: bytes) -> tuple[list[tuple[str, str, int, int]], list[tuple[str, str, int, int]]] | None:
    """The fields of an encoded checkpoint and the values of its channels: name, kind, and where the value lies.

    The kind is "primitive" (None, bool, number, text), "plain" (lists and maps without extensions, of texts as keys),
    "snapshot" (of a delta channel) or "other". None if the bytes are not those of one checkpoint and no more.
    """

def verify_remembered(compare: Callable[[Any, Any], object] | None) -> None:
    """Call ``compare`` with the elements that were taken as they were, and with the same made anew.

    And then with the whole result, if no Python code has run for it. Of bytes that could not be made anew without
    Python code there is None.
    """

def key_cache_misses() -> int:
    """How many map keys were not found in the cache of str objects, so far."""

def metadata_json(config: object, metadata: object, excluded: set[str]) -> bytes | None:
    """The bytes of the metadata column; None where Python has to make them."""

def bind(module: ModuleType, native_file: str, routes: list[str] = ...) -> tuple[str, str]:
    """Find the SQLite library behind an extension module: the route, and the library's version."""

def eligible(conn: object) -> str | None:
    """Why only sqlite3 can serve ``conn`` as it is set up now; None where there is no such reason."""

class Operation:
    """What one call of a saver writes: statements and their rows, committed together."""

    def __new__(cls, statements: list[tuple[str, list[tuple[Any, ...]]]], change: str | None = None) -> Operation:
        """``change`` says what the first statement does, "put" or "delete_thread": in a file in the compact layout it
        is done in pieces.
        """

class FileStates:
    """What is in memory of a saver's file that is in the compact layout; savers of the same file share it."""

    def __new__(cls) -> FileStates: ...

def make_compact(conn: object) -> str | None:
    """Make the tables of the compact layout in a database that has no table of checkpoints yet.

    Returns why it is left to stock's code; None if it is compact now, or keeps the layout that it has.
    """

def file_name(conn: object) -> Path | None:
    """The file of a connection, empty for a database in memory; None if it was replaced since. No statement is run.

    Raises Unsupported for a connection that only sqlite3 can use, and what sqlite3 raises for one that is closed or
    another thread's.
    """

def compact_files() -> list[tuple[str, int, dict[str, int], int]]:
    """For each file in the compact layout that patched savers have used, the last one first: its name, the checkpoints
    put in pieces, those put whole by reason, and those read without the view.
    """

class Encodings:
    """The pending writes of a saver that are being encoded: what other threads put meanwhile is queued after them."""

    def __new__(cls) -> Encodings: ...
    def begin(self) -> Encoding:
        """To be called before pending writes are encoded."""
    def wait(self) -> bool:
        """Wait until those are over that other threads have begun; False if that takes more than five seconds."""

class Encoding:
    """The pending writes of one call, until they are queued: over at the end of a ``with``, or by ``end()`` before."""

    def end(self) -> None: ...
    def __enter__(self) -> Encoding: ...
    def __exit__(self, *exception: object) -> None: ...

def execute(
    conn: object, operations: list[Operation], commit_failed: bool = True, states: FileStates | None = None
) -> list[BaseException | None]:
    """Carry out the operations in one transaction; for each the exception that stock would raise.

    With ``commit_failed`` unset an operation that fails is not committed as far as it came.
    """

def fetch_checkpoint(
    conn: object, query: str, parameters: tuple[Any, ...], writes: str, states: FileStates | None = None
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]] | None:
    """A checkpoint's row and the rows of its writes, or None where there is no such checkpoint."""

def fetch_delta_ancestors(
    conn: object, query: str, parameters: tuple[Any, ...], channels: list[str]
) -> tuple[list[tuple[list[str], Blob]], list[tuple[str, list[str]]]]:
    """What is found on the way from a checkpoint to the ancestors that hold values of the channels.

    That is what has to be decoded, nearest first: pairs of the channels whose value is in it and a ``Blob``, of a
    checkpoint, or without channels of a list of some. And for each channel with ancestors the ids of these.
    """

def fetch_delta_writes(
    conn: object, query: str, parameters: tuple[Any, ...], chains: list[tuple[str, list[str]]]
) -> list[tuple[list[str], Any]]:
    """For each channel the tasks, and a ``Blob`` of the list of values, or pairs of kind and ``Blob``; oldest first."""

# What profile() does at each call.

class Sampler:
    """Which checkpoints that are put are looked into: the first, and those that keep it within a share of the time."""

    def __new__(cls, budget: float) -> Sampler: ...
    def encode_channels(self) -> None:
        """Have each channel encoded once more by itself."""

class Call:
    """A call of a saver's method while a profile is on, and the time of its parts. Times are in seconds."""

    @property
    def method(self) -> tuple[str, str]:
        """The saver's class and the method."""
    @property
    def told(self) -> tuple[Any, ...]:
        """Who is told of it: tallies, and what has a method ``ended``."""
    @property
    def is_over(self) -> bool: ...
    @property
    def began(self) -> float: ...
    @property
    def ended(self) -> float: ...
    @property
    def took(self) -> float:
        """Without what the caller did between two of what was listed, and without measuring."""
    @property
    def parts(self) -> list[float | None]:
        """Encoding, decoding, waiting, SQLite, commit, and the last two in one; None where nothing was measured."""
    @property
    def bytes(self) -> int | None:
        """What was encoded or decoded."""
    @property
    def error(self) -> str | None:
        """The name of the class of the exception that ended it."""
    def failed(self, name: str) -> None: ...
    def begin_work(self) -> float | None:
        """On the database, with the saver's lock held. None in a call that is over."""
    def begin_commit(self, waits: bool) -> float | None:
        """A group commit; ``waits`` says whether the call may have waited for the lock before. None in a call that is
        over.
        """
    def end_commit(self, began: float) -> None: ...
    def end_hop(self, part: int, began: float, worked: float) -> None:
        """To another thread, which has ``worked`` so long on the database."""

class Method:
    """A method of a saver's class that is profiled."""

    def __new__(
        cls,
        saver: str,
        name: str,
        current: ContextVar[Call | None],
        file: str | None,
        watch: Watch,
    ) -> Method:
        """``current`` has the call that goes on. ``file`` is the attribute of a saver that says which file it uses."""

    def begun(
        self, told: tuple[Any, ...], sampler: Sampler, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call | None:
        """A call with these arguments. None if nobody is told, and if it is part of another call."""
    def enter(self, call: Call) -> None:
        """What follows, up to ``pause`` or ``end``, is part of the call."""
    def pause(self, call: Call) -> None: ...
    def end(self, call: Call) -> None: ...
    def end_paused(self, call: Call) -> None:
        """It does not go on any more. May be called again."""
    def run(
        self,
        told: tuple[Any, ...],
        sampler: Sampler,
        inner: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call ``inner``, as a call that is told of."""

class Timers:
    """Call ``inner``, timed as a part of the call that goes on, if one does."""

    def __new__(
        cls,
        current: ContextVar[Call | None],
        encode_channels: Callable[[Callable[..., Any], tuple[Any, ...], Any], dict[str, float] | None],
    ) -> Timers: ...
    def encode(self, at: int, inner: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``at`` is the place of the value among the arguments."""
    def decode(self, at: int, inner: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``at`` is the place of what is decoded among the arguments."""
    def work(self, part: int, inner: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """On a borrowed connection, with the saver's lock held."""
    def commit(self, inner: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """A group commit."""

class TimedCursor:
    """What stock's ``SqliteSaver.cursor()`` returns, timed as a part of ``call``."""

    def __new__(cls, call: Call, made: Any, waits: bool, commits: bool) -> TimedCursor: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *exception: object) -> Any: ...

class MethodSums(TypedDict):
    method: tuple[str, str]
    seconds: list[float]
    parts: list[float | None]
    bytes: int | None
    errors: dict[str, int]

class ChannelSums(TypedDict):
    name: str
    bytes: int
    seconds: float | None
    writes: int
    write_bytes: int
    write_seconds: float

class Sums(TypedDict):
    methods: list[MethodSums]
    channels: list[ChannelSums]
    put_bytes: list[int]
    sampled: int
    sampled_bytes: int
    overhead: float

class Tally:
    """What a profile is told of calls: when any go on, and those that are over."""

    def __new__(cls, full: Callable[[], Callable[[], object] | None]) -> Tally:
        """``full`` is a weak reference to what is called when there is much to ``take``."""

    @property
    def running(self) -> int: ...
    def busy(self, now: float) -> float:
        """Seconds in which at least one call went on."""
    def take(self) -> Sums:
        """The sums of calls that have ended since the last time."""
    def close(self) -> None:
        """Count nothing from now on."""
    def forget_running(self) -> None: ...

class Watch:
    """Tells of the connection or the path that a saver uses, if it is not the last one."""

    def __new__(cls, tell: Callable[[Any], object]) -> Watch: ...
    def uses(self, told: tuple[Any, ...], holder: object, connection: object) -> None:
        """``told`` are those who are told of the call. ``connection`` is that of ``holder``, or its path."""

def clock() -> float:
    """Seconds, for the difference of two."""

# From here on: the engine of RustSQLiteCheckpointer, only there on Unix.

Row = tuple[Any, ...]
#: a thread, a namespace or an id: text nearly always, but SQLite takes anything
KeyPart = str | bytes | int | float | None
#: how many checkpoints a thread has, and the last by rowid and by id
Mark = tuple[int, int | None, KeyPart]

class Request:
    """Something to ask of an engine. What comes back is said of each.

    Rows of checkpoints are thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
    metadata; rows of writes are task_id, channel, type, value, task_path, idx. What the serializer made
    comes as ``Blob``. Values that are written are exactly None, int of 64 bits, float, str, bytes or Blob;
    others raise Unsupported.

    A tally is how many checkpoints and pending writes were removed or converted, their bytes as the standard layout
    stores them, and the rowid that a conversion goes on from, 0 for nowhere; None if all is 0. With ``dry_run`` nothing
    is removed, and it is what would be.
    """

    @staticmethod
    def put(values: Row) -> Request:
        """None."""

    @staticmethod
    def put_writes(rows: Sequence[Row], replace: bool) -> Request:
        """None. Of each row: the key (thread, namespace, id, task_id, task_path, idx), channel, type, value."""

    @staticmethod
    def delete_thread(thread: KeyPart, before: str | None = None, dry_run: bool = False) -> Request:
        """A tally. With ``before`` only where the latest has an id of UUIDv6 below."""

    @staticmethod
    def delete_checkpoints(
        thread: KeyPart, keys: Sequence[tuple[KeyPart, KeyPart]], mark: Mark, dry_run: bool = False
    ) -> Request:
        """A tally of namespaces and ids; nothing where the thread has another ``mark``."""

    @staticmethod
    def mark(thread: KeyPart) -> Request:
        """A Mark, which changes when a checkpoint of the thread is put or removed."""

    @staticmethod
    def delete_orphans(thread: KeyPart, before: str, dry_run: bool = False) -> Request:
        """A tally of pending writes without a checkpoint, of a thread or of all."""

    @staticmethod
    def sweep(thread: KeyPart) -> Request:
        """None. Removes pieces of a thread that no checkpoint needs."""

    @staticmethod
    def copy_thread(source: str, target: str) -> Request:
        """None."""

    @staticmethod
    def convert(layout: str, start: int) -> Request:
        """Takes rows after ``start`` to another layout. A tally."""

    @staticmethod
    def conversion(layout: str) -> Request:
        """Threads and checkpoints that there are to convert, and the bytes of these."""

    @staticmethod
    def checkpoint(thread: KeyPart, namespace: KeyPart, id: KeyPart) -> Request:
        """A row of checkpoints and its rows of writes, or None."""

    @staticmethod
    def keys(
        *,
        thread: KeyPart = None,
        namespace: KeyPart = None,
        id: KeyPart = None,
        before: KeyPart = None,
        limit: int | None = None,
        filter: str | None = None,
        run_ids: Sequence[str] | None = None,
    ) -> Request:
        """A Listing. ``filter`` is a JSON object."""

    @staticmethod
    def batch(listing: Listing, start: int) -> Request:
        """Pairs of a row of checkpoints and its rows of writes, and where the next batch starts."""

    @staticmethod
    def descriptions(thread: KeyPart, keys: Sequence[tuple[KeyPart, KeyPart]]) -> Request:
        """For each key the parent's id and the metadata, or None."""

    @staticmethod
    def ancestors(thread: KeyPart, namespace: KeyPart, id: KeyPart) -> Request:
        """Rows of the checkpoint and its ancestors, nearest first; of long chains the first few."""

    @staticmethod
    def channel_writes(thread: KeyPart, namespace: KeyPart, ids: Sequence[KeyPart], channels: Sequence[str]) -> Request:
        """For each id the rows of writes to these channels."""

    @staticmethod
    def delta_history(
        thread: KeyPart, namespace: KeyPart, id: KeyPart, channels: Sequence[str], by_path: bool
    ) -> Request:
        """What ``fetch_delta_ancestors`` finds, the channels with ancestors, and what ``fetch_delta_writes`` finds.

        None if it has to be found step by step, because of something unusual.
        """

    @staticmethod
    def setup() -> Request:
        """None."""

    @staticmethod
    def threads(order: str | None = None) -> Request:
        """The ids of all threads that have checkpoints, or pending writes or pieces that are left of some; in an order
        ("thread_id", "last" or "size") only of those with checkpoints.
        """

    @staticmethod
    def thread_summaries(threads: list[KeyPart], filter: str | None = None) -> Request:
        """For each: thread, namespaces, number of checkpoints, first and last id, metadata of the last, bytes. Without
        those that are gone, or whose metadata does not match.
        """

    @staticmethod
    def stats(largest: int) -> Request:
        """A dict, as ``fast_langgraph._checkpointer.stats`` takes it."""

    @property
    def writes(self) -> bool:
        """Whether it is a change, which takes a transaction of its own."""

    @property
    def marks(self) -> bool:
        """Whether it asks for the mark of a thread, which a change follows."""

    @staticmethod
    def space() -> Request:
        """The bytes of the database, and those of its free pages."""

    @staticmethod
    def threads_with_pieces() -> Request:
        """The ids of the threads that have pieces, of the compact layout."""

    @staticmethod
    def vacuum(dry_run: bool = False) -> Request:
        """The bytes that the file shrinks by; with ``dry_run`` those that it would, at least."""

    @staticmethod
    def backup(path: str | PathLike[str]) -> Request:
        """None."""

class Listing:
    """Keys of checkpoints (thread, namespace, id), newest first."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> tuple[KeyPart, KeyPart, KeyPart]: ...

class Completions:
    """What was done on other threads for one event loop."""

    def __new__(cls) -> Completions: ...
    def fileno(self) -> int:
        """Readable when there is something to collect."""

    def collect(self) -> list[tuple[int, Any, bool]]:
        """For each the number of the request, what came of it, and whether that is an exception."""

class Engine:
    """Connections to one database, opened when they are needed. Raises as sqlite3 does.

    Construction makes the file and checks it; nothing stays open.
    """

    def __new__(
        cls,
        connection_type: type,
        path: str | PathLike[str] | None,
        *,
        synchronous: str,
        busy_timeout: float,
        max_wal_bytes: int,
        readers: int,
        read_only: bool,
        created_at: bool,
        layout: str,
    ) -> Engine: ...
    @property
    def is_crowded(self) -> bool: ...
    @property
    def is_closed(self) -> bool: ...
    def run(self, request: Request, encoding: Encoding | None = None) -> Any:
        """Does what is asked, on this thread. ``encoding`` is that of the request's pending writes."""

    def start(self, request: Request, completions: Completions, number: int) -> None:
        """Has another thread do it."""

    def tell_of_room(self, completions: Completions, number: int) -> None: ...
    def close(self) -> bool:
        """Whether all is closed; else it will be when what is going on has ended."""

    def start_close(self, completions: Completions, number: int) -> None:
        """Completes with 1 or 0, as ``close()`` returns."""

def before_fork() -> None:
    """Closes all connections of ours and lets nobody in."""

def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...
def close_all() -> None: ...
