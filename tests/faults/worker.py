"""A process with everything imported that forks one process for each run: with the shim to be struck, without it to
look at what is left.

It reads a job from each line of stdin, and answers with how the job's process ended.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import fast_langgraph
from fast_langgraph import RustSQLiteCheckpointer

from . import planted
from .ledger import Ledger, checkpoint, config, metadata
from .looking import look
from .operations import OPERATIONS, App, Operation
from .shim import MEMORY, Shim

#: seconds after which a process hangs
PATIENCE = 60

Outcome = dict[str, Any]


def described(error: BaseException) -> list[str]:
    """Its classes by name, and last what it says."""
    return [*(f"{cls.__module__}.{cls.__name__}" for cls in type(error).__mro__), str(error)]


def tried(step: Any, *arguments: Any) -> list[str] | None:
    """What was raised."""
    try:
        step(*arguments)
    except BaseException as error:
        if os.environ.get("FAULTS_TRACE"):
            traceback.print_exc()
        return described(error)
    return None


def use(app: App) -> None:
    """One more put and get."""
    app.put("after", 1)
    app.put_writes("after", 1)
    found = app.saver.get_tuple(config("after"))
    assert found is not None
    assert found.checkpoint["channel_values"]["n"] == 1
    assert len(found.pending_writes) == 3


def run(job: dict[str, Any]) -> None:
    """Sets up, performs the operation while a fault strikes, and uses the object once it is over."""
    shim = Shim()
    operation: Operation = {**OPERATIONS, **planted.OPERATIONS}[job["operation"]]
    app = App(Path(job["database"]), job["layout"], Ledger(Path(job["book"]) / "ledger"))
    operation.prepare(app)
    report = os.open(Path(job["book"]) / "struck", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    outcome: Outcome = {"can_refuse_memory": shim.can_refuse_memory()}
    if job["effect"] not in MEMORY or outcome["can_refuse_memory"]:
        shim.arm(app.folder.parent, job["effect"], job["at"], report)
    outcome["raised"] = tried(operation.perform, app)
    outcome["counted"] = shim.disarm()
    if operation.closes or app.saver is None:
        outcome["reopened"] = tried(app.open)
    outcome["used"] = tried(use, app)
    if outcome["used"]:
        outcome["used_reopened"] = tried(app.close) or tried(app.open) or tried(use, app)
    outcome["repeated"] = tried(operation.perform, app) if operation.repeatable else None
    # Afterwards the log can be moved into the database, too.
    outcome["vacuumed"] = None if app.is_patched else tried(app.saver.vacuum)
    outcome["closed"] = tried(app.close)
    (Path(job["book"]) / "outcome").write_text(json.dumps(outcome))


def inspect(job: dict[str, Any]) -> None:
    """In a process of its own, without the shim."""
    found = look(Path(job["database"]), Path(job["book"]) / "ledger", job["operation"], job["layout"])
    (Path(job["book"]) / "found").write_text(json.dumps(found))


def in_a_fork(job: dict[str, Any]) -> int:
    """Its exit status, or the negative number of the signal that has ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        faulthandler.register(signal.SIGALRM, chain=True)
        signal.alarm(job.get("patience", PATIENCE))
        (inspect if job["effect"] is None else run)(job)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def warm_up() -> None:
    """What is done once a process, such as looking at stock's code, is done before the forks."""
    with RustSQLiteCheckpointer(":memory:") as saver:
        saver.put(config("t"), checkpoint("t", 1), metadata("t", 1), {})
        saver.get_tuple(config("t"))
    fast_langgraph.patch()
    fast_langgraph.unpatch()
    gc.freeze()


def main() -> None:
    warm_up()
    for line in sys.stdin:
        job = json.loads(line)
        print(in_a_fork(job), flush=True)


if __name__ == "__main__":
    main()
