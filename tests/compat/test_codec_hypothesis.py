"""Values, messages and bytes that nobody thought of, through stock and ours."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import same_dumps, same_loads, same_round_trip
from installed_releases import allowing
from samples import classes as s
from samples import strategies

#: set it to look further than a run of the suite does: other examples each time, and as many as it says
EXAMPLES = os.environ.get("FAST_LANGGRAPH_EXAMPLES")


def examples(count):
    return settings(
        max_examples=int(EXAMPLES or count),
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


SERDES = [
    JsonPlusSerializer(),
    allowing(None),
    allowing([s.path_of(s.Plain), s.path_of(s.Color)]),
]


@examples(600)
@given(strategies.values)
def test_any_value_gives_stock_s_bytes_or_exception_and_comes_back_as_with_stock(value):
    same_round_trip(value)


@examples(300)
@given(strategies.good_values)
def test_any_value_that_stock_takes_makes_the_way_there_and_back(value):
    same_round_trip({"channel_values": {"x": value}})


@examples(500)
@given(strategies.messages)
def test_any_message_makes_the_way_there_and_back(message):
    same_round_trip(message)


@examples(300)
@given(strategies.tampered())
def test_any_message_that_was_tampered_with_does_what_it_does_with_stock(message):
    same_round_trip([message])


@examples(150)
@given(strategies.states(), st.sampled_from(SERDES))
def test_any_state_makes_the_way_there_and_back(state, serde):
    same_round_trip(state, serde)


@examples(200)
@given(st.dictionaries(strategies.keys, strategies.scalars, max_size=20))
def test_any_keys_give_stock_s_bytes_or_exception(value):
    same_round_trip(value)


@examples(300)
@given(strategies.text | strategies.good_text.map(lambda part: part * 20))
def test_any_text_as_value_key_and_element_does_what_it_does_with_stock(value):
    same_round_trip([value, {"k": value}])
    same_dumps({value: 1})


@examples(1000)
@given(strategies.raw, st.sampled_from(SERDES))
def test_any_messagepack_comes_back_as_with_stock(data, serde):
    same_loads(("msgpack", data), serde)


@examples(500)
@given(st.binary(max_size=60))
def test_any_bytes_end_as_with_stock(data):
    same_loads(("msgpack", data))


@examples(300)
@given(strategies.states(), st.data())
def test_any_damage_to_a_state_ends_as_with_stock(state, choices):
    encoded = same_dumps(state)
    if encoded.error is not None or not encoded.value[1]:
        return
    data = bytearray(encoded.value[1])
    for _ in range(choices.draw(st.integers(1, 3))):
        at = choices.draw(st.integers(0, len(data) - 1))
        data[at] = choices.draw(st.integers(0, 255))
    same_loads(("msgpack", bytes(data[: choices.draw(st.integers(1, len(data)))])))
    same_loads(("msgpack", bytes(data)))
