"""Imported by ``fast_langgraph_sqlite_auto.pth`` at the start of an interpreter that has FAST_LANGGRAPH_AUTO_PATCH set.

What the variables say is read when LangGraph's checkpoint modules are imported, if they ever are.
"""

import sys

# Not where another project with the same import name lies over this one, or what is left of this was uninstalled.
if hasattr(sys.modules["fast_langgraph"], "_HOMES"):
    from fast_langgraph._patching import import_hook
    from fast_langgraph.patch import patch_imported

    import_hook.install(patch_imported)
