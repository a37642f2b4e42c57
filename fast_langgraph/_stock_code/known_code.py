"""Fingerprints of the code that ours replaces, by release. Written by scripts/known_code.py."""

#: by distribution, the first and the last release that was looked at
RELEASES = {
    "langgraph-checkpoint": ("3.0.1", "4.3.2"),
    "langgraph-checkpoint-sqlite": ("3.0.3", "3.1.2"),
    "langchain-core": ("1.0.0", "1.8.4"),
}

#: by site
SITES = {
    "JsonPlusSerializer.dumps_typed": {
        "b98885807519b21c": "3.0.1 to 4.0.3",
        "927578c57534e6bf": "4.1.0 to 4.3.2",
    },
    "JsonPlusSerializer.loads_typed": {
        "7ef78df3763db1d1": "3.0.1 to 4.0.0",
        "0a1397ca2d561ef5": "4.0.1",
        "36b577bf4d8fca96": "4.0.2",
        "d1a846d4458b53b5": "4.0.3",
        "dddb1679f8e3ace7": "4.1.0 to 4.2.0",
        "3b44975ae85ab40e": "4.3.0 to 4.3.2",
    },
    "SqliteSaver.put": {
        "6ab35e5dc64e6e37": "3.0.3 to 3.1.1",
        "6e6fa63f9c307e30": "3.1.2",
    },
    "SqliteSaver.put_writes": {
        "c2dfab13824112cb": "3.0.3 to 3.1.1",
        "d132a5852a4405a8": "3.1.2",
    },
    "SqliteSaver.get_tuple": {
        "9265d899c3442482": "3.0.3 to 3.1.1",
        "7c579c520dec392b": "3.1.2",
    },
    "SqliteSaver.delete_thread": {
        "b402228f1332274f": "3.0.3 to 3.1.1",
        "3609a9ad0e91c9e4": "3.1.2",
    },
    "SqliteSaver.setup": {
        "99a4704cc0471b0f": "3.0.3 to 3.1.1",
        "bcefcd85dc5e63b8": "3.1.2",
    },
    "AsyncSqliteSaver.aput": {
        "d0b81e1a6d4f70f8": "3.0.3 to 3.1.1",
        "3204855bcd0c5491": "3.1.2",
    },
    "AsyncSqliteSaver.aput_writes": {
        "4d78b26655edb61b": "3.0.3 to 3.1.1",
        "3cc215dae56c12a2": "3.1.2",
    },
    "AsyncSqliteSaver.aget_tuple": {
        "f52d359cd62ee786": "3.0.3 to 3.1.1",
        "a2a28d1e5adf8053": "3.1.2",
    },
    "AsyncSqliteSaver.adelete_thread": {
        "f24731a444fa5fc6": "3.0.3 to 3.1.1",
        "cecd438ffe429c80": "3.1.2",
    },
    "AsyncSqliteSaver.setup": {
        "362685a284c4432b": "3.0.3 to 3.1.1",
        "18b4ab5e579d752a": "3.1.2",
    },
    "SqliteSaver.get_delta_channel_history": {
        "8b9e1ff938a4ed21": "3.1.0 to 3.1.1",
        "d03d2f281b78cffb": "3.1.2",
    },
    "AsyncSqliteSaver.aget_delta_channel_history": {
        "daa7e1edd0cb5cbf": "3.1.0 to 3.1.1",
        "fe14b51cf932a2a1": "3.1.2",
    },
}

#: what savers use of langgraph.checkpoint.base
BASE = {
    "6368074df36f4b2d": "3.0.1 to 4.2.0",
    "88981c66fee2b924": "4.3.0 to 4.3.2",
}

#: by message class: what runs when an instance is made from a payload
MESSAGES = {
    "HumanMessage": {
        "7bfd7e88269f99e7": "1.0.0 to 1.4.3",
        "f6fe3e785ab714fc": "1.4.4 to 1.8.4",
    },
    "HumanMessageChunk": {
        "eb12aa010f07f6e1": "1.0.0 to 1.4.3",
        "9ada9f80b04d4e9c": "1.4.4 to 1.8.4",
    },
    "AIMessage": {
        "d5f3021d8f53cf98": "1.0.0 to 1.2.4",
        "9125ffe87f3bf70a": "1.2.5 to 1.4.3",
        "ca73b2eddda1aab7": "1.4.4 to 1.8.4",
    },
    "AIMessageChunk": {
        "0708bfe4780adc4f": "1.0.0 to 1.2.4",
        "ace56e36181be623": "1.2.5 to 1.4.3",
        "34d91ce0fa346ed7": "1.4.4 to 1.6.5",
        "ea3d6e36d4257d86": "1.6.6 to 1.8.4",
    },
    "SystemMessage": {
        "d66b5095cd3c3fe6": "1.0.0 to 1.4.3",
        "73b1cc84de368cb2": "1.4.4 to 1.8.4",
    },
    "SystemMessageChunk": {
        "1f1d931548ab5228": "1.0.0 to 1.4.3",
        "628118d751582b67": "1.4.4 to 1.8.4",
    },
    "ToolMessage": {
        "15fd4e5b96fc6096": "1.0.0 to 1.4.3",
        "15ac241356c10f1d": "1.4.4 to 1.8.4",
    },
    "ToolMessageChunk": {
        "4a07510295f87989": "1.0.0 to 1.4.3",
        "49b4d40ecaaf4f51": "1.4.4 to 1.8.4",
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
