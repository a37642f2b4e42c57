"""Imported by ``fast_langgraph_sqlite_auto.pth`` at the start of an interpreter that has FAST_LANGGRAPH_AUTO_PATCH set.

What the variables say is read when LangGraph's checkpoint modules are imported, if they ever are.
"""

from fast_langgraph import _import_hook

_import_hook.install()
