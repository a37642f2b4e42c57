"""A MariaDB server of the tests' own, on a free port of this machine, in a folder that is removed afterwards."""

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

import pymysql

from database_servers import ended_with_us, free_port, started

MISSING = (
    "MariaDB's programs mariadbd and mariadb-install-db are not here. These tests start a server of their own: "
    "apt-get install mariadb-server, or put the folders of the programs on PATH"
)


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/bin")
    if found is None:
        raise RuntimeError(MISSING)
    return found


@dataclass(frozen=True)
class MariaDBServer:
    port: int

    def connect(self) -> pymysql.Connection:  # type: ignore[type-arg]
        return pymysql.connect(host="127.0.0.1", port=self.port, user="tester", autocommit=True)

    def execute(self, statement: str) -> None:
        with self.connect() as conn, conn.cursor() as cursor:
            cursor.execute(statement)

    def create(self, name: str) -> str:
        """A database; returns its address."""
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return f"mysql://tester:@127.0.0.1:{self.port}/{name}"

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")


@contextmanager
def running() -> Iterator[MariaDBServer]:
    """Without waiting for the disk: what a power failure leaves is not the subject here."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-of-tests-"))
    user = _user()
    try:
        shutil.chown(folder, user)
        install = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={folder}/data", f"--user={user}"]
        install += ["--skip-test-db", "--auth-root-authentication-method=normal"]
        subprocess.run(install, check=True, capture_output=True, text=True, cwd="/")
        start = folder / "start.sql"
        start.write_text("CREATE USER tester@'127.0.0.1';\nGRANT ALL ON *.* TO tester@'127.0.0.1';\n")
        start.chmod(0o644)
        port = free_port()
        command = [*ended_with_us("KILL"), _program("mariadbd"), "--no-defaults", f"--user={user}"]
        command += [f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
        command += ["--bind-address=127.0.0.1", f"--port={port}", f"--init-file={start}"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"]
        server = MariaDBServer(port)

        def answers() -> None:
            server.connect().close()

        with started(command, folder / "log", answers, pymysql.OperationalError, signal.SIGTERM, signal.SIGKILL):
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    """MariaDB refuses to run as root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    return "mysql" if any(each.pw_name == "mysql" for each in pwd.getpwall()) else "nobody"
