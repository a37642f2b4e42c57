"""What importing and patching cost, each time in a new interpreter."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

IMPORT = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
import fast_langgraph
took = time.perf_counter() - began
langgraph = sorted(name for name in sys.modules if name.startswith(("langgraph", "langchain")))
print(__import__("json").dumps([took, langgraph]))
"""
PATCH = """
import time
import langgraph.checkpoint.sqlite, langgraph.checkpoint.sqlite.aio, langgraph.graph
import fast_langgraph
began = time.perf_counter()
fast_langgraph.patch()
took = time.perf_counter() - began
assert fast_langgraph.is_patched()
print(__import__("json").dumps([took, []]))
"""
# The line of the .pth file, as Python's site module executes it.
LINE = """
import json, os, sys, time, sysconfig
if {on}:
    os.environ["FAST_LANGGRAPH_AUTO_PATCH"] = "1"
path = os.path.join(sysconfig.get_path("platlib"), "fast_langgraph_sqlite_auto.pth")
line = open(path).read()
assert not [name for name in sys.modules if name.startswith("fast_langgraph")]
began = time.perf_counter()
exec(line)
took = time.perf_counter() - began
langgraph = sorted(name for name in sys.modules if name.startswith(("langgraph", "langchain")))
assert ("fast_langgraph._boot" in sys.modules) is {on}
print(json.dumps([took, langgraph]))
"""


def median(code: str, times: int = 11) -> float:
    taken = []
    for _ in range(times):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        took, langgraph = json.loads(done.stdout)
        assert langgraph == [], f"importing fast_langgraph imports {langgraph}"
        taken.append(took)
    return statistics.median(taken)


def main() -> None:
    print(f"import fast_langgraph, alone            {median(IMPORT) * 1e3:8.2f} ms")
    print(f"at Python's start, without the variable {median(LINE.format(on=False)) * 1e3:8.2f} ms")
    print(f"at Python's start, with it              {median(LINE.format(on=True)) * 1e3:8.2f} ms")
    print(f"patch(), with langgraph imported        {median(PATCH) * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
