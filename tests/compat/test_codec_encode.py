"""dumps_typed: stock's bytes or stock's exception, whatever the value."""

from __future__ import annotations

import gc
import pickle
import sys
from collections import deque
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Send

from beside_stock.codec import same_dumps, same_dumps_of, same_loads, stock_dumps_typed
from beside_stock.new_process import in_new_process
from beside_stock.outcomes import observe
from beside_stock.sites import runs_native
from samples import classes as s
from samples.values import all_samples
from samples.values.basic import DICT_KEYS

SAMPLES = all_samples()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_gives_the_bytes_or_the_exception_of_stock(name):
    same_dumps_of(SAMPLES[name])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_within_a_state_gives_the_bytes_or_the_exception_of_stock(name):
    same_dumps_of(lambda: {"channel_values": {"a": [1, (SAMPLES[name](),)], "b": SAMPLES[name]()}, "z": "end"})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_within_a_hooked_value_gives_the_bytes_or_the_exception_of_stock(name):
    same_dumps_of(lambda: [s.Plain(SAMPLES[name]()), deque([SAMPLES[name]()]), Send("n", SAMPLES[name]())])


@pytest.mark.parametrize("name", SAMPLES)
def test_with_pickle_as_a_last_resort_a_value_gives_what_stock_gives(name):
    same_dumps(SAMPLES[name](), JsonPlusSerializer(pickle_fallback=True))


def test_pickle_takes_over_only_where_stock_lets_it(monkeypatch):
    serde = JsonPlusSerializer(pickle_fallback=True)
    assert same_dumps(s.Opaque(), serde).value[0] == "pickle"
    assert same_dumps([2**64], serde).value == ("pickle", pickle.dumps([2**64]))
    monkeypatch.setattr(pickle, "dumps", lambda obj: b"replaced")
    assert same_dumps([2**64], serde).value == ("pickle", b"replaced")
    assert same_dumps([1], serde).value == ("msgpack", b"\x91\x01")


# --- depth ---


def lists(depth, leaf=1):
    value = leaf
    for _ in range(depth):
        value = [value]
    return value


