"""Releases of LangGraph's packages that are not there yet: what ours does not know, stock's code does.

Made up after changes that were proposed upstream. Each runs alone and then patched, in one process.
"""

from __future__ import annotations

from pathlib import Path

import langgraph.checkpoint.sqlite
import pytest
from langgraph.checkpoint.serde import jsonplus

from beside_stock.other_releases import answer, made_up, real
from fast_langgraph._replacements.delta_channels import ANCESTORS

SQL = getattr(langgraph.checkpoint.sqlite, "DELTA_STAGE1_SQL", None)

pytestmark = pytest.mark.skipif(not hasattr(jsonplus, "_DeltaSnapshot"), reason="the edits are of newer releases")

PROGRAM = """
import collections, fractions, json, warnings
import fast_langgraph
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

serde = JsonPlusSerializer()
values = [
    {"b", "a", "c", "e", "d"}, {("b", 1), ("a", 2)}, 2**70, -1, collections.Counter("abca"),
    collections.OrderedDict(b=1, a=2), fractions.Fraction(1, 2), serde, ValueError("x"), {"messages": [1, "a", None]},
]

def outcomes():
    found = []
    for value in values:
        try:
            kind, data = serde.dumps_typed(value)
            found.append((kind, data.hex(), repr(serde.loads_typed((kind, data)))))
        except Exception as error:
            found.append((type(error).__name__, str(error)))
    return found

stock = outcomes()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    fast_langgraph.patch()
ours = outcomes()
print(json.dumps({
    "stock": stock,
    "ours": ours,
    "sites": {name: [site.state, site.reason, site.calls] for name, site in fast_langgraph.status().sites.items()},
    "warned": [str(warning.message) for warning in caught],
}))
"""

JSONPLUS = "langgraph/checkpoint/serde/jsonplus.py"
DEFAULT = "def _msgpack_default(obj: Any) -> str | ormsgpack.Ext:\n"
OPTION = "    | ormsgpack.OPT_PASSTHROUGH_DATETIME\n"


def first_of_all(condition: str, made: str) -> tuple[str, str]:
    """One kind of value more, in front of all others."""
    return (
        DEFAULT,
        f"{DEFAULT}    if {condition}:\n        return ormsgpack.Ext(EXT_CONSTRUCTOR_SINGLE_ARG, _msgpack_enc({made}))\n",
    )


SORTED = first_of_all("type(obj) is set", "('builtins', 'set', sorted(obj, key=repr))")
BIG = first_of_all("type(obj) is int", "('builtins', 'int', str(obj))")
COUNTED = first_of_all("type(obj).__module__ == 'collections'", "('collections', type(obj).__name__, dict(obj))")
TUPLES = first_of_all(
    "type(obj) is set and any(type(x) is tuple for x in obj)", "('builtins', 'set', list(map(list, obj)))"
)

#: by what is new: the edits, and the sites that are lost
RELEASES = {
    "sets are sorted": ([SORTED], {"dumps_typed"}),
    "tuples in sets": ([TUPLES], {"dumps_typed"}),
    "integers beyond 64 bits": ([BIG, (OPTION, f"{OPTION}    | ormsgpack.OPT_PASSTHROUGH_BIG_INT\n")], {"dumps_typed"}),
    "integers beyond 64 bits, with ormsgpack as it is": ([BIG], {"dumps_typed"}),
    "Counter and OrderedDict": (
        [COUNTED, (OPTION, f"{OPTION}    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS\n")],
        {"dumps_typed"},
    ),
    "a hook that makes something else": (
        [
            (
                "                return getattr(importlib.import_module(tup[0]), tup[1])(tup[2])",
                "                return tup",
            )
        ],
        {"loads_typed"},
    ),
    "a helper of the hook": (
        [("    if len(args) == 2:\n        return Send(*args)", "    if len(args) == 2:\n        return args")],
        {"loads_typed"},
    ),
    "other ext codes": ([("EXT_METHOD_SINGLE_ARG = 3", "EXT_METHOD_SINGLE_ARG = 13")], {"dumps_typed", "loads_typed"}),
    "bytes of a kind of their own": ([('return "null", EMPTY_BYTES', 'return "none", EMPTY_BYTES')], {"dumps_typed"}),
    "comments": ([(DEFAULT, f"{DEFAULT}    # a comment\n"), ("# --- msgpack ---", "")], set()),
}


@pytest.mark.parametrize("name", RELEASES)
def test_a_serializer_of_an_unknown_release_is_left_to_its_own_code(name, tmp_path):
    edits, lost = RELEASES[name]
    if "OPT_PASSTHROUGH_BIG_INT" in str(edits) and not hasattr(jsonplus.ormsgpack, "OPT_PASSTHROUGH_BIG_INT"):
        pytest.skip("this release of ormsgpack has no such option")
    found = answer(made_up(tmp_path, ["checkpoint", "store", "cache"], {JSONPLUS: edits}), PROGRAM, PYTHONHASHSEED="3")
    assert found["ours"] == found["stock"]
    for method in ("dumps_typed", "loads_typed"):
        name = f"JsonPlusSerializer.{method}"
        state, reason, calls = found["sites"].pop(name)
        assert (state, calls > 0) == (("skipped", False) if method in lost else ("active", True))
        warned = [said for said in found["warned"] if name in said]
        assert len(warned) == (method in lost)
        for said in warned:
            assert f"{name} is left to stock's code: {reason}" in said
            assert "fast_langgraph knows (langgraph-checkpoint 3.0.1 to" in said
    assert {state for state, _, _ in found["sites"].values()} == {"active"}


