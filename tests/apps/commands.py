"""The command as the installed script runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("fast-langgraph")


def command(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs it in a new process."""
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
        **options,
    )
