"""Messages and documents through the codec, both directions."""

from __future__ import annotations

import itertools

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import same_dumps_of, same_loads, stock_dumps_typed, stock_loads_typed
from beside_stock.outcomes import assert_same, observe
from beside_stock.sites import runs_native
from installed_releases import allowing
from samples import classes as s
from samples import hostile
from samples.messages import all_messages, conversations
from samples.messages.fields import (
    ARTIFACTS,
    CALL,
    CONTENTS,
    INVALID,
    INVALID_CALLS,
    MESSAGE_CLASSES,
    MESSAGE_METADATA,
    ODD_USAGES,
    OPENAI_CALLS,
    TOOL_CALLS,
    USAGES,
)

MESSAGES = all_messages()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_gives_stock_s_bytes_and_comes_back_as_stock_s_object(name):
    encoded = same_dumps_of(MESSAGES[name])
    if encoded.error is None:
        same_loads(encoded.value)


def test_every_class_is_among_the_samples():
    for cls in MESSAGE_CLASSES:
        assert sum(name.startswith(f"class: {cls.__name__} ") for name in MESSAGES) > 40, cls


@pytest.mark.parametrize("name", conversations())
def test_messages_are_encoded_without_going_back_to_stock(name):
    with runs_native("JsonPlusSerializer.dumps_typed"):
        JsonPlusSerializer().dumps_typed(conversations()[name]())


def test_an_agent_s_messages_are_encoded_and_decoded_without_going_back_to_stock():
    serde = JsonPlusSerializer()
    state = [
        HumanMessage("x", id="1"),
        HumanMessage([{"type": "text", "text": "x"}], name="n"),
        AIMessage("x", tool_calls=[CALL], invalid_tool_calls=[INVALID], usage_metadata=USAGES["details"]),
        AIMessage("x", response_metadata=MESSAGE_METADATA["nested"], additional_kwargs={"refusal": None}),
        ToolMessage("x", tool_call_id="1", artifact={"a": [1]}, status="error"),
        RemoveMessage(id="x"),
        Document(page_content="x", metadata={"a": 1}),
    ]
    with runs_native("JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed"):
        serde.loads_typed(serde.dumps_typed(state))


# --- payloads that no message of today has ---

ODD = [None, 0, 5, True, 1.5, "", "x", b"x", [], [1], ["a"], {}, {"a": 1}, {1: 2}, [{}], [["a"]], "human", "ai"]
FIELDS = {
    "content": [*CONTENTS.values(), *ODD],
    "additional_kwargs": [
        *MESSAGE_METADATA.values(),
        *ODD,
        {"tool_calls": OPENAI_CALLS},
        {"tool_calls": []},
        {"tool_calls": [1]},
    ],
    "response_metadata": [*MESSAGE_METADATA.values(), *ODD],
    "type": [*ODD, "tool", "system", "AIMessageChunk"],
    "name": ODD,
    "id": ODD,
    "tool_calls": [
        *TOOL_CALLS.values(),
        *ODD,
        [CALL, 5],
        [{"name": "f"}],
        [{**CALL, "args": None}],
        [{**CALL, "name": None}],
    ],
    "invalid_tool_calls": [*INVALID_CALLS.values(), *ODD],
    "tool_call_chunks": [*ODD, [{"name": "f", "args": "{}", "id": "1", "index": 0, "type": "tool_call_chunk"}]],
    "usage_metadata": [*USAGES.values(), *ODD_USAGES.values(), *ODD],
    "chunk_position": [*ODD, "last"],
    "tool_call_id": ODD,
    "status": [*ODD, "success", "error"],
    "artifact": [*ARTIFACTS.values(), *ODD],
    "role": ODD,
    "metadata": [*MESSAGE_METADATA.values(), *ODD],
    "page_content": ODD,
}
PLAIN = {
    cls: (lambda cls=cls, needs=needs: cls(content="x", id="m", **needs)) for cls, needs in MESSAGE_CLASSES.items()
}
PLAIN[RemoveMessage] = lambda: RemoveMessage(id="m")
PLAIN[Document] = lambda: Document(page_content="x", id="d")


def payload(cls, fields, code=5):
    """An ext as the encoder would have written it for these fields, or None where it refuses."""
    try:
        inner = jsonplus._msgpack_enc((cls.__module__, cls.__name__, fields, "model_validate_json"))
    except (TypeError, ValueError):
        return None
    return hostile.ext(code, inner)


