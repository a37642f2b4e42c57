"""Any sequence of calls, with ids and values of any kind, does what it does on stock."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.databases import connected, opened
from beside_stock.equality import difference
from beside_stock.outcomes import error_difference
from beside_stock.stories import all_rows
from fast_langgraph import MaintenanceResult

TEXT = st.text(st.characters(exclude_categories=()), max_size=6) | st.sampled_from(
    ["", "a\0b", "é", "1", "'; --", "\ud800"]
)
# Few, so that calls meet.
THREADS = st.sampled_from(["1", "1", "1", "1", 1, 1, "2", "a\0b", "é", "", None, 2.5, "\ud800"])
NAMESPACES = st.sampled_from(["", "", "", "child:1", "child:1|x", "é\0", "\ud800"])
IDS = st.sampled_from([*(f"1ef4f797-8335-6428-8001-{n:012x}" for n in range(4)), "1", "x\0y", "", "\ud800"])
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(max_size=5)
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
)
#: no lone surrogates: of writes that fail halfway stock keeps the first half, ours nothing
CHANNELS = st.sampled_from(["messages", "count", "__error__", "__interrupt__", "__resume__", "__scheduled__"])
CHANNELS |= st.text(max_size=6)
METADATA = st.dictionaries(st.sampled_from(["source", "step", "run_id", "score"]) | TEXT, JSON, max_size=3)


@st.composite
def configs(draw: Any, with_id: bool = False) -> dict[str, Any]:
    configurable = {"thread_id": draw(THREADS), "checkpoint_ns": draw(NAMESPACES)}
    if with_id or draw(st.booleans()):
        configurable["checkpoint_id"] = draw(IDS)
    if draw(st.booleans()):
        configurable["user"] = draw(st.none() | st.booleans() | st.integers(-9, 9) | st.just("bob"))
    found = {"configurable": configurable}
    if draw(st.booleans()):
        found["metadata"] = draw(METADATA)
    return found


@st.composite
def checkpoints(draw: Any) -> dict[str, Any]:
    return {
        "v": 4,
        "ts": "2024-05-04T06:32:42.235444+00:00",
        "id": draw(IDS),
        "channel_values": draw(st.dictionaries(CHANNELS, VALUES, max_size=3)),
        "channel_versions": {},
        "versions_seen": {},
    }


WRITES = st.lists(st.tuples(CHANNELS, VALUES), max_size=4)
#: a method, and what it is called with
CALLS = st.one_of(
    st.tuples(st.just("put"), st.tuples(configs(), checkpoints(), METADATA, st.just({}))),
    st.tuples(st.just("put"), st.tuples(configs(), checkpoints(), METADATA, st.just({}))),
    st.tuples(st.just("put_writes"), st.tuples(configs(with_id=True), WRITES, st.sampled_from(["t1", "t2"]), TEXT)),
    st.tuples(st.just("put_writes"), st.tuples(configs(with_id=True), WRITES, TEXT)),
    st.tuples(st.just("get_tuple"), st.tuples(configs())),
    st.tuples(st.just("delete_thread"), st.tuples(THREADS)),
)


def outcome(call: Any) -> tuple[Any, Any]:
    """What it gives, and what it raises; PyO3 adds a note with the argument's name."""
    try:
        return call(), None
    except Exception as error:
        vars(error).pop("__notes__", None)
        return None, error


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(CALLS, min_size=8, max_size=25))
def test_a_sequence_of_calls_does_what_it_does_on_stock(calls):
    # In memory, so that a failing example is found soon; a copy shows the rows.
    with opened("stock", ":memory:") as stock, opened("ours", ":memory:") as ours, TemporaryDirectory() as directory:
        stock.setup()
        for method, arguments in calls:
            there, here = (outcome(lambda saver=saver: getattr(saver, method)(*arguments)) for saver in (stock, ours))
            assert error_difference(there[1], here[1]) is None, (method, arguments)
            if method == "delete_thread" and here[1] is None:
                # It says what it has removed, where stock says nothing.
                assert isinstance(here[0], MaintenanceResult)
                here = (None, None)
            assert difference(there[0], here[0]) is None, (method, arguments)
        for thread in {str(arguments[0]["configurable"]["thread_id"]) for method, arguments in calls if arguments[1:]}:
            listed = {"configurable": {"thread_id": thread}}
            there, here = (outcome(lambda saver=saver: by_key(saver.list(listed))) for saver in (stock, ours))
            assert error_difference(there[1], here[1]) is None, thread
            assert difference(there[0], here[0]) is None, thread
        ours.backup(Path(directory, "copy.db"))
        with connected(Path(directory, "copy.db")) as copy:
            assert all_rows(stock.conn) == all_rows(copy)


def by_key(listed: Any) -> list[Any]:
    """Where an id is in several namespaces stock has no order."""
    return sorted(listed, key=lambda found: (found.config["configurable"]["checkpoint_ns"], found.checkpoint["id"]))
