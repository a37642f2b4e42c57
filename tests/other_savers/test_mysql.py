"""PyMySQLSaver and AIOMySQLSaver under ``patch()``: the rows of a real MariaDB are stock's, byte for byte.

Of the savers that people use with JsonPlusSerializer, Redis' and MongoDB's need servers that Debian has no package of
(Redis with RediSearch and RedisJSON); MariaDB is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest
from langgraph.checkpoint.mysql.aio import AIOMySQLSaver
from langgraph.checkpoint.mysql.pymysql import PyMySQLSaver

from beside_stock.graph_runs import Runs
from beside_stock.other_savers import Rows, aboth, both
from mariadb_server import MariaDBServer, running


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDBServer]:
    with running() as found:
        yield found


def rows(address: str) -> Rows:
    with pymysql.connect(**PyMySQLSaver.parse_conn_string(address)) as conn, conn.cursor() as cursor:
        tables = {}
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            cursor.execute(f"SELECT * FROM {table}")
            tables[table] = sorted(map(repr, cursor.fetchall()))
        return tables


@pytest.fixture
def tee(pair):
    return lambda: both(PyMySQLSaver.from_conn_string, rows, pair)


@pytest.fixture
def atee(pair):
    return lambda: aboth(AIOMySQLSaver.from_conn_string, rows, pair)


class TestMySQLSaver(Runs):
    """Beside the same patched."""
