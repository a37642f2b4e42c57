"""Real servers: several workers on one database, requests in flight, a restart, a conversation that goes on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import servers
from installed_wheel import clean
from servers import SERVERS, Server, free_port

HERE = Path(__file__).parent


def serving(python: Path, kind: str, database: Path, **variables: str):
    environment = {**clean(), "DATABASE": str(database), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return servers.serving(python, kind, "chat_app:app", HERE, database.with_suffix(".log"), environment)


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
        [installed.command, *SERVERS["uvicorn"]("chat_app:app", port)],
        cwd=HERE,
        env={**clean(), "DATABASE": str(database), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    server = Server(process, port)
    try:
        server.wait()
        statuses = server.statuses()
        assert all(status["patched"] for status in statuses.values())
        assert process.pid not in statuses
    finally:
        server.stop()
