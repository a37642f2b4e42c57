"""loads_typed: stock's object or stock's exception, whatever the bytes."""

from __future__ import annotations

import json
import pickle

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import same_loads, stock_dumps_typed, stock_loads_typed
from beside_stock.encoded import CHECKPOINT, CONVERSATION, ENCODED, SAMPLES
from beside_stock.equality import difference, shared_mutables
from beside_stock.new_process import in_new_process
from beside_stock.outcomes import observe
from beside_stock.sites import runs_native
from installed_releases import allowing
from samples import classes as s
from samples import hostile
from samples.messages import conversations


@pytest.mark.parametrize("name", ENCODED)
def test_stock_s_bytes_come_back_as_stock_s_object(name):
    same_loads(ENCODED[name])


def test_most_samples_can_be_encoded_by_stock():
    assert len(ENCODED) > 0.6 * len(SAMPLES)


HOSTILE = {
    "a first byte": hostile.markers,
    "a length": hostile.lengths,
    "a depth": hostile.depths,
    "a map": hostile.maps,
    "an ext": hostile.exts,
}


@pytest.mark.parametrize("allowed", [True, None, [s.path_of(s.build)]], ids=["all", "safe", "one"])
@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_encoder_wrote_ends_as_with_stock(what, allowed):
    serde = allowing(allowed)
    for name, data in HOSTILE[what]().items():
        try:
            same_loads(("msgpack", data), serde)
        except AssertionError as difference:
            raise AssertionError(f"{name}: {data[:40].hex()}: {difference}") from None


def small(typed):
    return typed[0] == "msgpack" and len(typed[1]) < 700


TO_DAMAGE = {name: typed[1] for name, typed in ENCODED.items() if small(typed) and not name.startswith("odd")}


@pytest.mark.parametrize("group", sorted({name.split(":")[0] for name in TO_DAMAGE}))
def test_every_part_of_a_value_ends_as_with_stock(group):
    for name, data in TO_DAMAGE.items():
        if name.startswith(group):
            for end in range(0, len(data), 1 if len(data) < 120 else 3):
                same_part(data, end, name)


@pytest.mark.parametrize("data", [CONVERSATION, CHECKPOINT], ids=["conversation", "checkpoint"])
def test_every_part_of_a_state_ends_as_with_stock(data):
    for end in [*range(0, 600, 7), *range(600, len(data), 61)]:
        same_part(data, end, "state")


def same_part(data, end, name):
    try:
        same_loads(("msgpack", data[:end]))
    except AssertionError as difference:
        raise AssertionError(f"{name} cut at {end}: {difference}") from None


@pytest.mark.parametrize("group", sorted({name.split(":")[0] for name in TO_DAMAGE}))
def test_a_damaged_value_ends_as_with_stock(group):
    for name, data in TO_DAMAGE.items():
        if name.startswith(group):
            same_damage(name, data, seed=len(data), rounds=25)


@pytest.mark.parametrize("data", [CONVERSATION, CHECKPOINT], ids=["conversation", "checkpoint"])
def test_a_damaged_state_ends_as_with_stock(data):
    same_damage("state", data, seed=1, rounds=400)


def same_damage(name, data, seed, rounds):
    for case in hostile.damaged(data, seed, rounds):
        try:
            same_loads(("msgpack", case))
        except AssertionError as difference:
            raise AssertionError(f"{name}: {case.hex()}: {difference}") from None


def test_a_length_that_lies_takes_no_memory():
    done = in_new_process("""
        import resource
        from samples import hostile
        from beside_stock.codec import crashes_stock
        serde = JsonPlusSerializer()
        fast_langgraph.patch()
        serde.loads_typed(("msgpack", b"\\x91\\x01"))
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 28), used + (1 << 28)))
        for name, data in {**hostile.lengths(), **hostile.depths()}.items():
            # Within an ext it is stock's hook that allocates.
            if crashes_stock(("msgpack", data)) and data[0] not in b"\\xdc\\xdd\\xde\\xdf":
                continue
            try:
                serde.loads_typed(("msgpack", data))
            except ValueError:
                pass
        print("done")
    """)
    assert done.stdout == "done\n", done


# --- data and types of every kind ---

DATA = {
    "bytes": lambda: b"\x92\x01\xa1a",
    "bytearray": lambda: bytearray(b"\x92\x01\xa1a"),
    "memoryview": lambda: memoryview(b"\x92\x01\xa1a"),
    "memoryview of a bytearray": lambda: memoryview(bytearray(b"\x92\x01\xa1a")),
    "part of a memoryview": lambda: memoryview(b"xx\x92\x01\xa1axx")[2:6],
    "memoryview with steps": lambda: memoryview(b"\x92x\x01x\xa1xax")[::2],
    "memoryview of ints": lambda: memoryview(b"\x92\x01\xa1a\x00\x00\x00\x00").cast("i"),
    "bytes subclass": lambda: s.Bytes(b"\x92\x01\xa1a"),
    "bytearray subclass": lambda: s.ByteArray(b"\x92\x01\xa1a"),
    "empty": lambda: b"",
    "str": lambda: '["text"]',
    "none": lambda: None,
    "int": lambda: 5,
    "list": lambda: [1],
    "json": lambda: b'{"a": [1, 2.5, null, "\\u00e9"]}',
    "pickle": lambda: pickle.dumps({"a": s.Plain(1)}),
}
TYPES = ["msgpack", "null", "bytes", "bytearray", "json", "pickle", "unknown", "", None, 5, s.Str("msgpack")]


