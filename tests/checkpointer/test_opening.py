"""How it is opened and closed: constructors, paths, options."""

from __future__ import annotations

import asyncio
import inspect
import os
import sqlite3
import typing
from pathlib import Path

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from fast_langgraph import RustSQLiteCheckpointer
from fast_langgraph._checkpointer.options import Options
from samples.checkpoints import METADATA, checkpoint, config


def test_setup_may_be_called_and_awaited(checkpointer, sql):
    assert checkpointer.setup() is not None
    made = {name for (name,) in sql("SELECT name FROM sqlite_master WHERE name NOT GLOB 'sqlite*'")}
    assert {name for name in made if not name.startswith("fl_")} == {"checkpoints", "writes"}

    async def awaited():
        return await checkpointer.setup()

    assert asyncio.run(awaited()) is None
    checkpointer.setup()


def test_it_is_entered_with_with_and_async_with_and_closed_at_the_end(path):
    with RustSQLiteCheckpointer(path) as one:
        one.put(config(), checkpoint(1), METADATA, {})
    with pytest.raises(sqlite3.ProgrammingError):
        one.get(config())

    async def entered():
        async with RustSQLiteCheckpointer(path) as other:
            assert await other.aget(config()) == checkpoint(1)
        with pytest.raises(sqlite3.ProgrammingError):
            await other.aget(config())

    asyncio.run(entered())


def test_from_conn_string_stands_in_for_both_of_upstream(path):
    with RustSQLiteCheckpointer.from_conn_string(str(path)) as saver:
        saver.put(config(), checkpoint(1), METADATA, {})

    async def entered():
        async with RustSQLiteCheckpointer.from_conn_string(str(path), synchronous="normal") as saver:
            return await saver.aget(config())

    assert asyncio.run(entered()) == checkpoint(1)
    with RustSQLiteCheckpointer.from_conn_string(":memory:") as saver:
        assert saver.get(config()) is None


def test_a_subclass_is_what_from_conn_string_makes(path):
    class Own(RustSQLiteCheckpointer):
        pass

    with Own.from_conn_string(str(path)) as saver:
        assert type(saver) is Own
        assert repr(saver).startswith("<Own ")


def test_a_subclass_that_sets_options_itself_gets_from_conn_string_s_others(path):
    class Own(RustSQLiteCheckpointer):
        def __init__(self, path, **others):
            super().__init__(path, layout="compact", **others)

    with Own.from_conn_string(str(path), synchronous="off") as saver:
        assert saver.stats().layout == "compact"
        assert "synchronous=off" in repr(saver)


def test_from_conn_string_has_types_for_all_options_of_the_constructor():
    constructor = typing.get_type_hints(RustSQLiteCheckpointer.__init__)
    assert constructor.pop("return") is type(None)
    del constructor["path"]
    assert typing.get_type_hints(Options) == constructor


def test_a_connection_is_refused_with_what_to_do():
    conn = sqlite3.connect(":memory:")
    with pytest.raises(TypeError, match=r"(?s)not Connection: .*Pass the path.*SqliteSaver under fast_langgraph.patch"):
        RustSQLiteCheckpointer(conn)
    conn.close()


def test_repr_says_which_database_and_whether_it_is_closed(path):
    saver = RustSQLiteCheckpointer(path, synchronous="off")
    assert repr(saver) == f"<RustSQLiteCheckpointer {str(path)!r}, synchronous=off>"
    saver.close()
    assert repr(saver) == f"<RustSQLiteCheckpointer {str(path)!r}, synchronous=off, closed>"


# --- paths ---


def test_a_path_is_relative_absolute_or_path_like_and_stays_what_it_was(tmp_path, monkeypatch):
    class Named(os.PathLike):
        def __fspath__(self):
            return "named é.db"

    (tmp_path / "elsewhere").mkdir()
    kinds = {"relative.db": "relative.db", "absolute.db": str(tmp_path / "absolute.db")}
    kinds |= {"path.db": Path("path.db"), "named é.db": Named(), "file.db?mode=ro": "file.db?mode=ro", "a%20b": "a%20b"}
    monkeypatch.chdir(tmp_path)
    savers = {name: RustSQLiteCheckpointer(given) for name, given in kinds.items()}
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name, saver in savers.items():
        saver.put(config(), checkpoint(1), METADATA, {})
        assert saver.path == str(tmp_path / name)
        saver.close()
        assert (tmp_path / name).is_file()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_databases_in_memory_are_each_their_own():
    with RustSQLiteCheckpointer(":memory:") as one, RustSQLiteCheckpointer(":memory:") as other:
        one.put(config(), checkpoint(1), METADATA, {})
        assert one.get(config()) == checkpoint(1)
        assert other.get(config()) is None
        assert not Path(":memory:").exists()


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ("", ValueError, "empty"),
        ("a\0b", ValueError, "NUL"),
        ("file:x.db?mode=ro", ValueError, r"can't be a URI: 'file:x.db\?mode=ro'.*read_only=True"),
        (b"bytes.db", TypeError, "str or a PathLike"),
        (5, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
    ],
)
def test_what_is_no_path_is_refused(given, error, says):
    with pytest.raises(error, match=says):
        RustSQLiteCheckpointer(given)