def same_payload(cls, fields, about):
    data = payload(cls, fields)
    if data is None:
        return 0
    try:
        same_loads(("msgpack", hostile.array(data, data)))
    except AssertionError as difference:
        raise AssertionError(f"{about}: {difference}") from None
    return 1


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
def test_a_payload_with_another_value_in_a_field_comes_back_as_with_stock(cls):
    fields = PLAIN[cls]().model_dump()
    tried = 0
    for field in fields:
        for i, value in enumerate(FIELDS.get(field, ODD)):
            tried += same_payload(cls, {**fields, field: value}, f"{field} {i}")
    assert tried > 20 * len(fields) / 2


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
def test_a_payload_with_fields_missing_or_moved_or_more_comes_back_as_with_stock(cls):
    fields = PLAIN[cls]().model_dump()
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}
        same_payload(cls, rest, f"without {name}")
        same_payload(cls, {**rest, name: fields[name]}, f"{name} last")
        same_payload(cls, {name: fields[name]}, f"{name} alone")
        for other in fields:
            if other != name:
                same_payload(cls, {k: v for k, v in rest.items() if k != other}, f"without {name}, {other}")
    for name, value in itertools.product(["extra", "example", "self", "cls", "", "model_dump", "a b"], [1, {"a": 1}]):
        same_payload(cls, {**fields, name: value}, f"{name} more")
        same_payload(cls, {name: value, **fields}, f"{name} first")
    same_payload(cls, {}, "nothing")
    same_payload(cls, dict(reversed(fields.items())), "reversed")
    same_payload(cls, {**fields, 5: 6}, "an int key")
    same_payload(cls, {**fields, None: 6}, "a none key")


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
def test_a_payload_in_any_other_ext_or_shape_comes_back_as_with_stock(cls):
    fields = PLAIN[cls]().model_dump()
    pack = jsonplus._msgpack_enc
    head = (cls.__module__, cls.__name__)
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        same_loads(("msgpack", payload(cls, fields, code)))
    shapes = [head, (*head, fields), (*head, fields, "construct", 5), (*head, fields, None), (*head, [fields], "m")]
    shapes += [(*head, list(fields.items()), "m"), (*head, None, "m"), {0: head[0], 1: head[1], 2: fields}]
    for shape in shapes:
        same_loads(("msgpack", hostile.ext(5, pack(shape))))
    for data in (b"", b"\xc1", b"\xa2\xff\xfe"):
        same_loads(("msgpack", hostile.ext(5, pack((*head, fields, "m")) + data)))
        same_loads(("msgpack", hostile.ext(5, pack((*head, fields, "m"))[: -1 - len(data)])))


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
def test_a_payload_with_a_field_twice_comes_back_as_with_stock(cls):
    pack = jsonplus._msgpack_enc
    fields = PLAIN[cls]().model_dump()
    items = [(pack(key), pack(value)) for key, value in fields.items()]
    head = (pack(cls.__module__), pack(cls.__name__))
    for twice in range(len(items)):
        for other in (items[twice][1], pack("other"), pack(None)):
            for doubled in ([*items, (items[twice][0], other)], [(items[twice][0], other), *items]):
                inner = hostile.array(*head, hostile.mapping(*itertools.chain(*doubled)), pack("m"))
                same_loads(("msgpack", hostile.ext(5, inner)))


@pytest.mark.parametrize("cls", [AIMessage, HumanMessage, ToolMessage], ids=lambda cls: cls.__name__)
def test_a_payload_in_every_form_of_msgpack_comes_back_as_with_stock(cls):
    """Longer heads than needed, and ints and strings in forms that the encoder never writes."""
    pack = jsonplus._msgpack_enc
    fields = PLAIN[cls]().model_dump()
    heads = {
        "str8": lambda data: b"\xd9" + bytes([len(data)]) + data,
        "str16": lambda data: b"\xda" + len(data).to_bytes(2, "big") + data,
        "str32": lambda data: b"\xdb" + len(data).to_bytes(4, "big") + data,
        "bin8": lambda data: b"\xc4" + bytes([len(data)]) + data,
    }
    for make in heads.values():
        parts = [(make(key.encode()), pack(value)) for key, value in fields.items()]
        body = hostile.mapping(*itertools.chain(*parts))
        for name in (pack(cls.__name__), make(cls.__name__.encode())):
            inner = hostile.array(make(cls.__module__.encode()), name, body, pack("m"))
            same_loads(("msgpack", hostile.ext(5, inner)))
            same_loads(("msgpack", hostile.long_ext(5, inner)))


