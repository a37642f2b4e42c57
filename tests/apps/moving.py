"""A move that is going to be killed: it reports each batch that it has written."""

from __future__ import annotations

from multiprocessing.connection import Connection

from fast_langgraph._move import session
from fast_langgraph._move.postgres_database import PostgresDatabase
from fast_langgraph._move.sqlite import SqliteDatabase


def move_and_report(pipe: Connection, source: str, target: str) -> None:
    """In batches of few rows."""
    session.BATCH_ROWS = 3
    for database in (PostgresDatabase, SqliteDatabase):
        _reporting(database, pipe)
    pipe.send("begun")
    report = session.move(source, target)
    pipe.send("equal" if report.is_equal else "different")


def _reporting(database: type, pipe: Connection) -> None:
    write = database.write

    def written(self, thread, rows, replaced):
        write(self, thread, rows, replaced)
        pipe.send("batch")

    database.write = written
