"""The native half: the codec, and storage on the host's own SQLite."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

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

def configure(jsonplus: ModuleType, describe: Callable[[type], Any], base_model: type | None) -> None:
    """Name the stock module that the codec stands in for."""

def dumps_typed(value: object) -> Any:
    """``JsonPlusSerializer.dumps_typed``, or NotImplemented where stock has to do it."""

def dumps_blob(value: object) -> Blob | None:
    """The bytes of ``value`` as msgpack, left in Rust; None where stock has to do it."""

def loads_typed(serializer: object, data: object) -> Any:
    """``JsonPlusSerializer.loads_typed``, or NotImplemented where stock has to do it."""

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

    def __new__(cls, statements: list[tuple[str, list[tuple[Any, ...]]]]) -> Operation: ...

def execute(conn: object, operations: list[Operation], commit_failed: bool = True) -> list[BaseException | None]:
    """Carry out the operations in one transaction; for each the exception that stock would raise.

    With ``commit_failed`` unset an operation that fails is not committed as far as it came.
    """

def fetch_checkpoint(
    conn: object, query: str, parameters: tuple[Any, ...], writes: str
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]] | None:
    """A checkpoint's row and the rows of its writes, or None where there is no such checkpoint."""
