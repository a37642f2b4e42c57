"""PostgresSaver and AsyncPostgresSaver under ``patch()``: the rows of a real server are stock's, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver, ShallowPostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

import fast_langgraph
from beside_stock.graph_runs import Runs, question
from beside_stock.other_savers import DECODING, ENCODING, Rows, aboth, both
from beside_stock.sites import runs_native
from postgres_server import PostgresServer, running
from samples import graphs
from samples.checkpoints import METADATA, checkpoint, config
from samples.graphs import CONFIG
from samples.messages import all_messages
from samples.values import all_samples


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running() as found:
        yield found


def rows(address: str) -> Rows:
    """As text: what JSONB and BYTEA hold, to the last digit."""
    with psycopg.connect(address) as conn:
        tables = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
        return {table: conn.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in tables}


@pytest.fixture
def tee(pair):
    return lambda: both(PostgresSaver.from_conn_string, rows, pair)


@pytest.fixture
def atee(pair):
    return lambda: aboth(AsyncPostgresSaver.from_conn_string, rows, pair)


class TestPostgresSaver(Runs):
    """Beside the same patched."""


def with_a_pipeline(address: str) -> Any:
    return PostgresSaver.from_conn_string(address, pipeline=True)


@contextmanager
def with_a_pool(address: str) -> Iterator[PostgresSaver]:
    with ConnectionPool(address, kwargs={"autocommit": True, "row_factory": dict_row}, max_size=4) as pool:
        yield PostgresSaver(pool)


@pytest.mark.filterwarnings("ignore:ShallowPostgresSaver is deprecated")
@pytest.mark.parametrize("opened", [with_a_pipeline, with_a_pool, ShallowPostgresSaver.from_conn_string])
def test_a_saver_of_another_kind_leaves_the_rows_of_stock(pair, opened):
    for address in pair if opened is with_a_pipeline else ():  # the tables can't be made in one
        with PostgresSaver.from_conn_string(address) as saver:
            saver.setup()
    with both(opened, rows, pair) as saver:
        app = graphs.agent().compile(checkpointer=saver)
        for n in range(3):
            app.invoke(question(n), CONFIG)
        assert app.get_state(CONFIG).values["messages"]


@pytest.mark.filterwarnings("ignore")
def test_pending_writes_of_every_kind_are_encoded_and_decoded_as_by_stock(pair):
    """Or refused as by stock, with the same rows left behind."""
    refused = 0
    with both(PostgresSaver.from_conn_string, rows, pair, may_fall_back=True) as saver:
        saved = saver.put(config(), checkpoint(), METADATA, {})
        for number, make in enumerate({**all_messages(), **all_samples()}.values()):
            try:
                saver.put_writes(saved, [("channel", make()), ("other", 1)], f"task {number}")
            except Exception:
                refused += 1
        assert len(saver.get_tuple(saved).pending_writes) > 400
    assert refused


def test_what_stock_s_serializer_saved_is_read_and_continued(pair):
    """In one database: turns on stock and patched, in turns."""
    for n in range(4):
        with PostgresSaver.from_conn_string(pair[0]) as saver:
            saver.setup()
            app = graphs.agent().compile(checkpointer=saver)
            with runs_native(ENCODING, DECODING) if n % 2 else fast_langgraph.disabled():
                app.invoke(question(n), CONFIG)
            said = [message.id for message in app.get_state(CONFIG).values["messages"] if message.type == "human"]
    assert said == ["q0", "q1", "q2", "q3"]
