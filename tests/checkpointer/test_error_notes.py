"""An error while encoding says where the value lies: channel and path. Without the note it is stock's error."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver

from apps.entry_points import ENTRIES, call
from fast_langgraph import RustSQLiteCheckpointer
from samples.checkpoints import METADATA, checkpoint, config

has_notes = hasattr(BaseException, "add_note")


class Thing:
    """Nothing that stock can encode."""

    __slots__ = ()


@dataclass
class Order:
    items: list


NAME = f"{Thing.__module__}.Thing"
STATES: dict[str, tuple[dict[str, Any], str]] = {
    "a channel": ({"good": 1, "bad": Thing()}, f"in channel 'bad': a value of class {NAME}"),
    "in a dict": ({"docs": {"a": 1, "b": {"c": Thing()}}}, f"in channel 'docs' at ['b']['c']: a value of class {NAME}"),
    "in a list": ({"docs": [1, [2, (3, Thing())]]}, f"in channel 'docs' at [1][1][1]: a value of class {NAME}"),
    "in a dataclass": ({"o": [Order([5, Thing()])]}, f"in channel 'o' at [0].items[1]: a value of class {NAME}"),
    "in a message": (
        {"messages": [HumanMessage("a"), HumanMessage("b", additional_kwargs={"x": Thing()})]},
        f"in channel 'messages' at [1].additional_kwargs['x']: a value of class {NAME}",
    ),
    "too deep": (
        {"n": [[[[[[[[[[[[[[[[[[[[[[Thing()]]]]]]]]]]]]]]]]]]]]]]},
        f"in channel 'n' at {'[0]' * 20}: a value of class builtins.list",
    ),
}


def raised(put) -> BaseException:
    with pytest.raises(Exception) as found:
        put()
    return found.value


def stock_s(put) -> BaseException:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as conn:
        return raised(lambda: put(SqliteSaver(conn)))


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("name", STATES)
def test_the_note_names_channel_and_path_and_the_error_is_stock_s(name, entry, checkpointer):
    values, expected = STATES[name]
    state = {**checkpoint(1), "channel_values": values}
    error = raised(lambda: call(entry, checkpointer, "put", config(), state, METADATA, {}))
    stock = stock_s(lambda saver: saver.put(config(), state, METADATA, {}))
    assert (type(error), str(error)) == (type(stock), str(stock))
    assert getattr(error, "__notes__", []) == ([expected] if has_notes else [])
    assert list(checkpointer.list(None)) == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_of_pending_writes_too(entry, checkpointer):
    saved = checkpointer.put(config(), checkpoint(1), METADATA, {})
    writes = [("good", 1), ("bad", {"x": [Thing()]})]
    error = raised(lambda: call(entry, checkpointer, "put_writes", saved, writes, "task"))
    assert getattr(error, "__notes__", []) == (
        [f"in channel 'bad' at ['x'][0]: a value of class {NAME}"] if has_notes else []
    )
    assert checkpointer.get_tuple(saved).pending_writes == []


def test_what_is_wrong_elsewhere_has_no_note(checkpointer):
    error = raised(lambda: checkpointer.put(config(), checkpoint(1), {"bad": Thing()}, {}))
    assert getattr(error, "__notes__", []) == []
    error = raised(lambda: checkpointer.put({"configurable": {}}, checkpoint(1), METADATA, {}))
    assert type(error) is KeyError
    assert getattr(error, "__notes__", []) == []


def test_what_a_hook_raises_in_the_search_is_not_seen(path):
    class Moody:
        """Fails only the first time."""

        calls = 0

        def dumps_typed(self, value):
            Moody.calls += 1
            if Moody.calls == 1:
                raise OSError("for now")
            return "msgpack", b"\xc0"

        def loads_typed(self, data):
            return None

    with RustSQLiteCheckpointer(path, serde=Moody()) as saver:
        error = raised(lambda: asyncio.run(saver.aput(config(), checkpoint(1), METADATA, {})))
    assert (type(error), str(error)) == (OSError, "for now")
    assert getattr(error, "__notes__", []) == []
