"""Runs a script in a new interpreter that finds what this one finds."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

COMMON = """
import fast_langgraph
from beside_stock.codec import same_dumps, same_loads, stock_dumps_typed
from beside_stock.outcomes import observe
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
"""


def same_path() -> str:
    """The beginning of a script that finds what this interpreter finds."""
    return f"import sys\nsys.path[:] = {[entry for entry in sys.path if entry]!r}\n"


def in_new_process(
    script: str, *options: str, common: bool = True, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The finished process. ``options`` are the interpreter's; ``common`` imports what most need."""
    source = same_path() + (COMMON if common else "") + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, *options, "-c", source],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )
