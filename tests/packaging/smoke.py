"""Installs the wheel that a folder has for this interpreter into an empty environment, and runs agent.py there.

python tests/packaging/smoke.py dist
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

tag = "cp{}{}".format(*sys.version_info)
[wheel] = Path(sys.argv[1]).resolve().glob(f"fast_langgraph_sqlite-*-{tag}-{tag}-*.whl")
with tempfile.TemporaryDirectory() as folder:
    environment, empty = Path(folder, "environment"), Path(folder, "empty")
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{wheel}[langgraph]"], check=True)
    empty.mkdir()
    subprocess.run([python, Path(__file__).resolve().with_name("agent.py")], cwd=empty, check=True)