def nested(depth, wrap, leaf=1):
    value = leaf
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = {
    "lists": lambda value: [value],
    "tuples": lambda value: (value,),
    "dicts": lambda value: {"a": value},
    "dicts with int keys": lambda value: {1: value},
    "lists with more": lambda value: [1, value, "x"],
    "list subclasses": lambda value: s.List([value]),
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_nesting_ends_where_stock_s_ends(wrap):
    leaves = [1, "x", [], {}, (), None, b"x", s.Color.RED, {1}, HumanMessage("x"), {"a": HumanMessage("x")}, s.Opaque()]
    for depth in (100, 200, *range(248, 262), 1000):
        for leaf in leaves:
            same_dumps(nested(depth, WRAPS[wrap], leaf))


def test_nesting_in_keys_ends_where_stock_s_ends():
    for depth in (*range(1, 5), *range(250, 260)):
        same_dumps({nested(depth, lambda value: (value,)): 1})
        same_dumps(lists(depth // 2, {nested(depth // 2, lambda value: (value,)): 1}))


HOOKED = {
    "deques": lambda value: deque([value]),
    "dataclasses": lambda value: s.Plain(value),
    "named tuples": lambda value: s.Point(value),
    "sends": lambda value: Send("n", value),
    "models": lambda value: s.Inner.model_construct(value=value),
    "dumps": lambda value: s.DumpsTo(value),
    "snapshots": lambda value: s.DumpsTo([value]),
}


@pytest.mark.parametrize("wrap", HOOKED)
def test_nesting_of_hooked_values_does_what_stock_s_does(wrap):
    """To a depth that stock's Python stack carries easily."""
    for depth in (1, 2, 10, 50, 100, 150):
        encoded = same_dumps_of(lambda depth=depth: nested(depth, HOOKED[wrap]))
        if encoded.error is None and depth <= 50:
            same_loads(encoded.value)


def test_a_hooked_value_starts_its_own_count_of_levels():
    for depth in (200, 254, 255, 256):
        same_dumps_of(lambda depth=depth: lists(depth - 1, deque([lists(depth - 3)])))
        same_dumps_of(lambda depth=depth: lists(depth - 1, {lists(0): s.Plain(lists(depth - 4))}))


def test_a_message_in_a_deep_place_does_what_stock_s_does():
    for depth in (1, 100, 240, *range(246, 258)):
        same_dumps_of(lambda depth=depth: lists(depth, HumanMessage("x", id="1")))
        same_dumps_of(lambda depth=depth: HumanMessage("x", additional_kwargs={"a": lists(depth)}))
        same_dumps_of(lambda depth=depth: AIMessage("x", response_metadata={"a": nested(depth, WRAPS["dicts"])}))
        same_dumps_of(lambda depth=depth: AIMessage([{"a": lists(depth)}]))
        same_dumps_of(lambda depth=depth: s.MyTool(content="x", tool_call_id="1", artifact=lists(depth)))


def test_what_stock_s_stack_can_t_carry_is_refused_or_encoded_but_never_crashes():
    for depth in (600, 2000, 20_000):
        for wrap in HOOKED.values():
            outcome = observe(lambda depth=depth, wrap=wrap: JsonPlusSerializer().dumps_typed(nested(depth, wrap)))
            assert outcome.error is None or isinstance(outcome.error, (TypeError, RecursionError))


@pytest.mark.parametrize("mock", [Mock, MagicMock])
def test_a_mock_which_has_every_attribute_is_refused_as_by_stock(mock):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)  # a mock dumps to a mock, until Python's stack ends
    try:
        outcome = same_dumps_of(lambda: {"a": [mock()]})
    finally:
        sys.setrecursionlimit(limit)
    assert isinstance(outcome.error, TypeError)


def test_values_in_themselves_are_refused_as_by_stock():
    def in_itself(value, put):
        put(value, value)
        return value

    same_dumps_of(lambda: in_itself([], list.append))
    same_dumps_of(lambda: in_itself([1, 2], list.append))
    same_dumps_of(lambda: in_itself({}, lambda a, b: a.__setitem__("self", b)))
    same_dumps_of(lambda: {"a": [in_itself({"x": 1}, lambda a, b: a.__setitem__("self", b))]})


# --- hooks ---


def mutating(change):
    """An object whose dump changes what is being encoded."""
    return s.DumpsTo(dump_of(change))


def dump_of(change):
    def dump():
        change()
        return "dumped"

    return dump


LIST_CHANGES = {
    "append": lambda v: v.append("more"),
    "insert": lambda v: v.insert(len(v), "more"),
    "replace later": lambda v: v.__setitem__(-1, "other"),
    "replace earlier": lambda v: v.__setitem__(0, "other"),
    "grow much": lambda v: v.extend(range(1000)),
}
DICT_CHANGES = {
    "replace later": lambda v: v.__setitem__("z", "other"),
    "replace earlier": lambda v: v.__setitem__("a", "other"),
    "replace itself": lambda v: v.__setitem__("m", "other"),
}


@pytest.mark.parametrize("change", LIST_CHANGES)
def test_a_list_that_a_hook_changes_gives_stock_s_bytes(change):
    def make():
        value = ["a", 1, None, "z"]
        value.insert(2, mutating(lambda: LIST_CHANGES[change](value)))
        return {"state": value}

    same_dumps_of(make)


@pytest.mark.parametrize("change", DICT_CHANGES)
def test_a_dict_that_a_hook_changes_gives_stock_s_bytes(change):
    def make():
        value = {"a": 1, "b": 2}
        value["m"] = mutating(lambda: DICT_CHANGES[change](value))
        value["z"] = [1]
        return {"state": value}

    same_dumps_of(make)


SHRINKING = {
    "list cleared": lambda: shrinking(["a" * 50, 1], list.clear),
    "list popped": lambda: shrinking(["a" * 50, 1], list.pop),
    "list deleted": lambda: shrinking(
        [object.__name__ + str(i) for i in range(500)], lambda v: v.__delitem__(slice(2, None))
    ),
    "dict cleared": lambda: shrinking({"a" * 50: "b" * 50}, dict.clear),
    "dict grown": lambda: shrinking({"a": 1}, lambda v: v.update({str(i): i for i in range(500)})),
    "dict popped": lambda: shrinking({"a": 1, "b": 2}, lambda v: v.pop("z", None)),
}


def shrinking(value, change):
    hook = mutating(lambda: change(value))
    if isinstance(value, list):
        value.insert(1, hook)
        value.extend("z" * 40 + str(i) for i in range(5))
    else:
        value["hook"] = hook
        value.update({"z" * 40 + str(i): "v" * 40 + str(i) for i in range(5)})
    return [value]


def test_a_container_that_a_hook_takes_from_is_encoded_or_refused_but_never_crashes():
    """Stock reads freed memory here and may crash, so there is nothing to compare with."""
    done = in_new_process("""
        import gc
        from test_codec_encode import SHRINKING
        fast_langgraph.patch()
        for name, make in SHRINKING.items():
            print(name, flush=True)
            for _ in range(20):
                outcome = observe(lambda: JsonPlusSerializer().dumps_typed(make()))
                assert outcome.error is None or isinstance(outcome.error, (TypeError, RuntimeError)), outcome
                gc.collect()
        print("done")
    """)
    assert done.stdout.split("\n")[-2] == "done", done


def test_an_object_that_a_hook_frees_is_encoded_as_it_was():
    def make():
        value = [None, "x"]
        value[0] = s.DumpsTo(dump_of(lambda: value.__setitem__(0, None)))
        return value

    same_dumps_of(make)


def test_each_hook_is_asked_once_and_in_order():
    log = []

    class Asked:
        def __init__(self, name):
            self.name = name

        def __getattr__(self, attribute):
            log.append((self.name, attribute))
            raise AttributeError(attribute)

        def model_dump(self):
            log.append((self.name, "dumped"))
            return {"name": self.name}

    class Silent(Asked):
        model_dump = property(lambda self: log.append((self.name, "asked")) or (lambda: 1))

    def make():
        return [Asked("a"), {"k": Silent("b")}, s.Plain(Asked("c")), Asked("a")]

    serde = JsonPlusSerializer()
    stock = stock_dumps_typed(serde, make())
    asked = list(log)
    log.clear()
    assert serde.dumps_typed(make()) == stock
    assert log == asked


def test_a_value_that_fails_late_runs_no_hook_twice():
    for bad in (2**64, s.Opaque(), {"\ud800": 1}, s.DumpsTo(raising=ValueError("x")), lists(300)):
        outcome = same_dumps_of(lambda bad=bad: [s.DumpsTo(1), s.Model(a=1), {"x": s.DumpsTo(2)}, bad, s.DumpsTo(3)])
        assert isinstance(outcome.error, TypeError)


def test_the_collector_is_as_the_user_has_it_within_a_hook():
    seen = []

    def look():
        seen.append(gc.isenabled())
        return 1

    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            same_dumps_of(lambda: [s.DumpsTo(look), s.DumpsTo(look)])
            assert gc.isenabled() is enabled
        finally:
            gc.enable()
        assert seen == [enabled] * 4
        seen.clear()


def test_the_collector_is_as_the_user_has_it_within_a_constructor(monkeypatch):
    seen = []
    monkeypatch.setattr(s.callables, "build", lambda *args, **kwargs: seen.append(gc.isenabled()))
    from samples import hostile

    one = hostile.ext(2, hostile.pack((*s.path_of(s.build), {"a": 1})))
    for data in (hostile.array(one, one), hostile.array(one, b"\xc1")):
        for enabled in (True, False):
            (gc.enable if enabled else gc.disable)()
            try:
                same_loads(("msgpack", data))
                assert gc.isenabled() is enabled
            finally:
                gc.enable()
            assert set(seen) == {enabled}
            seen.clear()


def test_a_hook_may_encode_and_decode_itself():
    serde = JsonPlusSerializer()

    def again():
        typed = serde.dumps_typed({"inner": [HumanMessage("x", id="1"), {1, 2}]})
        return {"typed": typed, "loaded": serde.loads_typed(typed)}

    same_dumps_of(lambda: [s.DumpsTo(again), "after", s.DumpsTo(again)])


def test_numpy_that_is_not_imported_is_not_imported_by_encoding(monkeypatch):
    array = np.arange(3)
    monkeypatch.delitem(sys.modules, "numpy")
    same_dumps(array)
    assert "numpy" not in sys.modules


def test_an_array_s_buffer_is_let_go():
    array = np.arange(10)
    held = sys.getrefcount(array)
    JsonPlusSerializer().dumps_typed([array])
    assert sys.getrefcount(array) == held
    value = bytearray(b"abc")
    JsonPlusSerializer().dumps_typed([value])
    value.extend(b"d")  # BufferError if somebody still looks at it
    assert value == b"abcd"


def test_the_bytes_are_the_caller_s_own():
    serde = JsonPlusSerializer()
    first = serde.dumps_typed({"a": "x" * 1000})[1]
    copy = bytes(bytearray(first))
    serde.dumps_typed({"b": "y" * 1000})
    assert first == copy
    assert type(first) is bytes


# --- subclasses of the serializer ---


def test_a_subclass_that_overrides_a_method_keeps_its_own():
    class Mine(JsonPlusSerializer):
        def dumps_typed(self, obj):
            return ("mine", super().dumps_typed(obj)[1])

        def loads_typed(self, data):
            return ["mine", super().loads_typed(("msgpack", data[1]))]

    serde = Mine()
    typed = serde.dumps_typed({"a": HumanMessage("x", id="1")})
    assert typed == ("mine", stock_dumps_typed(JsonPlusSerializer(), {"a": HumanMessage("x", id="1")})[1])
    assert serde.loads_typed(typed)[1]["a"].content == "x"


def test_a_subclass_that_counts_on_a_type_error_gets_it():
    class Falling(JsonPlusSerializer):
        def dumps_typed(self, obj):
            try:
                return super().dumps_typed(obj)
            except TypeError as error:
                return "failed", str(error).encode()

    assert Falling().dumps_typed([s.Opaque()]) == ("failed", b"Type is not msgpack serializable: Opaque")
    assert Falling().dumps_typed([2**64]) == ("failed", b"Integer exceeds 64-bit range")


def test_a_subclass_with_its_own_pickle_fallback_follows_it():
    class Property(JsonPlusSerializer):
        @property
        def pickle_fallback(self):
            return True

        @pickle_fallback.setter
        def pickle_fallback(self, value):
            pass

    assert same_dumps([2**64], Property()).value[0] == "pickle"


def test_called_on_the_class_it_does_what_stock_does():
    for value in (None, b"x", [1], HumanMessage("x")):
        assert JsonPlusSerializer.dumps_typed(JsonPlusSerializer(), value) == stock_dumps_typed(
            JsonPlusSerializer(), value
        )
    with pytest.raises(TypeError):
        JsonPlusSerializer().dumps_typed()
    with pytest.raises(TypeError):
        JsonPlusSerializer().dumps_typed(1, 2)
    assert JsonPlusSerializer().dumps_typed(obj=[1]) == ("msgpack", b"\x91\x01")
    assert JsonPlusSerializer().loads_typed(data=("msgpack", b"\x91\x01")) == [1]


# --- hot paths ---

COMMON = [
    name for name in SAMPLES if name.startswith(("plain", "standard library", "enums", "langgraph", "data classes"))
]


@pytest.mark.parametrize("name", COMMON)
def test_common_types_are_encoded_without_going_back_to_stock(name):
    serde, value = JsonPlusSerializer(), SAMPLES[name]()
    if observe(lambda: stock_dumps_typed(serde, value)).error is None:
        with runs_native("JsonPlusSerializer.dumps_typed"):
            serde.dumps_typed([value])


@pytest.mark.parametrize("name", DICT_KEYS)
def test_keys_of_every_kind_that_stock_takes_are_encoded_without_going_back_to_stock(name):
    serde, value = JsonPlusSerializer(), {DICT_KEYS[name](): 1}
    if observe(lambda: stock_dumps_typed(serde, value)).error is None:
        with runs_native("JsonPlusSerializer.dumps_typed"):
            serde.dumps_typed(value)
