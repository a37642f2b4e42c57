"""A database server of the tests' own: started on a free port of this machine, waited for, and stopped."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: seconds until a server answers, or has ended
PATIENCE = 60


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def ended_with_us(by: str) -> list[str]:
    """What a command begins with. The kernel sends the signal once the process is gone that it is of."""
    return ["setpriv", "--pdeathsig", by]


@contextmanager
def started(
    command: Sequence[Any],
    log: Path,
    answers: Callable[[], object],
    not_yet: type[Exception],
    stop: signal.Signals,
    at_last: signal.Signals,
) -> Iterator[None]:
    """``answers`` raises ``not_yet`` until the server does. ``at_last`` ends what does not heed ``stop``."""
    with log.open("w") as output:
        # In a session of its own: Ctrl-C is for the tests, which stop the server.
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", start_new_session=True)
    try:
        _wait(process, log, answers, not_yet)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(at_last)
            process.wait()


def _wait(process: Any, log: Path, answers: Callable[[], object], not_yet: type[Exception]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the server did not start:\n{log.read_text()}")
        try:
            answers()
            return
        except not_yet:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
