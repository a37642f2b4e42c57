"""What was handed out never changes under whoever has it, and what somebody has is never handed out again."""

from __future__ import annotations

import contextvars
import copy
import ctypes
import functools
import gc
import itertools
import queue
import sys
import threading
import types
import weakref

import pytest
from langchain_core.messages import HumanMessage

from beside_stock.equality import difference, shared_mutables
from beside_stock.remembered import Remembered
from samples.conversation import AI, EXTRA, HUMAN, TOOL, channels

VARIABLE = contextvars.ContextVar("held")


def generator(message):
    yield
    return message


def suspended(message):
    made = generator(message)
    next(made)
    return made


async def waits_for_ever(message):
    await asyncio_like()
    return message


@types.coroutine
def asyncio_like():
    yield


def awaiting(message):
    made = waits_for_ever(message)
    made.send(None)
    return made


def raised(message):
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def frame(message):
    return sys._getframe()


def closure(message):
    return lambda: message


class Slotted:
    __slots__ = ("held",)


def slotted(message):
    made = Slotted()
    made.held = message
    return made


def queued(message):
    made = queue.SimpleQueue()
    made.put(message)
    return made


def in_a_context(message):
    context = contextvars.copy_context()
    context.run(VARIABLE.set, message)
    return context


def cached(message):
    @functools.cache
    def find():
        return message

    find()
    return find


def weak_values(message):
    made = weakref.WeakValueDictionary()
    made["held"] = message
    return made


class Started:
    """Another thread that has it, until this is gone."""

    def __init__(self, message):
        self.end, begun = threading.Event(), threading.Event()

        def work(message):
            begun.set()
            self.end.wait()

        self.thread = threading.Thread(target=work, args=(message,), daemon=True)
        self.thread.start()
        begun.wait()
        # The thread's object has given up its arguments, or not: its frame has them.

    def __del__(self):
        self.end.set()


#: each takes a message and returns what has it, or a part of it
WHOLE = {
    "a variable": lambda m: m,
    "a list": lambda m: [m],
    "a tuple": lambda m: (m,),
    "a dict": lambda m: {"m": m},
    "a slice of a list": lambda m: [m, m][:1],
    "a generator": suspended,
    "a coroutine": awaiting,
    "an exception": raised,
    "a frame": frame,
    "a closure": closure,
    "a bound method": lambda m: m.model_dump,
    "a partial": lambda m: functools.partial(print, m),
    "a cell": lambda m: types.CellType(m),
    "an iterator": lambda m: itertools.cycle([m]),
    "a map": lambda m: map(str, [m]),
    "a slot": slotted,
    "a queue": queued,
    "a context": in_a_context,
    "a cache": cached,
    "a weak reference": weakref.ref,
    "a weak proxy": weakref.proxy,
    "a weak method": lambda m: weakref.WeakMethod(m.model_dump),
    "a weak dictionary": weak_values,
    "a finalizer": lambda m: weakref.finalize(m, str),
    "another thread": Started,
    "the collector's referents": lambda m: gc.get_referrers(m.__dict__),
    "a pointer": ctypes.py_object,
    "an extra field of another": lambda m: HumanMessage.model_construct(content="x", other=m),
}

#: each returns a part, or what has one
PARTS = {
    "__dict__": lambda m: m.__dict__,
    "the set fields": lambda m: m.__pydantic_fields_set__,
    "the extra fields": lambda m: m.__pydantic_extra__,
    "kwargs": lambda m: m.additional_kwargs,
    "metadata": lambda m: m.response_metadata,
    "keys": lambda m: m.additional_kwargs.keys(),
    "items": lambda m: m.response_metadata.items(),
    "an iterator over values": lambda m: iter(m.response_metadata.values()),
    "a proxy": lambda m: types.MappingProxyType(m.additional_kwargs),
    "a method of a dict": lambda m: m.additional_kwargs.update,
    "an iterator over the message": lambda m: iter(m),
    "a weak reference to the set fields": lambda m: weakref.ref(m.__pydantic_fields_set__),
    "a copy": copy.copy,
    "a model's copy": lambda m: m.model_copy(),
    "its state": lambda m: m.__getstate__(),
    "its reduced form": lambda m: m.__reduce_ex__(4),
    "another message": lambda m: type(m).model_construct(**m.__dict__),
    "locals": lambda m: [dict(vars(m))],
}
OF_AI = {
    "tool calls": lambda m: m.tool_calls,
    "a tool call": lambda m: m.tool_calls[0],
    "arguments": lambda m: m.tool_calls[0]["args"],
    "a list in arguments": lambda m: m.tool_calls[0]["args"]["k"],
    "a dict in a list in arguments": lambda m: m.tool_calls[0]["args"]["k"][2],
    "usage": lambda m: m.usage_metadata,
    "usage's details": lambda m: m.usage_metadata["input_token_details"],
    "an iterator over calls": lambda m: iter(m.tool_calls),
    "a reversed iterator over calls": lambda m: reversed(m.tool_calls),
    "a method of a list": lambda m: m.tool_calls.append,
    "a list in metadata": lambda m: m.response_metadata["logprobs"]["content"],
    "an empty list": lambda m: m.additional_kwargs["empty"],
    "invalid calls": lambda m: m.invalid_tool_calls,
}
OF_TOOL = {
    "an artifact": lambda m: m.artifact,
    "an artifact's list": lambda m: m.artifact["rows"],
    "a list in an artifact's list": lambda m: m.artifact["nested"][1],
    "an empty list in a list in a list": lambda m: m.artifact["nested"][1][1],
    "what was a tuple": lambda m: m.artifact["deep"]["a"],
}
OF_HUMAN = {"blocks": lambda m: m.content, "a block": lambda m: m.content[1]}
OF_EXTRA = {"an extra field": lambda m: m.more, "a list in an extra field": lambda m: m.more["b"]}

