"""Builds the C file that is loaded before SQLite, and arms it from within its process."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: in the order of shim.c's `enum effect`
COUNT = "count"
EIO = "EIO"
ENOSPC = "ENOSPC"
FULL = "ENOSPC from then on"
SHORT = "short write"
TORN = "short write, killed"
KILL_BEFORE = "killed before"
KILL_AFTER = "killed after"
NO_MEMORY = "no memory"
NO_MEMORY_ON = "no memory from then on"
EFFECTS = (COUNT, EIO, ENOSPC, FULL, SHORT, TORN, KILL_BEFORE, KILL_AFTER, NO_MEMORY, NO_MEMORY_ON)

KILLS = (TORN, KILL_BEFORE, KILL_AFTER)
MEMORY = (NO_MEMORY, NO_MEMORY_ON)


def why_not() -> str | None:
    """Why faults can't be injected here."""
    if not sys.platform.startswith("linux"):
        return "LD_PRELOAD and /proc are Linux's"
    if not os.confstr("CS_GNU_LIBC_VERSION"):
        return "the shim hands allocations on to glibc"
    if not compiler():
        return "no C compiler"
    return None


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    library = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([str(compiler()), *options, "-o", str(library), str(source)], check=True)
    return library


class Shim:
    """In a process that was started with the library preloaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.fault_disarm.restype = ctypes.c_long
        self._library.fault_arm.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_int]

    def can_refuse_memory(self) -> bool:
        """Whether SQLite is a library of its own: only then its allocations can be told from others."""
        return bool(self._library.fault_can_refuse_memory())

    def arm(self, folder: Path, effect: str, at: int, report: int) -> None:
        """The call with the number ``at`` under ``folder`` is struck, and reported to the handle; 0 strikes none."""
        self._library.fault_arm(os.fsencode(folder), EFFECTS.index(effect), at, report)

    def disarm(self) -> int:
        """How many calls were counted since it was armed."""
        return int(self._library.fault_disarm())
