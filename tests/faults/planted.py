"""Operations with a defect, which the harness must notice."""

from __future__ import annotations

import os
import signal
import sqlite3

from .operations import SEED, App, Operation


def acknowledges_first(app: App) -> None:
    n = SEED["worked"] + 1
    app.ledger.add("put", "worked", n)
    app.put("worked", n)


def removes_another(app: App) -> None:
    app.put("worked", SEED["worked"] + 1)
    with sqlite3.connect(app.path) as other:
        other.execute("DELETE FROM checkpoints WHERE thread_id = 'kept' AND rowid % 2")
    other.close()


def changes_a_byte(app: App) -> None:
    app.put("worked", SEED["worked"] + 1)
    with sqlite3.connect(app.path) as other:
        [(row, data)] = other.execute("SELECT rowid, checkpoint FROM checkpoints WHERE thread_id = 'kept' LIMIT 1")
        changed = data.replace(b"kept:0", b"kept:1")
        other.execute("UPDATE checkpoints SET checkpoint = ? WHERE rowid = ?", [changed, row])
        other.execute("UPDATE writes SET value = x'c0' WHERE thread_id = 'kept' AND channel = 'a'")
    other.close()


def raises_another_class(app: App) -> None:
    try:
        app.put("worked", SEED["worked"] + 1)
    except sqlite3.Error as error:
        raise RuntimeError("not what an app would catch") from error


def aborts(app: App) -> None:
    try:
        app.put("worked", SEED["worked"] + 1)
    except sqlite3.Error:
        os.abort()


def hangs(app: App) -> None:
    try:
        app.put("worked", SEED["worked"] + 1)
    except sqlite3.Error:
        signal.pause()


def leaves_it_closed(app: App) -> None:
    try:
        app.put("worked", SEED["worked"] + 1)
    except sqlite3.Error:
        app.close()


def damages_the_file(app: App) -> None:
    app.put("worked", SEED["worked"] + 1)
    app.close()
    with open(app.path, "r+b") as file:
        file.seek(0, 2)
        for page in range(file.tell() // 8192, file.tell() // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 16)
    os.kill(os.getpid(), signal.SIGKILL)


def removes_a_part(app: App) -> None:
    with sqlite3.connect(app.path) as other:
        other.execute("DELETE FROM writes WHERE thread_id = 'gone'")
    other.close()


OPERATIONS = {
    f"planted: {function.__name__.replace('_', ' ')}": Operation(function)
    for function in (
        acknowledges_first,
        removes_another,
        changes_a_byte,
        raises_another_class,
        aborts,
        hangs,
        leaves_it_closed,
        damages_the_file,
    )
}
OPERATIONS["planted: removes a part"] = Operation(removes_a_part, removes={"gone": SEED["gone"]}, as_a_whole=True)