HOLDS = [(HUMAN, name, hold) for name, hold in (WHOLE | PARTS | OF_HUMAN).items()]
HOLDS += [(AI, name, hold) for name, hold in (PARTS | OF_AI).items()]
HOLDS += [(TOOL, name, hold) for name, hold in OF_TOOL.items()]


def state():
    return {"channel_values": channels()}


def edit_everything(value):
    """Each dict and list in it is changed in place."""
    for part in shared_mutables(value, value):
        if type(part) is dict:
            part["edited"] = True
        elif type(part) is list:
            part.append("edited")
        elif type(part) is set:
            part.add("edited")


def decoded(remembered, data):
    """Once more, so that each that may be is handed out."""
    for _ in range(2):
        remembered.get(data)
    remembered.counted()
    remembered.get(data)
    counted = remembered.counted()
    assert counted["decoded_held"] == counted["decoded_changed"] == 0
    return counted["decoded_unchanged"]


@pytest.mark.parametrize(
    ("index", "name", "hold"), HOLDS, ids=lambda part: part if isinstance(part, (str, int)) else ""
)
def test_what_somebody_has_is_not_handed_out_again(index, name, hold):
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    again = decoded(remembered, data)
    value = remembered.get(data)
    message = value["channel_values"]["messages"][index]
    parts = {id(part) for part in shared_mutables(message, message)} | {id(message.__dict__)}
    holder = hold(message)
    del value, message
    remembered.counted()
    found = remembered.get(data)
    counted = remembered.counted()
    assert counted["decoded_held"] >= 1
    assert counted["decoded_unchanged"] + counted["decoded_held"] == again
    message = found["channel_values"]["messages"][index]
    assert not parts & ({id(part) for part in shared_mutables(message, message)} | {id(message.__dict__)})
    assert difference(remembered.serde.loads_typed(("msgpack", data)), found) is None
    del found, message, holder
    assert decoded(remembered, data) == again


PICKS = {
    "all": lambda value: value,
    "a message": lambda value: value["channel_values"]["messages"][AI],
    "a dict": lambda value: value["channel_values"]["messages"][AI].tool_calls[0]["args"],
}


@pytest.mark.parametrize("pick", PICKS)
def test_what_somebody_has_stays_as_it_is_whatever_others_do(pick):
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    decoded(remembered, data)
    mine, before = PICKS[pick](remembered.get(data)), PICKS[pick](remembered.loads(data).value)
    for _ in range(3):
        other = remembered.get(data)
        assert not shared_mutables(mine, other)
        edit_everything(other)
        remembered.dumps(other)
        assert difference(before, mine) is None
    remembered.loads(data)
    edit_everything(mine)
    remembered.loads(data)


def test_each_of_many_that_are_held_is_another_one():
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    held = [remembered.get(data) for _ in range(5)]
    for one, other in itertools.combinations(held, 2):
        assert not shared_mutables(one, other)
        assert difference(one, other) is None


def test_what_lies_in_a_cycle_that_is_not_collected_yet_is_not_handed_out():
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    again = decoded(remembered, data)
    gc.disable()
    try:
        value = remembered.get(data)
        value["cycle"] = value
        del value
        remembered.counted()
        remembered.get(data)
        assert remembered.counted()["decoded_unchanged"] == 0
    finally:
        gc.enable()
    gc.collect()
    assert decoded(remembered, data) == again


def test_a_weak_reference_is_to_the_same_object_for_as_long_as_it_is_there():
    remembered = Remembered()
    data = remembered.dumps(state()).value[1]
    decoded(remembered, data)
    value = remembered.get(data)
    reference = weakref.ref(value["channel_values"]["messages"][HUMAN])
    del value
    found = remembered.get(data)["channel_values"]["messages"][HUMAN]
    assert reference() is not found


def test_a_message_in_two_places_of_a_state_comes_back_as_two():
    remembered, value = Remembered(), state()
    messages = value["channel_values"]["messages"]
    messages += [messages[HUMAN], messages[AI]]
    value["channel_values"]["other"] = list(messages)
    data = remembered.dumps(value).value[1]
    for _ in range(3):
        remembered.loads(data)
    # What was decoded is put into two places of another one.
    value = remembered.get(data)
    messages = value["channel_values"]["messages"]
    messages.append(messages[EXTRA])
    value["channel_values"]["other"] = list(messages)
    for _ in range(2):
        data = remembered.dumps(value).value[1]
    del value, messages
    for _ in range(3):
        remembered.loads(data)


def test_a_message_that_two_threads_were_given_is_not_handed_out_in_either():
    remembered = Remembered()
    one, two = (1, "one", ""), (1, "two", "")
    data = remembered.dumps(state(), one).value[1]
    remembered.get(data, one)
    value = remembered.get(data, one)
    for _ in range(2):
        remembered.dumps(value, two)
    del value
    found = remembered.get(data, one), remembered.get(data, two)
    assert not shared_mutables(*found)
    assert difference(*found) is None
