"""An agent on what is installed: under ``patch()``, on RustSQLiteCheckpointer, and by the variable, without code.

Run in an empty folder by an interpreter that fast-langgraph-sqlite[langgraph] was installed for. On Windows and macOS
Rust does not reach SQLite yet: there the codec is in Rust, and RustSQLiteCheckpointer says that it is not there.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from importlib.metadata import files, version
from pathlib import Path

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

import fast_langgraph

CONFIG = {"configurable": {"thread_id": "conversation"}}
BY_VARIABLE = """
from langgraph.checkpoint.sqlite import SqliteSaver
import fast_langgraph
print(fast_langgraph.status().sites["JsonPlusSerializer.dumps_typed"].state)
"""


def converse(checkpointer) -> list[str]:
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [AIMessage(f"answer {len(state['messages'])}")]})
    graph.add_edge(START, "model")
    app = graph.compile(checkpointer=checkpointer)
    for question in ("one", "two"):
        app.invoke({"messages": [HumanMessage(question)]}, CONFIG)
    return [message.content for message in app.get_state(CONFIG).values["messages"]]


REACHED = sys.platform == "linux"
EXPECTED = ["one", "answer 1", "two", "answer 3"]

home = Path(fast_langgraph.__file__).parent
installed = {Path(file.locate()).resolve() for file in files("fast-langgraph-sqlite") or []}
assert (home / "__init__.py").resolve() in installed, home
assert (home.parent / "fast_langgraph_sqlite_auto.pth").resolve() in installed
[license] = [path for path in installed if path.name == "THIRD-PARTY-LICENSES.txt"]
assert "rusqlite" in license.read_text(encoding="utf-8")

fast_langgraph.patch()
with SqliteSaver.from_conn_string("patched.db") as saver:
    assert converse(saver) == EXPECTED
sites = fast_langgraph.status().sites
for name in ("JsonPlusSerializer.dumps_typed", "JsonPlusSerializer.loads_typed", "SqliteSaver.put"):
    state = "active" if REACHED or name.startswith("JsonPlus") else "skipped"
    assert (sites[name].state, sites[name].fallbacks) == (state, {}), sites[name]
    assert (sites[name].calls > 0) == (state == "active"), sites[name]
status = str(fast_langgraph.status())
fast_langgraph.unpatch()
with SqliteSaver.from_conn_string("patched.db") as saver:
    messages = saver.get_tuple(CONFIG).checkpoint["channel_values"]["messages"]
    assert [message.content for message in messages] == EXPECTED, "stock reads what was written"

try:
    with fast_langgraph.RustSQLiteCheckpointer("ours.db") as checkpointer:
        assert converse(checkpointer) == EXPECTED
except RuntimeError as error:
    assert not REACHED
    assert "is not there yet on" in str(error), error
else:
    assert REACHED
    assert sqlite3.connect("ours.db").execute("SELECT count(*) FROM checkpoints").fetchone()[0] > 4

environment = {**os.environ, "FAST_LANGGRAPH_AUTO_PATCH": "1"}
done = subprocess.run([sys.executable, "-c", BY_VARIABLE], env=environment, capture_output=True, text=True, check=False)
assert (done.returncode, done.stdout, done.stderr) == (0, "active\n", ""), done
print(f"an agent ran on fast-langgraph-sqlite {version('fast-langgraph-sqlite')}")
print(status)
