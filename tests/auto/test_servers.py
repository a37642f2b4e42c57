"""Real servers: several workers on one database, requests in flight, a restart, a conversation that goes on."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import clean

HERE = Path(__file__).parent

UVICORN = ["-m", "uvicorn", "chat_app:app", "--workers", "2", "--log-level", "warning"]
GUNICORN = ["-m", "gunicorn", "chat_app:app", "--workers", "2", "--preload", "-k", "uvicorn_worker.UvicornWorker", "--graceful-timeout", "20"]  # fmt: skip
#: the options of each server, and how it is told its port
SERVERS = {
    "uvicorn": lambda port: [*UVICORN, "--host", "127.0.0.1", "--port", str(port)],
    "gunicorn": lambda port: [*GUNICORN, "--bind", f"127.0.0.1:{port}"],
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def say(self, thread: str, text: str) -> dict:
        answer = httpx.post(f"{self.url}/say/{thread}", content=text, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def statuses(self) -> dict[int, dict]:
        """By process: new connections go to whichever worker takes them."""
        found: dict[int, dict] = {}
        for _ in range(200):
            status = httpx.get(f"{self.url}/status", timeout=60).json()
            found[status["pid"]] = status
            if len(found) == 2:
                break
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@contextmanager
def serving(python: Path, kind: str, database: Path, **variables: str):
    port = free_port()
    log = database.with_suffix(".log")
    with log.open("a") as output:
        process = subprocess.Popen(
            [python, *SERVERS[kind](port)],
            cwd=HERE,
            env={**clean(), "DATABASE": str(database), "PYTHONDONTWRITEBYTECODE": "1", **variables},
            stdout=output,
            stderr=output,
        )
    try:
        server = Server(process, port)
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                httpx.get(f"{server.url}/status", timeout=60)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def rows(python: Path, database: Path) -> int:
    """In a process of its own, so that no lock of this one's is dropped."""
    script = f"import sqlite3; print(sqlite3.connect({str(database)!r}).execute('SELECT count(*) FROM checkpoints').fetchone()[0])"
    return int(subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="no gunicorn on Windows")
@pytest.mark.parametrize("kind", SERVERS)
def test_workers_are_patched_and_a_conversation_goes_on_after_a_restart(installed, tmp_path, kind):
    database = tmp_path / "chat.db"
    # Two workers that switch one new file to WAL at once meet stock's "database is locked": not asked here.
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    auto = {"FAST_LANGGRAPH_AUTO_PATCH": "1", "MODEL_SECONDS": "0.3"}

    with serving(installed.python, kind, database, **auto) as server:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: server.say(f"thread{n}", "first"), range(24)))
        assert all(answer["messages"] == ["first", "1: first"] for answer in answers)
        statuses = server.statuses()
        assert len(statuses) == 2, "both workers answer"
        calls = 0
        for status in statuses.values():
            assert status["patched"], status
            assert {site["state"] for site in status["sites"].values()} == {"active"}
            assert not any(site["fallbacks"] for site in status["sites"].values()), status["sites"]
            calls += status["sites"]["AsyncSqliteSaver.aput"]["calls"]
        # The input, the model and the first step of each; of what the workers have done, none is missing.
        assert calls == rows(installed.python, database)
        assert server.process.pid not in statuses

        # The restart comes while the model is thinking: those requests are answered all the same.
        with ThreadPoolExecutor(8) as pool:
            flying = [pool.submit(server.say, f"thread{n}", "second") for n in range(8)]
            time.sleep(0.15)
            server.process.send_signal(signal.SIGTERM)
            answered = [future.result() if future.exception() is None else None for future in flying]
        server.process.wait(60)
        said = [n for n, answer in enumerate(answered) if answer is not None]
        assert said, "none of the requests in flight was answered"

    with serving(installed.python, kind, database, **auto) as server:
        for n in said:
            third = server.say(f"thread{n}", "third")
            assert third["messages"] == ["first", "1: first", "second", "3: second", "third", "5: third"]
        assert server.say("thread20", "second")["messages"] == ["first", "1: first", "second", "3: second"]

    # And stock goes on with it.
    with serving(installed.python, kind, database) as server:
        assert not any(status["patched"] for status in server.statuses().values())
        fourth = server.say(f"thread{said[0]}", "fourth")["messages"]
        assert fourth[-2:] == ["fourth", "7: fourth"]


def test_the_command_runs_a_server_whose_workers_are_patched(installed, tmp_path):
    database = tmp_path / "chat.db"
    port = free_port()
    process = subprocess.Popen(
        [installed.command, *SERVERS["uvicorn"](port)],
        cwd=HERE,
        env={**clean(), "DATABASE": str(database), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    server = Server(process, port)
    try:
        for _ in range(600):
            try:
                found = httpx.get(f"{server.url}/status", timeout=60).json()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        assert found["patched"]
        assert found["pid"] != process.pid
    finally:
        server.stop()