# --- options ---


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"synchronous": "extra"}, ValueError, "synchronous must be one of 'full', 'normal', 'off', not 'extra'"),
        ({"synchronous": None}, ValueError, "synchronous must be one of"),
        ({"synchronous": "FULL"}, ValueError, "synchronous must be one of"),
        ({"synchronous": []}, ValueError, "synchronous must be one of"),
        ({"busy_timeout": -1}, ValueError, "busy_timeout must be a number of seconds from 0 to 86400, not -1"),
        ({"busy_timeout": float("nan")}, ValueError, "busy_timeout"),
        ({"busy_timeout": float("inf")}, ValueError, "busy_timeout"),
        ({"busy_timeout": "5"}, ValueError, "busy_timeout"),
        ({"busy_timeout": True}, ValueError, "busy_timeout"),
        ({"max_wal_bytes": 1000}, ValueError, "max_wal_bytes must be an int of at least 1048576, not 1000"),
        ({"max_wal_bytes": 1e9}, ValueError, "max_wal_bytes"),
        ({"max_wal_bytes": 1 << 70}, ValueError, "max_wal_bytes"),
        ({"readers": 0}, ValueError, "readers must be an int of at least 1, not 0"),
        ({"readers": 257}, ValueError, "readers must be at most 256, not 257"),
        ({"readers": "4"}, ValueError, "readers"),
        ({"journal_mode": "wal"}, TypeError, "journal_mode"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options, error, says, path):
    with pytest.raises(error, match=says):
        RustSQLiteCheckpointer(path, **options)
    assert not path.exists()


def test_options_are_given_by_name(path):
    with pytest.raises(TypeError):
        RustSQLiteCheckpointer(path, None)
    options = inspect.signature(RustSQLiteCheckpointer).parameters
    assert all(options[name].kind is inspect.Parameter.KEYWORD_ONLY for name in list(options)[1:])
    least = {"synchronous": "off", "busy_timeout": 0, "max_wal_bytes": 1 << 20, "readers": 1, "created_at": False}
    with RustSQLiteCheckpointer(path, serde=JsonPlusSerializer(), **least) as saver:
        assert saver.put(config(), checkpoint(1), METADATA, {})
        assert saver.get(config()) == checkpoint(1)


# --- what a user types ---


def test_a_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with RustSQLiteCheckpointer("~/app.db") as saver:
        saver.put(config(), checkpoint(1), METADATA, {})
        assert saver.path == str(tmp_path / "app.db")
    assert (tmp_path / "app.db").stat().st_size > 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///app.db", "path can't be a URL (sqlite://...): pass the path, such as 'app.db'"),
        ("sqlite:////srv/app.db", "path can't be a URL (sqlite://...): pass the path, such as '/srv/app.db'"),
        ("postgresql://me:secret@host/db", "path can't be a URL (postgresql://...): pass a SQLite file"),
    ],
)
def test_a_url_is_refused_with_what_to_pass(url, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as raised:
        RustSQLiteCheckpointer(url)
    assert str(raised.value) == said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("serde", [3, "json", False], ids=str)
def test_a_serializer_that_is_none_is_refused(serde, path):
    with pytest.raises(TypeError, match="serde must be a serializer with dumps_typed and loads_typed"):
        RustSQLiteCheckpointer(path, serde=serde)
    assert not path.exists()


def test_a_serializer_of_the_untyped_kind_is_taken_as_langgraph_takes_it(path):
    import pickle

    with RustSQLiteCheckpointer(path, serde=pickle) as saver:
        saver.put(config(), checkpoint(1), METADATA, {})
        assert saver.get(config()) == checkpoint(1)


def test_its_connection_is_not_to_be_had_and_the_error_says_what_to_do(path):
    with RustSQLiteCheckpointer(path) as saver:
        assert not hasattr(saver, "conn")
        with pytest.raises(AttributeError, match=r"sqlite3.connect\(checkpointer.path\)"):
            saver.conn


def test_after_close_an_error_names_the_file(path):
    saver = RustSQLiteCheckpointer(path)
    saver.close()
    with pytest.raises(sqlite3.ProgrammingError) as raised:
        saver.get_tuple(config())
    assert str(raised.value) == f"Cannot operate on a closed database. It was {path}"


def test_every_public_method_says_what_it_does_itself():
    # These are LangGraph's, and do what it says.
    inherited = {"get", "aget", "config_specs", "serde", "with_allowlist"}
    public = {name for name in dir(RustSQLiteCheckpointer) if not name.startswith("_")}
    own = vars(RustSQLiteCheckpointer)
    # A class method is asked for its function, which has the docstring in CPython 3.10 as well.
    documented = {name for name, found in own.items() if getattr(found, "__func__", found).__doc__}
    assert public - inherited == {"conn"} | (public & documented) - inherited
