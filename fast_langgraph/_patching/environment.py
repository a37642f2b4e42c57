"""Whether FAST_LANGGRAPH_AUTO_PATCH works in this interpreter; if not, why, and the fix."""

from __future__ import annotations

import os
import site
import sys

from fast_langgraph._patching import import_hook
from fast_langgraph._shared import settings

PTH = "fast_langgraph_sqlite_auto.pth"

DISTRIBUTION = "fast-langgraph-sqlite"
#: another project, with the same import name
OTHER = "fast-langgraph"

IN_CODE = "call fast_langgraph.patch() in the app"


START_OVER = f"pip uninstall {OTHER} {DISTRIBUTION}, then install {DISTRIBUTION} again"


def _other() -> str:
    """Names the other project, if it is installed too."""
    from fast_langgraph._stock_code.releases import installed

    version = installed(OTHER)
    return version and f"{OTHER} {version}, another project with the same import name, is installed too"


def conflict() -> str:
    """A conflict with another installed package, even though ours is imported; and the fix."""
    other = _other()
    return other and f"{other}: updating or uninstalling either removes files of both. Fix: {START_OVER}"


def overlaid() -> tuple[str, str] | None:
    """Why ``import fast_langgraph`` does not import this package, and the fix; None if it does."""
    if hasattr(sys.modules["fast_langgraph"], "_HOMES"):
        return None
    other = _other()
    if other:
        return f"{other}, and has overwritten this one", START_OVER
    return "its __init__.py is missing: a package with the same files was probably uninstalled", START_OVER


def site_folders() -> list[str]:
    """The folders whose .pth files Python reads at start-up."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return site.getsitepackages() + user


def unread() -> tuple[str, str]:
    """Why a Python like this one does not read our .pth file at start-up, and the fix; empty if it does."""
    if sys.flags.no_site:
        return "Python was started with -S, which leaves .pth files unread", f"start it without -S, or {IN_CODE}"
    folders = site_folders()
    if not any(os.path.exists(os.path.join(folder, PTH)) for folder in folders):
        return (
            f"{PTH} is not in any of the folders whose .pth files Python reads ({', '.join(folders)})",
            f"install {DISTRIBUTION} into this environment (a PYTHONPATH or pip's --target is not enough), "
            f"or {IN_CODE}",
        )
    return "", ""


def obstacle() -> tuple[str, str]:
    """Why FAST_LANGGRAPH_AUTO_PATCH has no effect in this process, and the fix; empty if it has one."""
    asked = settings.read()
    if asked.disabled:
        return f"{settings.DISABLE} is set", f"unset {settings.DISABLE}"
    if not asked.on_import:
        value = os.environ.get(settings.AUTO_PATCH)
        why = "not set" if value is None else f"{value!r}"
        export = "set" if os.name == "nt" else "export"
        return f"{settings.AUTO_PATCH} is {why}", f"{export} {settings.AUTO_PATCH}=1, or {IN_CODE}"
    if import_hook.installed():
        return "", ""
    if import_hook.at_start:
        return "the import hook was removed, by unpatch() or after an error while patching", IN_CODE
    why, fix = unread()
    if why:
        return why, fix
    return f"{settings.AUTO_PATCH} was set after Python had started", "set it before, in the shell or the service"


def unknown_variables() -> list[str]:
    """Environment variables that have our prefix but are none of ours."""
    return sorted(name for name in os.environ if name.startswith(settings.PREFIX) and name not in settings.VARIABLES)
