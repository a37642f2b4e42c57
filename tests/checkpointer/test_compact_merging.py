"""Long lists in the compact layout: what a conversation stores, and what of it a read has to look for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

from fast_langgraph import RustSQLiteCheckpointer

#: pieces that the checkpoint put last names, and the records of its recipe
LATEST = """
    WITH RECURSIVE latest AS (SELECT ranges, base FROM fl_checkpoints ORDER BY checkpoint_id DESC LIMIT 1),
    part(place) AS (SELECT 1 UNION ALL SELECT place + 30 FROM part WHERE place + 30 < (SELECT length(ranges) FROM latest))
    SELECT (SELECT count(*) FROM part JOIN fl_pieces ON id BETWEEN base + CAST(substr(ranges, place + 10, 10) AS INTEGER)
        AND base + CAST(substr(ranges, place + 20, 10) AS INTEGER)), length(ranges) / 30 FROM latest
"""
ROWS = "SELECT checkpoint_id, checkpoint FROM checkpoints ORDER BY checkpoint_id"


def message(number: int, words: int = 40) -> HumanMessage:
    return HumanMessage(content=f"{number:05} " * words, id=str(number))


class Conversation:
    """The same checkpoints in both layouts."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / f"{layout}.db" for layout in ("standard", "compact")]
        self.savers = [RustSQLiteCheckpointer(path, layout=path.stem) for path in self.paths]
        self.count = 0
        self.parent: str | None = None

    def put(self, messages: list[Any]) -> None:
        self.count += 1
        checkpoint = {**empty_checkpoint(), "id": f"{self.count:08}", "channel_values": {"messages": list(messages)}}
        place = {"configurable": {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": self.parent}}
        for saver in self.savers:
            saver.put(place, checkpoint, {}, {})
        self.parent = checkpoint["id"]

    def ask(self, sql: str) -> Any:
        with closing(sqlite3.connect(self.paths[1])) as conn:
            return conn.execute(sql).fetchone()

    def stored(self) -> int:
        """Bytes of all pieces."""
        return int(self.ask("SELECT coalesce(sum(length(bytes)), 0) FROM fl_pieces")[0])

    def size(self) -> int:
        """Of the checkpoint put last, in bytes."""
        return int(self.ask("SELECT size FROM fl_checkpoints ORDER BY checkpoint_id DESC LIMIT 1")[0])

    def check(self) -> None:
        rows = []
        for path in self.paths:
            with closing(sqlite3.connect(path)) as conn:
                rows.append(conn.execute(ROWS).fetchall())
        assert rows[0] == rows[1]
        assert len(rows[0]) == self.count
        standard, compact = ([found.checkpoint for found in saver.list(None)] for saver in self.savers)
        assert standard == compact


@pytest.fixture
def conversation(tmp_path: Path) -> Iterator[Conversation]:
    made = Conversation(tmp_path)
    yield made
    for saver in made.savers:
        saver.close()


def test_a_long_conversation_is_not_a_row_a_message(conversation: Conversation) -> None:
    messages: list[Any] = []
    for number in range(0, 600, 2):
        messages += [message(number), message(number + 1)]
        conversation.put(messages)
    rows, records = conversation.ask(LATEST)
    # Merged ones of 16 KB, and what has not been merged yet.
    assert rows < conversation.size() / 12_000 + 50
    assert records <= 4
    assert conversation.stored() < 2.1 * conversation.size()
    conversation.check()


def test_many_that_come_at_once_are_stored_once(conversation: Conversation) -> None:
    conversation.put([message(number) for number in range(600)])
    rows, _ = conversation.ask(LATEST)
    assert rows < conversation.size() / 12_000 + 50
    assert conversation.stored() < conversation.size()
    conversation.check()


def test_messages_of_a_page_and_more_are_stored_once_each(conversation: Conversation) -> None:
    messages = []
    for number in range(40):
        messages.append(message(number, 800))
        conversation.put(messages)
    assert conversation.stored() < conversation.size()
    assert conversation.ask(LATEST)[1] <= 2
    conversation.check()


def test_what_was_merged_goes_with_the_checkpoints_that_need_it(conversation: Conversation) -> None:
    messages = []
    for number in range(300):
        messages.append(message(number))
        conversation.put(messages)
    conversation.check()
    conversation.savers[1].prune(["1"], keep_last=1)
    assert conversation.stored() < conversation.size()
    found = conversation.savers[1].get_tuple({"configurable": {"thread_id": "1"}})
    assert found is not None
    assert found.checkpoint["channel_values"]["messages"] == messages


EDITS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "nothing": lambda messages: messages,
    "one in the middle is another": lambda messages: [*messages[:150], message(9000), *messages[151:]],
    "one in the middle is longer": lambda messages: [*messages[:150], message(9000, 90), *messages[151:]],
    "the first goes": lambda messages: messages[1:],
    "the last goes": lambda messages: messages[:-1],
    "one in the middle goes": lambda messages: [*messages[:150], *messages[151:]],
    "one comes first": lambda messages: [message(9000), *messages],
    "one comes in the middle": lambda messages: [*messages[:150], message(9000), *messages[150:]],
    "all but the last are gone": lambda messages: messages[-20:],
    "the head is a summary": lambda messages: [message(9000), *messages[200:]],
    "the halves change places": lambda messages: [*messages[150:], *messages[:150]],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("reopened", [False, True], ids=["at hand", "read again"])
def test_an_edit_of_a_long_conversation_stores_little(
    edit: Callable[[list[Any]], list[Any]], reopened: bool, conversation: Conversation
) -> None:
    messages = [message(number) for number in range(300)]
    conversation.put(messages)
    before = conversation.stored()
    if reopened:
        for saver in conversation.savers:
            saver.close()
        conversation.savers[:] = [RustSQLiteCheckpointer(path) for path in conversation.paths]
    conversation.put(edit(messages))
    # Where it is cut into two merged pieces these are stored again.
    assert conversation.stored() - before < 36_000
    conversation.put([*edit(messages), message(9001)])
    conversation.check()


def test_a_list_that_moves_on_stores_what_is_new(conversation: Conversation) -> None:
    """The oldest goes with each that comes, as where messages are trimmed."""
    for number in range(300):
        conversation.put([message(each) for each in range(number, number + 100)])
    one = conversation.size() / 100
    assert conversation.stored() < 400 * one * 4
    conversation.check()


def test_a_list_that_grows_in_front_stores_what_is_new(conversation: Conversation) -> None:
    messages: list[Any] = []
    for number in range(400):
        messages.insert(0, message(number))
        conversation.put(messages)
    assert conversation.stored() < 2.1 * conversation.size()
    conversation.check()


def test_branches_of_one_conversation_share_what_they_have_in_common(conversation: Conversation) -> None:
    messages = [message(number) for number in range(300)]
    conversation.put(messages)
    root, before = conversation.parent, conversation.stored()
    for branch in range(5):
        conversation.parent = root
        mine = list(messages)
        for number in range(10):
            mine.append(message(1000 + 100 * branch + number))
            conversation.put(mine)
    assert conversation.stored() - before < 5 * 36_000
    conversation.check()


def test_small_elements_grow_without_a_record_each(conversation: Conversation) -> None:
    """Numbers are cut in groups, of which the last is another with each that comes."""
    numbers: list[int] = []
    for number in range(0, 30_000, 100):
        numbers += [2**40 + each * 7919 for each in range(number, number + 100)]
        conversation.put(numbers)
    rows, records = conversation.ask(LATEST)
    assert rows < conversation.size() / 12_000 + 50
    assert records < 50
    conversation.check()
