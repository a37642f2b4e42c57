"""What is stored is shown as data: nothing that a database names is imported, made or called."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from fast_langgraph._cli.stored import AsData, Typed, Unread, as_json, one_line
from samples import hostile, values
from samples.checkpoints import checkpoint

PAYLOADS = {**hostile.exts(), **hostile.payloads(), **hostile.maps(), **hostile.depths(), **hostile.lengths()}


def test_what_jsonplus_writes_is_read_as_data_of_json():
    written = 0
    for name, make in values.all_samples().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                stored = JsonPlusSerializer().dumps_typed(make())
            except Exception:
                continue  # stock does not write it
        found = AsData().loads_typed(stored)
        assert json.dumps(as_json(found)), name
        assert len(one_line(found, 50)) <= 50, name
        written += 1
    assert written > 200


def test_whatever_the_bytes_it_is_data_or_a_value_error():
    before = set(sys.modules)
    read = refused = 0
    for stored in PAYLOADS.values():
        try:
            found = AsData().loads_typed(("msgpack", stored))
        except ValueError as error:
            assert str(error).startswith("msgpack that can't be read: ")
            refused += 1
        else:
            json.dumps(as_json(found))
            one_line(found)
            read += 1
    assert read > 100
    assert refused > 100
    assert set(sys.modules) == before


class Bomb:
    def __reduce__(self):
        return (print, ("BOOM",))


@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle"])
def test_a_class_that_is_named_is_not_touched(kind, tmp_path):
    # Importing this module leaves a trace.
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\nclass X:\n    pass\n")
    stored = {
        "msgpack": ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("evil", "X", 5)))),
        "json": json.dumps({"lc": 2, "type": "constructor", "id": ["evil", "X"], "kwargs": {"a": 1}}).encode(),
        "pickle": pickle.dumps(Bomb()),
    }[kind]
    path = tmp_path / "app.db"
    from langgraph.checkpoint.sqlite import SqliteSaver

    with closing(sqlite3.connect(path)) as conn:
        SqliteSaver(conn).setup()
        whole = {**checkpoint(1), "channel_values": {}}
        row = ("t", "", whole["id"], None, "msgpack", JsonPlusSerializer().dumps_typed(whole)[1], b"{}")
        conn.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        write = ("t", "", whole["id"], "task", 0, "channel", kind, stored, "")
        columns = "thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value, task_path"
        conn.execute(f"INSERT INTO writes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", write)
        conn.commit()
    for command in (["show", path, "t"], ["show", path, "t", "--json"], ["doctor", path], ["history", path, "t"]):
        done = subprocess.run(
            [sys.executable, "-m", "fast_langgraph", *map(str, command)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done
        assert "BOOM" not in done.stdout + done.stderr
        assert not (tmp_path / "trace").exists()
        if "show" in command:
            assert {"msgpack": "X", "json": "X", "pickle": "a pickle, which is never loaded here"}[kind] in done.stdout


def test_what_is_not_read_says_why():
    read = AsData().loads_typed
    assert str(read(("pickle", b"12"))) == "a pickle, which is never loaded here, 2 bytes"
    assert str(read(("msgpack+aes", b"1234"))) == "encrypted (msgpack+aes), 4 bytes"
    assert str(read(("own", b""))) == "of a serializer that is not known here (own), 0 bytes"
    assert isinstance(read(("msgpack", ormsgpack.packb(ormsgpack.Ext(9, b"\xc0")))), Unread)
    with pytest.raises(TypeError):
        AsData().dumps_typed(1)


def test_texts_are_cut_off_where_they_would_be_long():
    assert one_line("a" * 500, 20) == '"' + "a" * 18 + "…"
    assert one_line([1] * 10**6, 20).endswith("…")
    assert one_line(Typed("decimal.Decimal", "1.5")) == 'Decimal "1.5"'
    assert one_line(Typed("m.Point", {"x": 1, "y": None})) == "Point(x=1)"
