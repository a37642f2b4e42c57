"""Reads and writes a file in the compact layout by plain SQL, with whatever SQLite a module brings.

Started as a process of its own: ``python plain_sql.py MODULE FILE``. Prints the version, and the rows before
and after what it did.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

COLUMNS = "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
INSERT = f"INSERT {{}} INTO checkpoints ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"


def rows(execute: Any) -> list[list[Any]]:
    found = execute(f"SELECT {COLUMNS} FROM checkpoints ORDER BY 1, 2, 3")
    return [[value.hex() if isinstance(value, bytes) else value for value in row] for row in found]


def main(module: str, path: str) -> None:
    library = importlib.import_module(module)
    if module == "apsw":
        connection = library.Connection(path)
        version = library.sqlitelibversion()
    else:
        connection = library.connect(path, isolation_level=None)
        version = library.sqlite_version

    def execute(sql: str, *parameters: Any) -> list[Any]:
        return list(connection.cursor().execute(sql, parameters))

    before = rows(execute)
    ids = [id for (id,) in execute("SELECT checkpoint_id FROM checkpoints WHERE thread_id = 'chat' ORDER BY 1")]
    new = ("chat", "", "new", ids[-1], "msgpack", bytes(range(256)) * 40, b"{}")
    execute(INSERT.format(""), *new)
    # One that is made of pieces, by one that is not.
    execute(INSERT.format("OR REPLACE"), "chat", "", ids[3], ids[2], "msgpack", b"\x00\x01" * 3_000, b'{"a": 1}')
    execute("UPDATE checkpoints SET metadata = ? WHERE thread_id = 'chat' AND checkpoint_id = ?", b'{"b": 2}', ids[4])
    execute("UPDATE checkpoints SET checkpoint = ? WHERE thread_id = 'chat' AND checkpoint_id = ?", b"\x80", ids[5])
    execute("DELETE FROM checkpoints WHERE thread_id = 'chat' AND checkpoint_id = ?", ids[0])
    execute("DELETE FROM checkpoints WHERE thread_id = 'gone'")
    assert execute("PRAGMA integrity_check") == [("ok",)]
    print(json.dumps({"version": version, "before": before, "after": rows(execute)}))
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
