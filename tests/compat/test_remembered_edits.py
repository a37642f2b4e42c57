"""Whatever is changed in a state between two calls, what is remembered of it changes nothing in what comes of them."""

from __future__ import annotations

from argparse import Namespace

import pytest
from langchain_core.messages import BaseMessage

from beside_stock.remembered import COUNTS, Remembered
from samples.conversation import channels, conversation
from samples.edits import EDITS, LISTS, READS, TWICE

NOTHING = dict.fromkeys(COUNTS, 0)


def state():
    return {"v": 4, "id": "1", "channel_values": channels(), "channel_versions": {}}


def edited(edit, value):
    """Some edits can't be made again, or not in what was decoded: a name is gone, a tuple has become a list."""
    try:
        edit(value["channel_values"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_between_two_encodings_is_seen(name):
    remembered, value = Remembered(), state()
    for _ in range(3):
        remembered.dumps(value)
    assert remembered.counted()["encoded_unchanged"] > 15
    assert edited(EDITS[name], value)
    for _ in range(3):
        remembered.dumps(value)
    if edited(EDITS[name], value):
        remembered.dumps(value)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_what_was_decoded_is_seen_when_it_is_encoded(name):
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    remembered.get(data)
    value = remembered.get(data)
    assert remembered.counted()["decoded_unchanged"] > 15
    # What was decoded is encoded once: its bytes may have been written in another way.
    remembered.dumps(value)
    remembered.dumps(value)
    assert remembered.counted()["encoded_unchanged"] > 15
    edited(EDITS[name], value)
    encoded = remembered.dumps(value)
    if encoded.error is None:
        remembered.loads(encoded.value[1])
        remembered.dumps(value)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_what_was_decoded_and_is_dropped_is_not_handed_out(name):
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    remembered.get(data)
    for _ in range(2):
        value = remembered.get(data)
        edited(EDITS[name], value)
        del value
        remembered.loads(data)
        remembered.get(data)
    assert remembered.counted()["decoded_unchanged"] > 15


@pytest.mark.parametrize("second", TWICE)
@pytest.mark.parametrize("first", [*LISTS][:12])
def test_two_edits_at_once_are_both_seen(first, second):
    remembered, value = Remembered(), state()
    for _ in range(3):
        remembered.dumps(value)
    assert edited(EDITS[second], value)
    edited(EDITS[first], value)
    remembered.dumps(value)
    data = remembered.dumps(value).value[1]
    remembered.loads(data)
    remembered.loads(data)


@pytest.mark.parametrize("name", READS)
def test_what_is_only_read_stays_remembered(name):
    messages = [message for message in conversation() if isinstance(message, BaseMessage)]
    remembered, value = Remembered(), {"channel_values": {"messages": messages}}
    for _ in range(3):
        remembered.dumps(value)
    remembered.counted()
    for message in messages:
        READS[name](message)
    remembered.put(value)
    # One is of a class of the app's own.
    assert remembered.counted() == {**NOTHING, "encoded_unchanged": len(messages) - 1, "encoded_new": 1}


def test_all_of_a_conversation_is_remembered_but_what_runs_python():
    remembered, value = Remembered(), state()
    for _ in range(3):
        remembered.dumps(value)
    remembered.counted()
    remembered.dumps(value)
    count = len(value["channel_values"]["messages"]) + len(value["channel_values"]["documents"])
    assert remembered.counted() == {**NOTHING, "encoded_unchanged": count - 1, "encoded_new": 1}


class Owner:
    """Its attributes are the items of a dict in the state."""

    def __init__(self, n):
        self.n = n


def _del_and_set(owner):
    del owner.n
    owner.n = "again"


ATTRIBUTE_EDITS = {
    "set": lambda owner: setattr(owner, "n", "x"),
    "set past the class": lambda owner: object.__setattr__(owner, "n", "x"),
    "added": lambda owner: setattr(owner, "more", 1),
    "deleted": lambda owner: delattr(owner, "n"),
    "deleted and set": _del_and_set,
    "set in __dict__": lambda owner: vars(owner).update(n="x"),
    "its __dict__ replaced": lambda owner: setattr(owner, "__dict__", {"n": "x"}),
}


@pytest.mark.parametrize("kind", [Owner, Namespace, Exception])
@pytest.mark.parametrize("edit", ATTRIBUTE_EDITS)
def test_an_attribute_of_an_object_whose_dict_is_in_the_state_is_seen(edit, kind):
    owners = [kind(n) if kind is Owner else kind() for n in range(10)]
    for n, owner in enumerate(owners):
        owner.n = n
    remembered, value = Remembered(), {"channel_values": {"list": [vars(owner) for owner in owners]}}
    for _ in range(3):
        remembered.dumps(value)
    for owner in owners[3:5]:
        ATTRIBUTE_EDITS[edit](owner)
        remembered.dumps(value)
    del owners[5], owner
    remembered.dumps(value)
    value["channel_values"]["list"][5]["n"] = "its object is gone"
    remembered.dumps(value)
