"""What the savers of two databases return, side by side."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver

from beside_stock.equality import difference
from fast_langgraph import MoveRefusedError, move


@contextmanager
def saver_of(place: Any):
    """Stock's saver of a file or an address."""
    cls = PostgresSaver if str(place).startswith("postgres") else SqliteSaver
    with cls.from_conn_string(str(place)) as saver:
        yield saver


def _key(found: Any) -> tuple[str, str, str]:
    place = found.config["configurable"]
    return place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"]


def answers(saver: Any, every: int = 1) -> dict[Any, Any]:
    """By key of each checkpoint, what ``list`` returns of it; ``get_tuple`` is asked for one of ``every``."""
    listed = list(saver.list(None))  # stock holds its lock meanwhile
    for each in listed[::every]:
        got = saver.get_tuple(each.config)
        assert each == got or difference(each, got) is None
    return {_key(each): each for each in listed}


def async_answers(address: str, keys: Any = None) -> dict[Any, Any]:
    """The same of an AsyncPostgresSaver; with ``keys``, ``get_tuple`` of these alone."""

    async def ask() -> dict[Any, Any]:
        async with AsyncPostgresSaver.from_conn_string(address) as saver:
            listed = [each async for each in saver.alist(None)] if keys is None else []
            found = {_key(each): each for each in listed}
            for key in found if keys is None else keys:
                names = ("thread_id", "checkpoint_ns", "checkpoint_id")
                got = await saver.aget_tuple({"configurable": dict(zip(names, key, strict=True))})
                assert keys is not None or found[key] == got or difference(found[key], got) is None
                found[key] = got
            return found

    return asyncio.run(ask())


def differing(one: dict[Any, Any], other: dict[Any, Any]) -> list[str]:
    """The order of keys counts for nothing: PostgreSQL's JSON has its own. Marks at the end of versions don't, either."""
    assert one.keys() == other.keys()
    compared = ((key, difference(_sorted(one[key]), _sorted(other[key]))) for key in one)
    return [f"{key}: {what}" for key, what in compared if what]


def unequal(one: dict[Any, Any], other: dict[Any, Any]) -> list[Any]:
    """The keys of what differs, in many large checkpoints; a few are looked at more closely."""
    assert one.keys() == other.keys()
    few = sorted(one)[:: max(1, len(one) // 10)]
    closely = differing({key: one[key] for key in few}, {key: other[key] for key in few})
    return [*(key for key in one if _sorted(one[key]) != _sorted(other[key])), *closely]


MARK = re.compile(r"~[0-9a-f]{12}$")


def marks_in(found: dict[Any, Any]) -> list[tuple[Any, str]]:
    """Key and channel of each version that PostgreSQL alone has."""
    return [
        (key, channel)
        for key, got in sorted(found.items())
        for channel, version in got.checkpoint["channel_versions"].items()
        if isinstance(version, str) and MARK.search(version)
    ]


def _unmarked(versions: dict[str, Any]) -> dict[str, Any]:
    return {name: MARK.sub("", each) if isinstance(each, str) else each for name, each in sorted(versions.items())}


def _sorted(found: Any) -> Any:
    """A tuple of a saver's, with the keys of the maps that are not stored in their order put into one."""
    checkpoint = {
        name: dict(sorted(value.items())) if isinstance(value, dict) else value
        for name, value in sorted(found.checkpoint.items())
    }
    checkpoint["channel_versions"] = _unmarked(checkpoint["channel_versions"])
    seen = checkpoint.get("versions_seen")
    if seen:
        checkpoint["versions_seen"] = {node: _unmarked(each) for node, each in seen.items()}
    return found._replace(checkpoint=checkpoint, metadata=_in_order(found.metadata))


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(each) for key, each in sorted(value.items())}
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def rows_of(path: Any) -> dict[str, list[Any]]:
    """All rows of a file of SqliteSaver's, as bytes."""
    with closing(sqlite3.connect(path)) as conn:
        return {
            "checkpoints": conn.execute(
                "SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata, "
                "typeof(checkpoint), typeof(metadata) FROM checkpoints ORDER BY 1, 2, 3"
            ).fetchall(),
            "writes": conn.execute(
                "SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, type, value, "
                "typeof(value) FROM writes ORDER BY 1, 2, 3, 4, 5"
            ).fetchall(),
        }


def tables(postgres: str) -> list[str]:
    with psycopg.connect(postgres) as conn:
        return [name for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def refused(source: Any, target: Any, *said: str, **options: Any) -> list[str]:
    with pytest.raises(MoveRefusedError) as caught:
        move(source, target, **options)
    for each in said:
        assert each in str(caught.value)
    return caught.value.reasons
