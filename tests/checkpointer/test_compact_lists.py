"""What lists of all kinds store in the compact layout: what is new, however they change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

from fast_langgraph import RustSQLiteCheckpointer

ROWS = "SELECT checkpoint_id, checkpoint FROM checkpoints ORDER BY checkpoint_id"


def message(number: int, words: int = 40) -> HumanMessage:
    return HumanMessage(content=f"{number:05} " * words, id=str(number))


class Conversation:
    """The same checkpoints in both layouts."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / f"{layout}.db" for layout in ("standard", "compact")]
        self.savers = [RustSQLiteCheckpointer(path, layout=path.stem) for path in self.paths]
        self.count = 0
        #: by namespace
        self.parents: dict[str, str] = {}

    def put(self, messages: list[Any], namespace: str = "") -> None:
        self.put_channels({"messages": list(messages)}, namespace)

    def put_channels(self, values: dict[str, Any], namespace: str = "") -> None:
        self.count += 1
        checkpoint = {**empty_checkpoint(), "id": f"{self.count:08}", "channel_values": values}
        parent = self.parents.get(namespace)
        place = {"configurable": {"thread_id": "1", "checkpoint_ns": namespace, "checkpoint_id": parent}}
        for saver in self.savers:
            saver.put(place, checkpoint, {}, {})
        self.parents[namespace] = checkpoint["id"]

    def ask(self, sql: str) -> Any:
        with closing(sqlite3.connect(self.paths[1])) as conn:
            return conn.execute(sql).fetchone()

    def stored(self) -> int:
        """Bytes of all pieces, and of checkpoints that are stored whole."""
        pieces = "SELECT sum(length(bytes)) FROM fl_pieces"
        whole = "SELECT sum(length(checkpoint)) FROM fl_checkpoints WHERE ranges IS NULL"
        return sum(self.ask(f"SELECT coalesce(({pieces}), 0), coalesce(({whole}), 0)"))

    def records(self) -> int:
        """In the recipe of the checkpoint put last."""
        return int(self.ask("SELECT length(ranges) / 30 FROM fl_checkpoints ORDER BY checkpoint_id DESC LIMIT 1")[0])

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


def test_a_conversation_stores_what_is_new_in_one_range(conversation: Conversation) -> None:
    messages: list[Any] = []
    for number in range(0, 600, 2):
        messages += [message(number), message(number + 1)]
        conversation.put(messages)
    assert conversation.stored() < conversation.size()
    assert conversation.records() <= 2
    conversation.check()


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
    assert conversation.stored() - before < 1000
    conversation.put([*edit(messages), message(9001)])
    conversation.check()


@pytest.mark.parametrize("size", [20, 60, 100])
def test_a_list_that_moves_on_stores_what_is_new(size: int, conversation: Conversation) -> None:
    """The oldest goes with each that comes, as where messages are trimmed."""
    count = 150
    messages = [message(number) for number in range(size + count)]
    for number in range(count):
        conversation.put(messages[number : number + size])
    one = conversation.size() / size
    assert conversation.stored() < one * (size + count)
    conversation.check()


