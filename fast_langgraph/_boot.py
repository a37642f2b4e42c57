"""Imported by ``fast_langgraph_sqlite_auto.pth`` at the start of an interpreter that has FAST_LANGGRAPH_AUTO_PATCH set.

It only installs the import hook. The other variables are read once LangGraph's checkpoint modules are imported.
"""

import sys

# Not if another project with the same import name has overwritten this one, or this one is half uninstalled.
if hasattr(sys.modules["fast_langgraph"], "_HOMES"):
    from fast_langgraph._patching import import_hook
    from fast_langgraph.patch import patch_imported

    import_hook.install(patch_imported)
    import_hook.at_start = True
