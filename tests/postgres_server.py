"""A PostgreSQL server of the tests' own, on a free port of this machine, in a folder that is removed afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from database_servers import ended_with_us, free_port, started

MISSING = (
    "PostgreSQL's programs initdb and postgres are not here. These tests start a server of their own: "
    "apt-get install postgresql, or put the folder of the programs on PATH"
)

PASSWORD = "s3cret of@the:tests"


def programs() -> Path:
    """The folder of ``initdb`` and ``postgres``; an error says how to get them."""
    folders = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError(MISSING)


def _user() -> list[str]:
    """What a command begins with: PostgreSQL refuses to run as root. The kernel ends it with the process it is of."""
    death = ended_with_us("QUIT")
    if os.geteuid():
        return death
    name = "postgres" if any(each.pw_name == "postgres" for each in pwd.getpwall()) else "nobody"
    entry = pwd.getpwnam(name)
    return [*death, "--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups"]


@dataclass(frozen=True)
class PostgresServer:
    port: int
    folder: Path

    def address(self, database: str = "postgres", password: str = PASSWORD) -> str:
        from urllib.parse import quote

        return f"postgresql://tester:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.address(database), autocommit=True) as conn:
            conn.execute(statement)

    def create(self, name: str, options: str = "") -> str:
        """A database; returns its address."""
        self.execute(f'CREATE DATABASE "{name}" {options}')
        return self.address(name)

    def drop(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def running(fsync: str = "off") -> Iterator[PostgresServer]:
    """Without fsync, unless it is asked for: what a power failure leaves is not the subject of tests."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-of-tests-"))
    found = programs()
    user = _user()
    try:
        if not os.geteuid():
            shutil.chown(folder, int(user[user.index("--reuid") + 1]), int(user[user.index("--regid") + 1]))
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        initdb = [found / "initdb", "--pgdata", folder / "data", "--username", "tester", "--pwfile", password]
        options = ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        subprocess.run([*user, *initdb, *options], check=True, capture_output=True, cwd="/", text=True)
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": fsync,
            "shared_buffers": "64MB",
        }
        command = [*user, found / "postgres", "-D", folder / "data", "-p", str(port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        server = PostgresServer(port, folder)

        def answers() -> None:
            psycopg.connect(server.address(), connect_timeout=5).close()

        with started(command, folder / "log", answers, psycopg.OperationalError, signal.SIGINT, signal.SIGQUIT):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)
