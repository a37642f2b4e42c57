"""The stock classes whose methods are replaced. Read at the start of an interpreter: plain data."""

#: by module, in the order in which they build on one another: the class, and its methods
STOCK_CLASSES = {
    "langgraph.checkpoint.serde.jsonplus": ("JsonPlusSerializer", ("dumps_typed", "loads_typed")),
    "langgraph.checkpoint.sqlite": ("SqliteSaver", ("put", "put_writes", "get_tuple", "delete_thread")),
    "langgraph.checkpoint.sqlite.aio": (
        "AsyncSqliteSaver",
        ("aput", "aput_writes", "aget_tuple", "adelete_thread"),
    ),
}

#: the names of all sites
SITES = tuple(f"{name}.{method}" for name, methods in STOCK_CLASSES.values() for method in methods)