@pytest.mark.parametrize("pickles", [False, True])
@pytest.mark.parametrize("data", DATA)
def test_data_of_any_type_under_any_name_ends_as_with_stock(data, pickles):
    serde = JsonPlusSerializer(pickle_fallback=pickles)
    for kind in TYPES:
        if kind != "pickle" or not pickles or data == "pickle":
            same_loads((kind, DATA[data]()), serde)


@pytest.mark.parametrize("typed", [(), ("msgpack",), ("msgpack", b"\x01", 3), ["msgpack", b"\x01"], "ab", None, 5])
def test_what_is_no_pair_ends_as_with_stock(typed):
    same_loads(typed)


def test_a_bytearray_is_not_held_after_the_call():
    data = bytearray(b"\x92\x01\xa3abc")
    assert JsonPlusSerializer().loads_typed(("msgpack", data)) == [1, "abc"]
    data.extend(b"more")  # BufferError if somebody still looks at it


def test_a_bytearray_that_shrinks_in_a_hook_ends_as_with_stock():
    serde = JsonPlusSerializer(__unpack_ext_hook__=lambda code, data: shrunk(code))

    def shrunk(code):
        try:
            buffer.clear()
        except BufferError:
            return "held"
        return "cleared"

    outcomes = []
    for load in (stock_loads_typed, lambda serde, typed: serde.loads_typed(typed)):
        buffer = bytearray(b"\x93\x01" + hostile.ext(9, b"x") + b"\xa3abc")
        outcomes.append(observe(lambda load=load, buffer=buffer: load(serde, ("msgpack", buffer))).value)
    assert outcomes[0] == outcomes[1]


LC2 = {"lc": 2, "type": "constructor", "id": [*s.path_of(s.Plain)], "kwargs": {"a": 1}}


@pytest.mark.parametrize(
    "value",
    [
        LC2,
        {**LC2, "args": [1, 2], "kwargs": None},
        {**LC2, "id": ["uuid", "UUID"], "kwargs": None, "args": ["12345678123456781234567812345678"]},
        {**LC2, "id": [*s.path_of(s.refuse)]},
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "messages", "HumanMessage"],
            "kwargs": {"content": "x"},
        },
        {"lc": 1, "type": "not_implemented", "id": ["x"]},
        {"a": {"lc": 2}},
        [1, {"nested": LC2}],
    ],
    ids=range(8),
)
@pytest.mark.parametrize("allowed", [None, True, [s.path_of(s.Plain)]], ids=["none", "all", "one"])
def test_old_json_checkpoints_end_as_with_stock(value, allowed):
    serde = JsonPlusSerializer(allowed_json_modules=allowed)
    same_loads(("json", json.dumps(value).encode()), serde)


# --- results belong to the caller ---


@pytest.mark.parametrize("name", ["conversation of 20 turns", "checkpoint"])
def test_two_results_share_nothing_that_can_change(name):
    serde = JsonPlusSerializer()
    typed = stock_dumps_typed(serde, conversations()[name]())
    first, second = serde.loads_typed(typed), serde.loads_typed(typed)
    assert shared_mutables(first, second) == []
    assert difference(first, second) is None


def test_two_results_of_the_samples_share_nothing_that_can_change():
    serde = JsonPlusSerializer()
    for name, typed in ENCODED.items():
        if typed[0] == "msgpack" and "Mock" not in name and "AnswersAll" not in name:
            first, second = serde.loads_typed(typed), serde.loads_typed(typed)
            assert shared_mutables(first, second) == [], name


def test_a_result_that_is_changed_changes_no_later_result():
    serde = JsonPlusSerializer()
    typed = ("msgpack", CONVERSATION)
    for message in serde.loads_typed(typed)["messages"]:
        message.additional_kwargs["spoilt"] = True
        message.response_metadata["spoilt"] = True
        message.__dict__["spoilt"] = True
        message.__pydantic_fields_set__.add("spoilt")
        message.__pydantic_extra__["spoilt"] = True
        if isinstance(message, AIMessage):
            message.tool_calls.append("spoilt")
            message.invalid_tool_calls.append("spoilt")
    same_loads(typed)


# --- hot paths ---


@pytest.mark.parametrize("name", conversations())
def test_messages_are_decoded_without_going_back_to_stock(name):
    serde = JsonPlusSerializer()
    typed = stock_dumps_typed(serde, conversations()[name]())
    with runs_native("JsonPlusSerializer.loads_typed"):
        serde.loads_typed(typed)


@pytest.mark.parametrize(
    "name", [name for name in ENCODED if name.startswith(("plain", "standard library", "enums", "langgraph"))]
)
def test_common_types_are_decoded_without_going_back_to_stock(name):
    if ENCODED[name][0] == "msgpack":
        with runs_native("JsonPlusSerializer.loads_typed"):
            JsonPlusSerializer().loads_typed(ENCODED[name])