PLACES: dict[str, Callable[[Random, int], int]] = {
    "the first": lambda _random, _length: 0,
    "the middle": lambda _random, length: length // 2,
    "the last": lambda _random, length: length - 1,
    "any": lambda random, length: random.randrange(length),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("length", [50, 110, 300])
@pytest.mark.parametrize("grows", [False, True], ids=["as long", "growing"])
def test_an_element_that_is_another_each_time_is_not_stored_with_its_neighbours_each_time(
    place: Callable[[Random, int], int], length: int, grows: bool, conversation: Conversation
) -> None:
    random = Random(7)
    messages = [message(number) for number in range(length)]
    conversation.put(messages)
    one, count = conversation.size() / length, 100
    for number in range(count):
        messages[place(random, length)] = message(1000 + number, random.randrange(30, 60))
        if grows:
            messages.append(message(2000 + number))
        conversation.put(messages)
    # What is new; and all of it where that lies too scattered.
    most = one * (length + (count if grows else 0)) + 1.2 * one * count
    assert conversation.stored() < most + conversation.size() * (count // 20)
    conversation.check()


def test_a_sub_graph_stores_nothing_that_its_graph_has_stored(conversation: Conversation) -> None:
    messages: list[Any] = []
    for number in range(100):
        messages.append(message(number))
        conversation.put(messages)
        conversation.put([message(1000), *messages], "sub|task")
    assert conversation.stored() < conversation.size()
    conversation.check()


def test_a_list_that_grows_in_front_and_changes_elsewhere_stays_in_few_ranges(conversation: Conversation) -> None:
    messages = [message(number) for number in range(50)]
    for number in range(100):
        messages = [message(1000 + number), *messages]
        messages[-20] = message(2000 + number)
        conversation.put(messages)
    assert conversation.records() <= 8
    conversation.check()


def test_pieces_that_begin_alike_are_told_from_one_another(conversation: Conversation) -> None:
    """Every other message is the same, as where a program asks."""
    messages = [message(0) if number % 2 == 0 else message(number) for number in range(1500)]
    conversation.put(messages)
    before, root = conversation.stored(), conversation.parents[""]
    for number in range(10):
        conversation.parents[""] = root
        at = 100 * number + 1
        conversation.put([*messages[:at], message(5000 + number), *messages[at + 1 :]])
    assert conversation.stored() - before < 10 * 500
    conversation.check()


def test_a_list_that_grows_in_front_stores_what_is_new(conversation: Conversation) -> None:
    messages: list[Any] = []
    for number in range(400):
        messages.insert(0, message(number))
        conversation.put(messages)
    assert conversation.stored() < conversation.size()
    assert conversation.records() <= 3
    conversation.check()


@pytest.mark.parametrize("edit", ["changes", "is another"])
def test_a_conversation_with_a_new_head_each_time_goes_on_as_one_without(edit: str, conversation: Conversation) -> None:
    """A system message, say, that tells the time."""
    messages: list[Any] = [message(0)]
    for number in range(300):
        words = 40 if edit == "changes" else 20 + number % 40
        messages = [message(1000 + number, words), *messages[1:], message(number)]
        conversation.put(messages)
    assert conversation.stored() < 2 * conversation.size()
    assert conversation.records() <= 4
    conversation.check()


def test_what_lies_too_scattered_is_stored_once_more_and_not_whole_each_time(conversation: Conversation) -> None:
    """Jobs in a list, of which one changes its state at a time."""
    random = Random(7)
    jobs = [{"job": number, "state": "waiting " * 30} for number in range(200)]
    for number in range(300):
        jobs[random.randrange(200)] = {"job": number, "state": f"running {number} " * 20}
        conversation.put(jobs)
    assert conversation.ask("SELECT count(*) FROM fl_checkpoints WHERE ranges IS NULL") == (0,)
    assert conversation.stored() < 10 * conversation.size()
    conversation.check()


def test_branches_of_one_conversation_share_what_they_have_in_common(conversation: Conversation) -> None:
    messages = [message(number) for number in range(300)]
    conversation.put(messages)
    root, before = conversation.parents[""], conversation.stored()
    for branch in range(5):
        conversation.parents[""] = root
        mine = list(messages)
        for number in range(10):
            mine.append(message(1000 + 100 * branch + number))
            conversation.put(mine)
    assert conversation.stored() - before < 50 * 500
    conversation.check()


def test_agents_that_are_given_some_of_the_messages_store_none_again(conversation: Conversation) -> None:
    messages: list[Any] = []
    for number in range(100):
        messages += [message(3 * number), message(3 * number + 1), message(3 * number + 2)]
        conversation.put(messages)
        size = conversation.size()
        conversation.put([each for each in messages if int(each.id) % 3 != 1], f"agent|{number}")
        conversation.put(messages[-30:], f"other|{number}")
    assert conversation.stored() < size
    conversation.check()


def test_a_list_in_another_order_each_time_is_stored_once(conversation: Conversation) -> None:
    messages = [message(number, 200) for number in range(60)]
    for _ in range(50):
        messages.reverse()
        conversation.put(messages)
    assert conversation.stored() < conversation.size()
    conversation.check()


def test_lists_that_grow_beside_one_another_are_not_stored_whole(conversation: Conversation) -> None:
    """Many at once, whose names may share a lane."""
    lists: dict[str, list[Any]] = {f"list {number}": [] for number in range(40)}
    for number in range(60):
        for name, each in lists.items():
            each.append(f"{name} {number} " * 20)
        conversation.put_channels({name: list(each) for name, each in lists.items()})
    assert conversation.stored() < 3 * conversation.size()
    conversation.check()
