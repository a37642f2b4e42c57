"""loads_typed: what may be built, what the user's own hooks and listeners are asked, as with stock."""

from __future__ import annotations

import pytest
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import same_loads
from beside_stock.encoded import CONVERSATION, ENCODED
from beside_stock.new_process import in_new_process
from beside_stock.outcomes import observe
from installed_releases import allowing, needs_allowlist, needs_events, register_serde_event_listener
from samples import classes as s

ALLOWLISTS = {
    "all": True,
    "safe": None,
    "empty": (),
    "one class": [s.Plain],
    "one name": [s.path_of(s.Model)],
    "three parts": [(*s.path_of(s.Plain), "x")],
}


@pytest.mark.parametrize("allowed", ALLOWLISTS)
@pytest.mark.parametrize("group", sorted({name.split(":")[0] for name in ENCODED}))
def test_an_allowlist_lets_through_what_stock_lets_through(group, allowed):
    serde = allowing(ALLOWLISTS[allowed])
    for name, typed in ENCODED.items():
        if name.startswith(group) and len(typed[1]) < 20_000:
            same_loads(typed, serde)


@needs_allowlist
def test_a_serializer_with_a_wider_allowlist_lets_through_what_stock_lets_through():
    narrow = allowing(None)
    wide = narrow.with_msgpack_allowlist([s.Plain, s.path_of(s.Model)])
    assert wide is not narrow
    for name in ("data classes: Plain nested", "models: Model", "models: Outer"):
        for serde in (narrow, wide, narrow):
            same_loads(ENCODED[name], serde)


@needs_allowlist
def test_an_allowlist_changed_after_the_fact_does_what_it_does_with_stock():
    serde = allowing([s.Plain])
    same_loads(ENCODED["models: Model"], serde)
    serde._allowed_msgpack_modules.add(s.path_of(s.Model))
    same_loads(ENCODED["models: Model"], serde)
    serde._allowed_msgpack_modules = True
    same_loads(ENCODED["models: Outer"], serde)
    same_loads(ENCODED["data classes: Plain"], serde)


@needs_allowlist
def test_safe_types_changed_after_the_fact_do_what_they_do_with_stock(monkeypatch):
    serde = allowing(None)
    monkeypatch.setattr(jsonplus._lg_msgpack, "SAFE_MSGPACK_TYPES", frozenset([s.path_of(s.Plain)]))
    for name in ("data classes: Plain nested", "standard library: uuid", "standard library: set of many"):
        same_loads(ENCODED[name], serde)
    same_loads(("msgpack", CONVERSATION), serde)


@needs_allowlist
def test_a_type_is_warned_of_once_as_with_stock():
    serde = JsonPlusSerializer()
    first = same_loads(ENCODED["data classes: Plain nested"], serde)
    assert [record for record in first.logs if "unregistered" in record[2]]
    again = observe(lambda: serde.loads_typed(ENCODED["data classes: Plain nested"]), forget=False)
    assert again.logs == []
    assert again.events == first.events
    assert again.events


@needs_allowlist
def test_strict_mode_set_by_the_environment_blocks_what_stock_blocks():
    done = in_new_process(
        """
        from samples import classes as s
        from samples.messages import conversations
        fast_langgraph.patch()
        serde = JsonPlusSerializer()
        blocked = same_loads(stock_dumps_typed(serde, [s.Plain(1), s.Model(a=1), s.Color.RED]), serde)
        assert blocked.value == [{"a": 1, "b": None, "c": []}, {"a": 1, "b": "b", "c": []}, 1], blocked
        assert [event["kind"] for event in blocked.events] == ["msgpack_blocked"] * 3, blocked.events
        same_loads(stock_dumps_typed(serde, conversations()["conversation of 20 turns"]()), serde)
        print("done")
        """,
        LANGGRAPH_STRICT_MSGPACK="true",
    )
    assert done.stdout == "done\n", done


@pytest.mark.parametrize("returned", [None, 5, b"x", [1], ("a", {"b": 2})], ids=repr)
def test_a_hook_of_the_user_s_own_is_called_as_by_stock(returned):
    seen = []

    def hook(code, data):
        seen.append((code, bytes(data), type(data)))
        return returned

    serde = JsonPlusSerializer(__unpack_ext_hook__=hook)
    for name in ("data classes: Plain nested", "standard library: set of many", "langgraph: delta snapshot within"):
        same_loads(ENCODED[name], serde)
        assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
        assert seen
        seen.clear()
    same_loads(("msgpack", CONVERSATION), serde)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt("x"), s.OwnError(1)], ids=repr)
def test_a_hook_of_the_user_s_own_may_raise(error):
    def hook(code, data):
        raise error

    same_loads(ENCODED["standard library: uuid"], JsonPlusSerializer(__unpack_ext_hook__=hook))


def test_a_hook_put_in_place_later_is_called_as_by_stock():
    serde = JsonPlusSerializer()
    same_loads(ENCODED["standard library: uuid"], serde)
    serde._unpack_ext_hook = lambda code, data: ("mine", code)
    assert same_loads(ENCODED["standard library: uuid"], serde).value == ("mine", 0)


@needs_events
def test_a_listener_that_raises_is_logged_as_with_stock():
    def listener(event):
        raise ValueError("listener")

    unregister = register_serde_event_listener(listener)
    try:
        same_loads(ENCODED["data classes: Plain nested"])
    finally:
        unregister()
