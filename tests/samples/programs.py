"""Programs that tell what Python has given them: as a script, a module and a package."""

from __future__ import annotations

from pathlib import Path

TELL = """
import os, sys, json
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "name": __name__, "file": globals().get("__file__"),
    "package": __package__, "spec": __spec__ and __spec__.name, "main": vars(sys.modules["__main__"]) is globals(),
    "flags": list(sys.flags), "xoptions": sys._xoptions, "cached": globals().get("__cached__"),
    "loader": type(__loader__).__name__ if not isinstance(__loader__, type) else __loader__.__name__,
}))
"""


def write_programs(folder: Path) -> None:
    """``app.py``, ``package/module.py`` and ``package`` tell; ``wrong.py`` is none."""
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    for path in (folder / "app.py", package / "module.py", package / "__main__.py"):
        path.write_text(TELL)
    (folder / "wrong.py").write_text("def f(:\n")
