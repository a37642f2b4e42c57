"""Fingerprints of what is stood in for, and the releases that have it. Written by scripts/known_code.py."""

#: the first and the last that were looked at
RELEASES = {
    "langgraph-checkpoint": ("3.0.1", "4.3.2"),
    "langgraph-checkpoint-sqlite": ("3.0.3", "3.1.2"),
    "langchain-core": ("1.0.0", "1.8.4"),
}

#: by the name of a site
SITES = {
    "JsonPlusSerializer.dumps_typed": {
        "26846e09a39733cc": "3.0.1 to 4.0.3",
        "f8b1a5ff0a0dd839": "4.1.0 to 4.3.2",
    },
    "JsonPlusSerializer.loads_typed": {
        "bee827b34bd1456d": "3.0.1 to 4.0.0",
        "0f3d215b10e2f5df": "4.0.1",
        "8c004cced02645fa": "4.0.2",
        "41fcc7775b3e7cbc": "4.0.3",
        "86ac583699000184": "4.1.0 to 4.2.0",
        "91ac8f9715f4221a": "4.3.0 to 4.3.2",
    },
    "SqliteSaver.put": {
        "3f586cba412510a9": "3.0.3 to 3.1.1",
        "2328fa3568543d26": "3.1.2",
    },
    "SqliteSaver.put_writes": {
        "011bd32892b348cb": "3.0.3 to 3.1.1",
        "45211d1a14a9758b": "3.1.2",
    },
    "SqliteSaver.get_tuple": {
        "a471a6689b95fb7f": "3.0.3 to 3.1.1",
        "9942a0f5e9fe82e3": "3.1.2",
    },
    "SqliteSaver.delete_thread": {
        "0028c2d366f16fd1": "3.0.3 to 3.1.1",
        "4f45710b08c205be": "3.1.2",
    },
    "AsyncSqliteSaver.aput": {
        "d6a69a706afd2c51": "3.0.3 to 3.1.1",
        "638f8ccd75f55974": "3.1.2",
    },
    "AsyncSqliteSaver.aput_writes": {
        "1b3db387fa98961c": "3.0.3 to 3.1.1",
        "0050ddd0e997bbe9": "3.1.2",
    },
    "AsyncSqliteSaver.aget_tuple": {
        "b6eb75ea7e9d0ac6": "3.0.3 to 3.1.1",
        "11df0b4b803445ac": "3.1.2",
    },
    "AsyncSqliteSaver.adelete_thread": {
        "5f07851a1ecf98dc": "3.0.3 to 3.1.1",
        "3eca2218fd3ef818": "3.1.2",
    },
}

#: by the name of a class: what runs between a payload and its instance
MESSAGES = {
    "HumanMessage": {
        "26d7390ef4d9c1fe": "1.0.0 to 1.4.3",
        "95fc9efe0b158396": "1.4.4 to 1.8.4",
    },
    "HumanMessageChunk": {
        "a0b3f8b42d27d02e": "1.0.0 to 1.4.3",
        "d2840f7519bd4741": "1.4.4 to 1.8.4",
    },
    "AIMessage": {
        "13c7fd76e00180ac": "1.0.0 to 1.2.4",
        "25674f438afc8823": "1.2.5 to 1.4.3",
        "77b120e98bb14bc4": "1.4.4 to 1.8.4",
    },
    "AIMessageChunk": {
        "7ac3d461877b4c4a": "1.0.0 to 1.2.4",
        "060dab0632d26ed6": "1.2.5 to 1.4.3",
        "792efa9613ed9da9": "1.4.4 to 1.6.5",
        "9a0c54050eaedd55": "1.6.6 to 1.8.4",
    },
    "SystemMessage": {
        "27f3a0439d0724a8": "1.0.0 to 1.4.3",
        "619576f71c5849b1": "1.4.4 to 1.8.4",
    },
    "SystemMessageChunk": {
        "11941133f2cd283d": "1.0.0 to 1.4.3",
        "9908ca6268d16023": "1.4.4 to 1.8.4",
    },
    "ToolMessage": {
        "08e48dd3c936f745": "1.0.0 to 1.4.3",
        "3e9a5a3ae4236f54": "1.4.4 to 1.8.4",
    },
    "ToolMessageChunk": {
        "5c82fc0b6a036f73": "1.0.0 to 1.4.3",
        "9864ef4381888b99": "1.4.4 to 1.8.4",
    },
    "ChatMessage": {
        "2f848b2f0641438c": "1.0.0 to 1.4.3",
        "6aae09c4d3bf30e0": "1.4.4 to 1.8.4",
    },
    "ChatMessageChunk": {
        "6597af67d8883383": "1.0.0 to 1.4.3",
        "a3b334287077cf5e": "1.4.4 to 1.8.4",
    },
    "FunctionMessage": {
        "8d5911b034769502": "1.0.0 to 1.4.3",
        "7348d11f5f20591c": "1.4.4 to 1.8.4",
    },
    "FunctionMessageChunk": {
        "c7e49e74639568de": "1.0.0 to 1.4.3",
        "1b4b025015bb31d3": "1.4.4 to 1.8.4",
    },
    "RemoveMessage": {
        "834c0b8dd6f3c725": "1.0.0 to 1.4.3",
        "d7d6aba83a4d652f": "1.4.4 to 1.8.4",
    },
    "Document": {
        "57d87c1c13082d6c": "1.0.0 to 1.4.3",
        "d532430f877e30ea": "1.4.4 to 1.8.4",
    },
}
