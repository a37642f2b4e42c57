"""The methods that patch() replaces, as they are in stock's classes before anything is patched."""

from __future__ import annotations

import inspect

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import fast_langgraph
from beside_stock.stories import MAY_BE_STOCK

STOCK_CLASSES = (JsonPlusSerializer, SqliteSaver, AsyncSqliteSaver)
PATCHED_METHODS = {
    JsonPlusSerializer: ["dumps_typed", "loads_typed"],
    SqliteSaver: ["put", "put_writes", "get_tuple", "list", "delete_thread", "get_delta_channel_history"],
    AsyncSqliteSaver: ["aput", "aput_writes", "aget_tuple", "alist", "adelete_thread", "aget_delta_channel_history"],
}
#: the methods that the installed release has and that are patched in any case
SITES = [f"{cls.__name__}.{name}" for cls, names in PATCHED_METHODS.items() for name in names if name in vars(cls)]
SITES = [name for name in SITES if name.split(".")[1] not in MAY_BE_STOCK]


def functions():
    members = ((cls.__name__, name, value) for cls in STOCK_CLASSES for name, value in vars(cls).items())
    return {(owner, name): value for owner, name, value in members if inspect.isfunction(value)}


STOCK = functions()


def counts(name):
    site = fast_langgraph.status().sites[name]
    return site.calls, dict(site.fallbacks)
