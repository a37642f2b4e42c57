"""Real servers on the loopback, as apps are run."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from database_servers import free_port

UVICORN = ["-m", "uvicorn", "--workers", "2", "--log-level", "warning"]
GUNICORN = ["-m", "gunicorn", "--workers", "2", "--preload", "-k", "uvicorn_worker.UvicornWorker", "--graceful-timeout", "20"]  # fmt: skip
#: the options of each server, by the app and the port
SERVERS: dict[str, Callable[[str, int], list[str]]] = {
    "uvicorn": lambda app, port: [*UVICORN, app, "--host", "127.0.0.1", "--port", str(port)],
    "gunicorn": lambda app, port: [*GUNICORN, app, "--bind", f"127.0.0.1:{port}"],
}


class Server:
    """An app that answers to /say/{thread} and to /status."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def say(self, thread: str, text: str) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/say/{thread}", content=text, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def statuses(self) -> dict[int, dict[str, Any]]:
        """By process: new connections go to whichever worker takes them."""
        found: dict[int, dict[str, Any]] = {}
        for _ in range(200):
            status = httpx.get(f"{self.url}/status", timeout=60).json()
            found[status["pid"]] = status
            if len(found) == 2:
                break
        return found

    def wait(self, why: Callable[[], str] = lambda: "") -> None:
        """Until it answers."""
        for _ in range(600):
            assert self.process.poll() is None, why()
            try:
                httpx.get(f"{self.url}/status", timeout=60)
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(why())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@contextmanager
def serving(
    python: Path | str, kind: str, app: str, folder: Path, log: Path, environment: dict[str, str]
) -> Iterator[Server]:
    """A server of ``app``, a module in ``folder``, as long as the block runs."""
    port = free_port()
    with log.open("a") as output:
        process = subprocess.Popen(
            [python, *SERVERS[kind](app, port)], cwd=folder, env=environment, stdout=output, stderr=output
        )
    server = Server(process, port)
    try:
        server.wait(log.read_text)
        yield server
    finally:
        if process.poll() is None:
            server.stop()