def test_a_release_that_is_strict_by_default_is_as_strict_when_it_is_patched(tmp_path):
    strict = [('"LANGGRAPH_STRICT_MSGPACK", "false"', '"LANGGRAPH_STRICT_MSGPACK", "true"')]
    edits = {"langgraph/checkpoint/serde/_msgpack.py": strict}
    found = answer(made_up(tmp_path, ["checkpoint", "store", "cache"], edits), PROGRAM, PYTHONHASHSEED="3")
    assert found["ours"] == found["stock"]
    assert {state for state, _, _ in found["sites"].values()} == {"active"}
    assert found["warned"] == []


METHODS = [
    ("__init__", "SqliteSaver", "put"),
    ("__init__", "SqliteSaver", "put_writes"),
    ("__init__", "SqliteSaver", "get_tuple"),
    ("__init__", "SqliteSaver", "delete_thread"),
    ("__init__", "SqliteSaver", "get_delta_channel_history"),
    ("aio", "AsyncSqliteSaver", "aput"),
    ("aio", "AsyncSqliteSaver", "aput_writes"),
    ("aio", "AsyncSqliteSaver", "aget_tuple"),
    ("aio", "AsyncSqliteSaver", "adelete_thread"),
    ("aio", "AsyncSqliteSaver", "aget_delta_channel_history"),
]


@pytest.mark.parametrize(("file", "owner", "method"), METHODS)
def test_a_method_of_a_saver_of_an_unknown_release_is_left_to_its_own_code(file, owner, method, tmp_path):
    folder = made_up(tmp_path, ["sqlite"], {})
    path = folder / "langgraph" / "checkpoint" / "sqlite" / f"{file}.py"
    before, defined, after = path.read_text().partition(f"def {method}(")
    signature, colon, body = after.partition(':\n        """')
    colon, body = colon[:-3], f'"""{body}'
    path.write_text(f"{before}{defined}{signature}{colon}self = self\n        {body}")
    sites = answer(folder, PROGRAM)["sites"]
    assert {name for name, (state, reason, _) in sites.items() if state != "active"} == {f"{owner}.{method}"}
    assert "differs from that of every release that fast_langgraph knows" in sites[f"{owner}.{method}"][1]


def test_what_methods_share_is_part_of_each(tmp_path):
    edits = {"langgraph/checkpoint/sqlite/__init__.py": [("PRAGMA journal_mode=WAL;", "PRAGMA journal_mode=TRUNCATE;")]}
    sites = answer(made_up(tmp_path, ["sqlite"], edits), PROGRAM)["sites"]
    lost = {name for name, (state, _, _) in sites.items() if state != "active"}
    assert lost == {f"{owner}.{method}" for _, owner, method in METHODS if owner == "SqliteSaver"}


HISTORY = """
import asyncio, json
import fast_langgraph
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from samples import deltas
from samples.checkpoints import config

def histories():
    found = []
    with SqliteSaver.from_conn_string("deltas.db") as saver:
        for channels in deltas.CHANNELS:
            found.append(repr(saver.get_delta_channel_history(config=config(), channels=channels)))
    async def awaited():
        async with AsyncSqliteSaver.from_conn_string("deltas.db") as saver:
            for channels in deltas.CHANNELS:
                found.append(repr(await saver.aget_delta_channel_history(config=config(), channels=channels)))
    asyncio.run(awaited())
    return found

with SqliteSaver.from_conn_string("deltas.db") as saver:
    deltas.fill(saver)
stock = histories()
fast_langgraph.patch()
print(json.dumps({
    "stock": stock,
    "ours": histories(),
    "sites": {name: [site.state, site.reason, site.calls] for name, site in fast_langgraph.status().sites.items()},
}))
"""
DELTA = "langgraph/checkpoint/sqlite/_delta.py"
#: by what is new: the edit, and whether stock's code is left to do it
NEW_HISTORIES = {
    "nothing": (("Stage 1 streams", "Stage 1 reads"), ""),
    "another statement": (
        (
            '"SELECT checkpoint_id, type, checkpoint FROM ancestors"',
            '"SELECT checkpoint_id, type, checkpoint FROM ancestors LIMIT 4"',
        ),
        "differs",
    ),
    "seeds that are wrapped": (
        ("seed_val_by_ch[ch] = channel_values[ch]", "seed_val_by_ch[ch] = [channel_values[ch]]"),
        "differs",
    ),
    "writes in another order": (("writes_sort_key(w[4], w[2], w[3])", "(w[2], w[3])"), "differs"),
    "more of each write": (("(task_id, ch, serde.loads", "(task_id, ch, _path, serde.loads"), "differs"),
    "another second statement": (("AND channel = ? ", "AND channel = ? AND idx >= 0 "), "differs"),
}


@pytest.mark.skipif(SQL != ANCESTORS, reason="stock's code finds ancestors in another way already")
@pytest.mark.parametrize("name", NEW_HISTORIES)
def test_a_history_that_is_made_in_another_way_is_left_to_stock_s_code(name, tmp_path, monkeypatch):
    edit, why = NEW_HISTORIES[name]
    folder = made_up(tmp_path / "release", ["sqlite"], {DELTA: [edit]})
    monkeypatch.chdir(tmp_path)
    look_at_histories(folder, why)


@pytest.mark.parametrize("release", ["3.1.0", "3.1.1"])
def test_a_release_that_finds_ancestors_in_another_way_is_left_to_its_own_code(release, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    look_at_histories(real("langgraph-checkpoint-sqlite", release), "this release finds ancestors in another way")


def look_at_histories(release, why):
    found = answer([release, Path(__file__).parents[1]], HISTORY)
    assert found["ours"] == found["stock"]
    for site in ("SqliteSaver.get_delta_channel_history", "AsyncSqliteSaver.aget_delta_channel_history"):
        state, reason, calls = found["sites"][site]
        assert (state, calls > 0) == (("skipped", False) if why else ("active", True))
        assert why in reason
