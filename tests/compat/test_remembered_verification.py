"""``FAST_LANGGRAPH_VERIFY``: what is remembered wrongly raises, whatever else is in the state, and nothing runs twice."""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections.abc import Iterator

import pydantic
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.remembered import Remembered
from fast_langgraph import _native
from fast_langgraph._shared import verification

TEXT = "message number "


@pytest.fixture
def remembered() -> Iterator[Remembered]:
    made = Remembered()
    _native.verify_remembered(verification.compare)
    yield made
    _native.verify_remembered(None)
    verification.begin()


class Noisy(pydantic.BaseModel):
    """Warns whenever it is dumped or made, and calls what it is told to."""

    name: str = "x"

    def model_dump(self, **options):
        warnings.warn("dumped", stacklevel=1)
        do(self)
        return {"name": self.name}

    @pydantic.model_validator(mode="after")
    def made(self):
        warnings.warn("made", stacklevel=1)
        return self


def nothing(noisy):
    pass


do = nothing


def messages(count=10):
    return [HumanMessage(f"{TEXT}{n}", id=str(n)) for n in range(count)]


#: what is in a state beside the messages: then the whole is made anew as well, or only they are
BESIDE = {"nothing": dict, "what runs Python code": lambda: {"noisy": Noisy()}}


@pytest.fixture(params=BESIDE)
def value(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield {"channel_values": {**BESIDE[request.param](), "messages": messages()}}


def change_unseen(text):
    """Another last letter in a str that never changes: no word of an outline says so."""
    place = id(text) + sys.getsizeof("") - 1 + len(text) - 1
    letter = ctypes.c_char.from_address(place)
    letter.value = bytes([letter.value[0] ^ 1])


def test_an_element_that_has_changed_unseen_is_not_stored(remembered, value):
    for _ in range(3):
        remembered.put(value)
    change_unseen(value["channel_values"]["messages"][4].content)
    with pytest.raises(verification.VerificationError, match=r"state\[4\]: bytes differ from \d+ on"):
        remembered.put(value)
    remembered.dumps(value)


def test_an_element_that_has_changed_unseen_is_not_handed_out(remembered, value):
    data = remembered.dumps(value).value[1]
    for _ in range(2):
        found = remembered.get(data)
    # Whoever has the text has not the message.
    text = found["channel_values"]["messages"][4].content
    del found
    change_unseen(text)
    with pytest.raises(verification.VerificationError, match=r"state\[4\].__dict__\['content'\]"):
        remembered.get(data)
    remembered.loads(data)


def test_an_element_that_has_changed_unseen_is_taken_without_verification(remembered, value):
    data = [remembered.put(value) for _ in range(3)][-1]
    _native.verify_remembered(None)
    change_unseen(value["channel_values"]["messages"][4].content)
    assert remembered.put(value) == data


def test_nothing_runs_and_warns_a_second_time(remembered):
    value = {"channel_values": {"noisy": Noisy(), "messages": messages()}}
    data = remembered.dumps(value).value[1]
    for again in range(3):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            remembered.put(value)
            remembered.get(data, (1, "another thread", ""))
        assert [str(warning.message) for warning in warned] == ["dumped", "made"]
        counted = remembered.counted()
        if again > 1:
            assert counted["encoded_unchanged"] == counted["decoded_unchanged"] == 10


def test_what_a_hook_changes_after_it_was_encoded_is_no_difference(remembered, monkeypatch):
    value = {"channel_values": {"messages": messages(), "noisy": Noisy()}}
    data = [remembered.dumps(value).value[1] for _ in range(3)][-1]
    monkeypatch.setattr(
        sys.modules[__name__], "do", lambda noisy: setattr(value["channel_values"]["messages"][3], "content", "later")
    )
    assert remembered.put(value)[1] == data
    monkeypatch.undo()
    assert remembered.dumps(value).value[1] != data


def test_verification_fails_where_what_is_remembered_is_not_what_is_made_anew():
    compared = []
    remembered, value = Remembered(), {"channel_values": {"messages": [HumanMessage(str(n)) for n in range(10)]}}
    _native.verify_remembered(lambda remembered, fresh: compared.append((remembered, fresh)))
    try:
        value["channel_values"]["messages"][4].additional_kwargs["score"] = 0.0
        data = [remembered.put(value) for _ in range(3)][-1][1]
        for _ in range(2):
            remembered.get(data)
        # The elements, and then the whole; the bytes in common with the put before are compared as well.
        assert [type(one) for one, _ in compared] == [list, bytes, list, dict]
        assert [len(compared[0][0]), len(compared[2][0])] == [11, 10]
        assert compared[1] == (data, data)
        for one, other in compared:
            verification.compare(one, other)
        _, found = compared[3]
        for spoil in (
            lambda messages: setattr(messages[3], "content", "x"),
            lambda messages: messages[3].__pydantic_fields_set__.discard("content"),
            lambda messages: messages[3].additional_kwargs.update(x=1),
            lambda messages: messages[4].additional_kwargs.update(score=-0.0),
            lambda messages: messages.append(1),
            lambda messages: messages.__setitem__(3, messages[4]),
            lambda messages: messages.__setitem__(3, None),
        ):
            fresh = JsonPlusSerializer().loads_typed(("msgpack", data))
            spoil(fresh["channel_values"]["messages"])
            with pytest.raises(verification.VerificationError):
                verification.compare(found, fresh)
        with pytest.raises(verification.VerificationError):
            verification.compare(data, data[:-1] + b"x")
    finally:
        _native.verify_remembered(None)
        verification.begin()
