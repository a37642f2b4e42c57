"""A connection to PostgreSQL, and whether the tables there are PostgresSaver's. Passwords stay out of all messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fast_langgraph._move.refusals import MoveRefusedError

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")

#: the columns of PostgresSaver's tables that a move reads and writes, of every release
TABLES = {
    "checkpoints": {
        "thread_id": "text",
        "checkpoint_ns": "text",
        "checkpoint_id": "text",
        "parent_checkpoint_id": "text",
        "checkpoint": "jsonb",
        "metadata": "jsonb",
    },
    "checkpoint_blobs": {
        "thread_id": "text",
        "checkpoint_ns": "text",
        "channel": "text",
        "version": "text",
        "type": "text",
        "blob": "bytea",
    },
    "checkpoint_writes": {
        "thread_id": "text",
        "checkpoint_ns": "text",
        "checkpoint_id": "text",
        "task_id": "text",
        "idx": "integer",
        "channel": "text",
        "type": "text",
        "blob": "bytea",
    },
}

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), c.relkind::text
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""

EXTRA = (
    "PostgreSQL is read and written with the extra [postgres]: pip install 'fast-langgraph-sqlite[postgres]' ({reason})"
)


def is_address(text: str) -> bool:
    return text.startswith(SCHEMES)


class Server:
    """A connection that commits each statement, unless a transaction is begun."""

    def __init__(self, address: str) -> None:
        try:
            import psycopg
            from langgraph.checkpoint.postgres import PostgresSaver
        except ImportError as missing:
            reason = str(missing).splitlines()[0]
            raise MoveRefusedError([EXTRA.format(reason=reason)]) from None
        from psycopg.conninfo import conninfo_to_dict

        self._address = address
        try:
            given = conninfo_to_dict(address)
        except psycopg.Error:
            # The text of the error repeats what could not be read, which may be a password.
            raise MoveRefusedError(["the address of the PostgreSQL database can't be read"]) from None
        self._secrets = [str(given[name]) for name in ("password", "sslpassword") if given.get(name)]
        user = f"{given['user']}@" if given.get("user") else ""
        port = f":{given['port']}" if given.get("port") else ""
        self.described = f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"
        self._saver = PostgresSaver
        self._conn: psycopg.Connection[Any] | None = None
        self.columns: dict[str, dict[str, str]] = {}

    def open(self) -> None:
        import psycopg

        try:
            # Without prepared statements, which a pooler in front of the server may not keep.
            self._conn = psycopg.connect(self._address, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise MoveRefusedError(
                [f"{self.described}: {self.without_secrets(' '.join(str(error).split()))}"]
            ) from None
        encoding = self.conn.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise MoveRefusedError(
                [f"{self.described} has the encoding {encoding}, which can't hold every text: UTF8 can"]
            )
        self.look()

    @property
    def conn(self) -> psycopg.Connection[Any]:
        assert self._conn is not None
        return self._conn

    @property
    def identity(self) -> str:
        [row] = self.all(
            "SELECT current_database(), current_schema(), "
            "(SELECT oid FROM pg_database WHERE datname = current_database()), pg_postmaster_start_time()::text"
        )
        return f"postgresql:{row}"

    def without_secrets(self, text: str) -> str:
        from urllib.parse import quote

        for secret in self._secrets:
            for form in (secret, quote(secret), quote(secret, safe="")):
                text = text.replace(form, "***")
        return text

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()

    def all(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with self.conn.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters or None).fetchall()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Statements in it see the database at one moment."""
        with self.conn.transaction():
            self.conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    def look(self) -> None:
        """Refuses tables of PostgresSaver's names that are not PostgresSaver's."""
        for table, wanted in TABLES.items():
            found = self.all(_COLUMNS, (table,))
            self.columns[table] = there = {name: kind for name, kind, _ in found}
            if not there:
                continue
            if table == "checkpoints" and "checkpoint_id" not in there and "checkpoint" in there:
                raise MoveRefusedError(
                    [f"{self.described} has the tables of ShallowPostgresSaver, which keeps no history of a thread"]
                )
            wrong = [name for name, kind in wanted.items() if there.get(name) != kind]
            if wrong or found[0][2] not in ("r", "p"):
                what = f"its columns {', '.join(wrong)} are others" if wrong else "it is no table"
                raise MoveRefusedError([f"{self.described}: {table} is not PostgresSaver's: {what}"])
        self._check_version()

    def _check_version(self) -> None:
        if not self.all(_COLUMNS, ("checkpoint_migrations",)):
            return
        [(version,)] = self.all("SELECT max(v) FROM checkpoint_migrations")
        known = len(self._saver.MIGRATIONS) - 1
        if version is not None and version > known:
            raise MoveRefusedError(
                [
                    f"{self.described} was set up by a newer release of langgraph-checkpoint-postgres "
                    f"(its migration {version}, the installed one knows {known}): install that release"
                ]
            )

    @property
    def is_set_up(self) -> bool:
        return all(self.columns.values())

    def setup(self) -> None:
        """Makes the tables, or brings them up to date, by PostgresSaver's own method."""
        from psycopg.rows import dict_row

        conn = self.conn
        before = conn.row_factory
        conn.row_factory = dict_row
        try:
            self._saver(conn).setup()
        finally:
            conn.row_factory = before
        self.look()
