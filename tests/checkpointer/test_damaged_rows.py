"""Rows as nobody wrote them: what is made of them is what stock makes, errors included."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.databases import connected, opened
from beside_stock.equality import difference
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import METADATA, WRITES, checkpoint, config

DAMAGES = {
    "metadata is null": "UPDATE checkpoints SET metadata = NULL",
    "metadata is text": """UPDATE checkpoints SET metadata = '{"source": "loop"}'""",
    "metadata is cut off": "UPDATE checkpoints SET metadata = x'7b'",
    "metadata is not UTF-8": "UPDATE checkpoints SET metadata = x'7b2261223a22ff227d'",
    "metadata is a list": "UPDATE checkpoints SET metadata = '[1]'",
    "metadata is empty": "UPDATE checkpoints SET metadata = x''",
    "type is null": "UPDATE checkpoints SET type = NULL",
    "type is unknown": "UPDATE checkpoints SET type = 'yaml'",
    "type is a number": "UPDATE checkpoints SET type = 5",
    "type is a blob": "UPDATE checkpoints SET type = x'05'",
    "nothing is stored": "UPDATE checkpoints SET type = 'null', checkpoint = NULL",
    "checkpoint is null": "UPDATE checkpoints SET checkpoint = NULL",
    "checkpoint is empty": "UPDATE checkpoints SET checkpoint = x''",
    "checkpoint is cut off": "UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 20)",
    "checkpoint is text": "UPDATE checkpoints SET checkpoint = 'abc'",
    "checkpoint is a number": "UPDATE checkpoints SET checkpoint = 5",
    "checkpoint is JSON": """UPDATE checkpoints SET type = 'json', checkpoint = '{"channel_values": {}, "id": "q"}'""",
    "parent is empty": "UPDATE checkpoints SET parent_checkpoint_id = ''",
    "parent is gone": "DELETE FROM checkpoints WHERE checkpoint_id LIKE '%1'",
    "parent is itself": "UPDATE checkpoints SET parent_checkpoint_id = checkpoint_id",
    "parent is not UTF-8": "UPDATE checkpoints SET parent_checkpoint_id = CAST(x'ff' AS TEXT)",
    "value is null": "UPDATE writes SET value = NULL",
    "value is text": "UPDATE writes SET value = 'x'",
    "value is cut off": "UPDATE writes SET value = substr(value, 1, 3)",
    "type of a write is null": "UPDATE writes SET type = NULL",
    "idx is text": "UPDATE writes SET idx = 'a' || idx",
    "idx is a float": "UPDATE writes SET idx = idx + 0.5",
    "idx is of two kinds": "UPDATE writes SET idx = 'a' WHERE idx = 0",
    "task is a blob": "UPDATE writes SET task_id = CAST(task_id AS BLOB)",
    "tasks are of two kinds": "UPDATE writes SET task_id = CAST(task_id AS BLOB) WHERE idx = 0",
    "channel is a blob": "UPDATE writes SET channel = x'ff'",
    "channel is not UTF-8": "UPDATE writes SET channel = CAST(x'ff' AS TEXT)",
    "paths are of two kinds": "UPDATE writes SET task_path = x'05' WHERE idx = 0",
}

READS = {
    "latest": lambda saver: saver.get_tuple(config()),
    "by id": lambda saver: saver.get_tuple(config(at=1)),
    "list": lambda saver: list(saver.list(None)),
    "list a thread": lambda saver: list(saver.list(config())),
}


def outcome(call):
    try:
        return call(), None
    except Exception as error:
        return None, (type(error), str(error))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_row_is_read_as_by_stock(damage, path):
    with opened("stock", path) as stock:
        for n in range(3):
            saved = stock.put(config(at=n - 1 if n else None), checkpoint(n), METADATA, {})
            stock.put_writes(saved, WRITES, "task", "~p")
    with connected(path) as conn:
        conn.execute(DAMAGES[damage])
    with opened("stock", path) as stock, opened("ours", path) as ours:
        expected = {name: outcome(lambda read=read: read(stock)) for name, read in READS.items()}
        for name, read in READS.items():
            found = outcome(lambda read=read: read(ours))
            assert found[1] == expected[name][1], name
            assert difference(expected[name][0], found[0]) is None, name
        awaited = outcome(lambda: asyncio.run(ours.aget_tuple(config(at=1))))
        assert awaited[1] == expected["by id"][1]
        assert difference(expected["by id"][0], awaited[0]) is None
        # Whatever is there, it goes on: what is put is found.
        new = ours.put(config("new"), checkpoint(9), METADATA, {})
        assert ours.get(new) == checkpoint(9)
        assert ours.stats().threads == 2
        ours.delete_thread("1")
        assert [found.config for found in ours.list(None)] == [new]


@pytest.mark.parametrize("column", ["thread_id", "checkpoint_ns", "checkpoint_id"])
@pytest.mark.parametrize("value", ["CAST(x'ff' AS TEXT)", "x'ff'"])
def test_a_key_that_is_no_utf8_is_an_error_of_sqlite3_and_one_that_is_a_blob_is_listed_as_stock_lists_it(
    column, value, path
):
    with RustSQLiteCheckpointer(path) as saver:
        for n in range(3):
            saver.put(config(), checkpoint(n), METADATA, {})
        with connected(path) as conn:
            conn.execute(f"UPDATE checkpoints SET {column} = {value} WHERE checkpoint_id LIKE '%2'")
        if value == "x'ff'":
            with connected(path) as conn:
                assert list(saver.list(None)) == list(SqliteSaver(conn).list(None))
        else:
            with pytest.raises(sqlite3.Error):
                list(saver.list(None))
        assert saver.get(config(at=1)) == checkpoint(1)
