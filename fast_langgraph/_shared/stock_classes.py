"""The stock classes whose methods are replaced. Plain data, because it is read at interpreter start."""

#: by module, the class and its methods; each class may use those before it
STOCK_CLASSES = {
    "langgraph.checkpoint.serde.jsonplus": ("JsonPlusSerializer", ("dumps_typed", "loads_typed")),
    "langgraph.checkpoint.sqlite": (
        "SqliteSaver",
        ("put", "put_writes", "get_tuple", "delete_thread", "get_delta_channel_history", "setup"),
    ),
    "langgraph.checkpoint.sqlite.aio": (
        "AsyncSqliteSaver",
        ("aput", "aput_writes", "aget_tuple", "adelete_thread", "aget_delta_channel_history", "setup"),
    ),
}

#: the names of all sites
SITES = tuple(f"{name}.{method}" for name, methods in STOCK_CLASSES.values() for method in methods)
