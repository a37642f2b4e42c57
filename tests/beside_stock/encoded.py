"""Stock's bytes of the samples."""

from __future__ import annotations

import warnings

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from beside_stock.codec import stock_dumps_typed
from samples.messages import conversations
from samples.values import all_samples

SAMPLES = all_samples()


def encoded(make):
    """Stock's bytes, or None where stock refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return stock_dumps_typed(JsonPlusSerializer(), make())
        except BaseException:
            return None


ENCODED = {name: typed for name, make in SAMPLES.items() if (typed := encoded(make)) is not None}
CONVERSATION = stock_dumps_typed(JsonPlusSerializer(), conversations()["messages in a dict"]())[1]
CHECKPOINT = stock_dumps_typed(JsonPlusSerializer(), conversations()["checkpoint"]())[1]
