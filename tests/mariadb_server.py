"""A MariaDB server of the tests' own, on a free port of this machine, in a folder that is removed afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

MISSING = (
    "MariaDB's programs mariadbd and mariadb-install-db are not here. These tests start a server of their own: "
    "apt-get install mariadb-server, or put the folders of the programs on PATH"
)

#: seconds until a server answers
PATIENCE = 60


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
        port = _free_port()
        command = ["setpriv", "--pdeathsig", "KILL", _program("mariadbd"), "--no-defaults", f"--user={user}"]
        command += [f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
        command += ["--bind-address=127.0.0.1", f"--port={port}", f"--init-file={start}"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"]
        log = folder / "log"
        with log.open("w") as output:
            # In a session of its own: Ctrl-C is for the tests, which stop the server.
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", start_new_session=True)
        try:
            server = MariaDBServer(port)
            _wait(server, process, log)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    """MariaDB refuses to run as root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    return "mysql" if any(each.pw_name == "mysql" for each in pwd.getpwall()) else "nobody"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(server: MariaDBServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"MariaDB did not start:\n{log.read_text()}")
        try:
            server.connect().close()
            return
        except pymysql.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
