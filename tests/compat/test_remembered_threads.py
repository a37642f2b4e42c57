"""States that threads edit while others put and get them: what was put is what the state was, as far as anybody can tell."""

from __future__ import annotations

import random
import sys
import time

import pydantic
import pytest
from langchain_core.messages import HumanMessage

from apps.soak import scaled
from beside_stock.codec import stock_loads_typed
from beside_stock.equality import difference
from beside_stock.remembered import Remembered
from fast_langgraph import _native
from fast_langgraph._shared import verification
from threads import all_at_once

PLACES = [(1, "one", ""), (1, "two", "")]


class Slow(pydantic.BaseModel):
    """Other threads go on whenever it is dumped."""

    name: str = "x"

    def model_dump(self, **options):
        for _ in range(20):
            time.sleep(0)
        return {"name": self.name}


@pytest.fixture
def remembered():
    interval = sys.getswitchinterval()
    made = Remembered()
    _native.verify_remembered(verification.compare)
    sys.setswitchinterval(1e-5)
    yield made
    sys.setswitchinterval(interval)
    _native.verify_remembered(None)
    verification.begin()


def state():
    messages = [HumanMessage(f"m{n}", id=str(n), additional_kwargs={"l": [1.5, {"x": n}], "d": {}}) for n in range(30)]
    for index in (25, 10, 0):
        messages.insert(index, Slow())
    return {"channel_values": {"messages": messages, "some": messages[1:9], "keyed": {f"k{n}": [n] for n in range(9)}}}


#: each takes a message and a number
EDITS = [
    lambda m, n: setattr(m, "content", f"edited {n}"),
    lambda m, n: m.additional_kwargs["l"].__setitem__(0, n),
    lambda m, n: m.additional_kwargs["l"].append(n),
    lambda m, n: m.additional_kwargs["l"][1].update(x=n),
    lambda m, n: m.additional_kwargs["l"].__setitem__(slice(None), [1.5, {"x": n}]),
    lambda m, n: vars(m).update(id=str(n)),
    lambda m, n: (m.additional_kwargs["d"].clear(), m.additional_kwargs["d"].update(q=n)),
]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(scaled(3, 1_000)))
def test_what_is_edited_while_a_state_is_encoded_is_seen_by_the_next_put(remembered, seed):
    value, done = state(), []
    messages = value["channel_values"]["messages"]

    def edit(order):
        while len(done) < 3:
            message = messages[order.randrange(20, len(messages))]
            if isinstance(message, HumanMessage):
                order.choice(EDITS)(message, order.random())
            time.sleep(0)

    def put_and_get(place):
        try:
            for _ in range(20):
                try:
                    _, data = remembered.put(value, place)
                except (TypeError, ValueError):
                    continue  # a dict has changed while it was encoded
                found = remembered.get(data, (1, f"{place[1]} again", ""))
                assert difference(stock_loads_typed(remembered.serde, ("msgpack", data)), found) is None
                del found
        finally:
            done.append(place)

    def work(n):
        edit(random.Random(seed * 10 + n)) if n > 2 else put_and_get(PLACES[n % 2])

    all_at_once(work, 5)
    counted = remembered.counted()
    assert counted["encoded_unchanged"] > 100
    assert counted["encoded_changed"] > 10
    for place in PLACES * 2:
        remembered.dumps(value, place)
