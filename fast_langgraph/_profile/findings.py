"""The numbers of a profile."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from fast_langgraph._native import __version__

F = TypeVar("F", bound="Findings")


@dataclass(frozen=True)
class Operation:
    """All calls of one method of one kind of saver. What it calls itself is part of it, not counted again."""

    #: "SqliteSaver", "AsyncSqliteSaver" or "RustSQLiteCheckpointer"
    saver: str
    #: the method, such as "put"
    name: str
    count: int
    #: how many raised, by the class of the exception
    errors: dict[str, int]
    #: bytes that the serializer wrote or read; None if it did neither
    bytes: int | None
    #: of all calls together; calls in several threads or tasks overlap. Of ``list`` only the time inside it, not what
    #: the caller does between two checkpoints
    seconds: float
    #: seconds of a single call: half of them took at most p50, 95% at most p95. Within 1.6%; max is exact
    p50: float
    p95: float
    max: float
    #: seconds by part, of which the sum is ``seconds``; None for a part that the operation does not have, or that can't
    #: be told apart:
    #: encode, decode: the serializer, or the codec in its place;
    #: waiting: for the saver's lock. Async also for aiosqlite's thread, and for the event loop's turn. Under patch()
    #: also for another thread that commits this call's rows together with its own;
    #: sqlite: statements, without commits. On stock SqliteSaver with the little Python between them;
    #: commit: on stock;
    #: sqlite_and_commit: under patch(), where Rust executes and commits in one, also for others that wait;
    #: engine: of a RustSQLiteCheckpointer, all but encode and decode: its turn, SQLite and commit can't be told apart;
    #: rest: the saver's own Python, and what else is left
    parts: dict[str, float | None]


@dataclass(frozen=True)
class Channel:
    """What one channel of the state costs."""

    name: str
    #: bytes of its name and value in the checkpoints of the sample
    bytes: int
    #: of all bytes of these checkpoints; None without a sample
    share: float | None
    #: of the time to encode each channel of the sample by itself; None unless ``profile(encode_channels=True)``
    encode_share: float | None
    #: how many pending writes there were to it: all are counted. Their bytes, and the seconds to encode them
    writes: int
    write_bytes: int
    write_seconds: float


@dataclass(frozen=True)
class File:
    """A database: bytes of its file and of its write-ahead log, before the first call and at the end."""

    path: str
    database_before: int
    wal_before: int
    database_after: int
    wal_after: int

    @property
    def growth(self) -> int:
        """Of both together. SQLite moves the log into the database now and then, and keeps the log's file."""
        return self.database_after + self.wal_after - self.database_before - self.wal_before


@dataclass(frozen=True)
class Site:
    """What ``status()`` has counted of a method meanwhile, in the whole process: calls that came to our code."""

    name: str
    calls: int
    #: those that stock's code carried out after all, by reason
    fallbacks: dict[str, int]
    #: of the codec
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Findings:
    """What happened while a profile was on, in all threads and event loops of the process."""

    #: seconds of wall time
    elapsed: float
    #: of these, while at least one operation went on
    busy: float
    #: how many operations had not ended at the end; they are counted in ``busy`` alone
    running: int
    #: the one that took the longest first
    operations: tuple[Operation, ...]
    #: the one with the most bytes first
    channels: tuple[Channel, ...]
    #: how many checkpoints were looked into for ``channels``, and their bytes: as many as take 0.5% of the time
    sampled: int
    sampled_bytes: int
    #: of connections that Rust can ask for it; a database in memory has none
    files: tuple[File, ...]
    #: bytes of the checkpoints that were put, one after the other; each number is the mean of ``puts_each``
    put_bytes: tuple[float, ...]
    puts_each: int
    #: empty if nothing was patched and no RustSQLiteCheckpointer used
    sites: tuple[Site, ...]
    #: seconds that looking into checkpoints took. They are in ``elapsed`` and ``busy``, not in the operations
    measuring: float
    #: of this package
    version: str = __version__

    @property
    def outside(self) -> float:
        """Seconds in which no operation went on: LangGraph, your nodes and everything else.

        LangGraph puts checkpoints in other threads or tasks and goes on meanwhile, so this is the least that it took.
        """
        return self.elapsed - self.busy

    @property
    def parts(self) -> dict[str, float | None]:
        """The parts of all operations together."""
        found: dict[str, float | None] = {}
        for operation in self.operations:
            for name, part in operation.parts.items():
                known = found.setdefault(name, None)
                found[name] = known if part is None else part + (known or 0.0)
        return found

    @property
    def puts(self) -> int:
        """Checkpoints that were put, and did not fail."""
        return sum(op.count - sum(op.errors.values()) for op in self.operations if op.name in ("put", "aput"))

    @property
    def checkpoint_bytes(self) -> int:
        """As they were encoded, before a layout or SQLite saves any. Not the metadata."""
        return sum(operation.bytes or 0 for operation in self.operations if operation.name in ("put", "aput"))

    def to_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, str, numbers and None, for json.dumps."""
        sums = {
            "outside": self.outside,
            "parts": self.parts,
            "puts": self.puts,
            "checkpoint_bytes": self.checkpoint_bytes,
            "growth": sum(file.growth for file in self.files) if self.files else None,
        }
        return {**_plain(asdict(self)), **sums}

    @classmethod
    def from_dict(cls: type[F], found: dict[str, Any]) -> F:
        """The one that ``to_dict()`` was called of."""
        rows = {"operations": Operation, "channels": Channel, "files": File, "sites": Site}
        values = {field.name: found[field.name] for field in fields(cls)}
        for name, row in rows.items():
            values[name] = tuple(row(**one) for one in values[name])
        return cls(**{**values, "put_bytes": tuple(values["put_bytes"])})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