# --- what a class is may change ---


def test_a_dump_put_over_a_message_s_is_called(monkeypatch):
    state = conversations()["messages in a dict"]
    same_dumps_of(state)
    real = AIMessage.model_dump
    monkeypatch.setattr(AIMessage, "model_dump", lambda self, **kwargs: {**real(self, **kwargs), "content": "patched"})
    encoded = same_dumps_of(state).value
    assert b"patched" in encoded[1]


def test_a_dump_put_on_one_message_is_called():
    def make():
        message = HumanMessage("x")
        object.__setattr__(message, "__dict__", {**message.__dict__, "model_dump": lambda: {"content": "own"}})
        return [message]

    same_dumps_of(make)


def test_a_dump_put_over_the_base_class_is_called(monkeypatch):
    import pydantic

    real = pydantic.BaseModel.model_dump
    state = conversations()["messages in a dict"]
    same_dumps_of(state)
    monkeypatch.setattr(pydantic.BaseModel, "model_dump", lambda self, **kw: {**real(self, **kw), "more": 1})
    assert b"more" in same_dumps_of(state).value[1]


def test_a_hook_put_over_stock_s_is_called(monkeypatch):
    real = jsonplus._msgpack_default

    def default(obj):
        return "replaced" if isinstance(obj, (HumanMessage, set)) else real(obj)

    state = conversations()["messages in a dict"]
    same_dumps_of(state)
    monkeypatch.setattr(jsonplus, "_msgpack_default", default)
    assert b"replaced" in same_dumps_of(state).value[1]
    assert same_dumps_of(lambda: {1, 2}).value == ("msgpack", b"\xa8replaced")


def test_an_encoder_put_over_stock_s_is_called(monkeypatch):
    monkeypatch.setattr(jsonplus, "_msgpack_enc", lambda data: b"replaced")
    assert same_dumps_of(lambda: {"a": 1}).value == ("msgpack", b"replaced")


def test_options_put_over_stock_s_are_used(monkeypatch):
    import ormsgpack

    monkeypatch.setattr(jsonplus, "_option", jsonplus._option & ~ormsgpack.OPT_REPLACE_SURROGATES)
    assert isinstance(same_dumps_of(lambda: ["\ud800"]).error, TypeError)


def test_ormsgpack_s_functions_put_over_are_used(monkeypatch):
    import ormsgpack

    monkeypatch.setattr(ormsgpack, "packb", lambda *args, **kwargs: b"\xc0")
    monkeypatch.setattr(ormsgpack, "unpackb", lambda *args, **kwargs: "replaced")
    assert same_dumps_of(lambda: {"a": 1}).value == ("msgpack", b"\xc0")
    assert same_loads(("msgpack", b"\x01")).value == "replaced"


def test_a_message_class_with_a_serializer_put_in_later_uses_it():
    class Mine(HumanMessage):
        pass

    Mine.__module__, Mine.__qualname__ = HumanMessage.__module__, "HumanMessage"
    same_dumps_of(lambda: [Mine("x"), HumanMessage("x")])


def test_classes_that_come_and_go_at_one_address_are_told_apart():
    import pydantic

    def make(i):
        fields = {"a": (int, i), f"b{i}": (str, "x")}
        return pydantic.create_model("Model", __module__=s.models.__name__, **fields)()

    for i in range(60):
        same_dumps_of(lambda i=i: [make(i), make(i + 1), make(i)])


def test_subclasses_of_messages_that_come_and_go_are_told_apart():
    serde = JsonPlusSerializer()
    for i in range(40):
        made = type("HumanMessage", (HumanMessage,), {"__module__": HumanMessage.__module__})
        if i % 2:
            made.model_dump = lambda self, **kwargs: {"content": "own dump"}
        stock = observe(lambda made=made: stock_dumps_typed(serde, [made("x")]))
        ours = observe(lambda made=made: serde.dumps_typed([made("x")]))
        assert_same(stock, ours, str(i))


def test_the_same_message_in_two_serializers_follows_each_one_s_allowlist():
    typed = stock_dumps_typed(JsonPlusSerializer(), conversations()["messages in a dict"]())
    for allowed in (True, None, True):
        serde = allowing(allowed)
        assert_same(observe(lambda s=serde: stock_loads_typed(s, typed)), observe(lambda s=serde: s.loads_typed(typed)))
