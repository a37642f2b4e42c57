"""Each FAST_LANGGRAPH_ variable, and the same as an argument of patch(), in an interpreter of its own."""

from __future__ import annotations

import json
import textwrap

import pytest

from installed_wheel import ALL_SITES, SITES_BY_CLASS, ok

ACTIVE = """
import json, langgraph.checkpoint.sqlite.aio, fast_langgraph
found = fast_langgraph.status()
print(json.dumps([name for name, site in found.sites.items() if site.state == "active"]))
"""
#: saves and reads a checkpoint
SAVE = """
import sqlite3
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
saver = SqliteSaver(sqlite3.connect(":memory:"))
config = {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
saver.put(config, empty_checkpoint(), {}, {})
assert saver.get_tuple(config) is not None
"""


def active(done):
    return json.loads(ok(done))


def test_without_the_variable_nothing_is_patched(installed):
    assert active(installed.run(ACTIVE)) == []


def test_with_the_variable_all_is_patched_and_nothing_is_said(installed):
    assert active(installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH="1")) == ALL_SITES


def test_where_warnings_are_errors_it_works_and_nothing_is_said(installed):
    """From CPython 3.18 on an import line in a .pth file is not read (PEP 829): up to then nothing is said of it."""
    assert active(installed.run(ACTIVE, "-W", "error", FAST_LANGGRAPH_AUTO_PATCH="1")) == ALL_SITES


@pytest.mark.parametrize("value", ["true", "YES", "on", " 1 "])
def test_other_words_for_on_are_understood(installed, value):
    assert active(installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH=value)) == ALL_SITES


@pytest.mark.parametrize("value", ["", "0", "False", "no", "off"])
def test_words_for_off_are_understood(installed, value):
    assert active(installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH=value)) == []


def test_a_value_that_is_not_known_is_named_once_with_those_that_are(installed):
    done = installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH="enable")
    assert json.loads(done.stdout) == []
    assert done.stderr == (
        "fast_langgraph: FAST_LANGGRAPH_AUTO_PATCH='enable' is not valid and has no effect; "
        "valid values are 1, true, yes, on, 0, false, no, off\n"
    )


def test_a_broken_value_is_not_spoken_of_where_langgraph_is_not_imported(installed):
    ok(installed.run("import json", FAST_LANGGRAPH_AUTO_PATCH="enable", FAST_LANGGRAPH_VERBOSE="?"))


def test_disable_wins_over_everything(installed):
    script = "import fast_langgraph\nfast_langgraph.patch(only=['SqliteSaver'], strict=True, verbose=True)\n" + ACTIVE
    done = installed.run(script, "-W", "error", FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_DISABLE="1")
    assert active(done) == []


def test_disable_loads_nothing_native(installed):
    script = """
    import sys, langgraph.checkpoint.sqlite.aio
    assert "fast_langgraph._native" not in sys.modules
    import fast_langgraph
    assert "FAST_LANGGRAPH_DISABLE is set" in repr(fast_langgraph.status()), fast_langgraph.status()
    """
    ok(installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_DISABLE="1"))


def test_a_value_of_disable_that_is_not_known_disables(installed):
    done = installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_DISABLE="please")
    assert json.loads(done.stdout) == []
    assert "FAST_LANGGRAPH_DISABLE='please' is not valid and is taken as 1" in done.stderr


def test_disable_set_to_0_disables_nothing(installed):
    variables = {"FAST_LANGGRAPH_AUTO_PATCH": "1", "FAST_LANGGRAPH_DISABLE": "0"}
    assert active(installed.run(ACTIVE, **variables)) == ALL_SITES


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ONLY": "SqliteSaver.put"}, ["SqliteSaver.put"]),
        ({"ONLY": "SqliteSaver.put, AsyncSqliteSaver.aput,"}, ["SqliteSaver.put", "AsyncSqliteSaver.aput"]),
        ({"ONLY": "JsonPlusSerializer"}, ALL_SITES[:2]),
        ({"EXCLUDE": "JsonPlusSerializer,SqliteSaver"}, ALL_SITES[7:]),
        ({"ONLY": "SqliteSaver", "EXCLUDE": "SqliteSaver.put"}, ALL_SITES[3:7]),
        ({"ONLY": " "}, ALL_SITES),
    ],
)
def test_sites_are_chosen_by_name_and_by_class(installed, variables, expected):
    variables = {f"FAST_LANGGRAPH_{name}": value for name, value in variables.items()}
    assert active(installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH="1", **variables)) == expected
    # And for patch(), in the app.
    assert active(installed.run("import fast_langgraph\nfast_langgraph.patch()" + ACTIVE, **variables)) == expected


def test_a_site_that_is_left_out_says_so_and_works_as_stock_s(installed):
    script = SAVE + (
        "import fast_langgraph\n"
        "site = fast_langgraph.status().sites['SqliteSaver.put']\n"
        "print(site.state, site.reason, site.calls, fast_langgraph.status().sites['SqliteSaver.get_tuple'].calls)"
    )
    done = installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_EXCLUDE="SqliteSaver.put")
    assert ok(done) == "skipped excluded as asked for 0 1\n"


#: makes files, and tells in which layout each is
MAKE = """
import json, sqlite3, sys, tempfile
from pathlib import Path
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from fast_langgraph import RustSQLiteCheckpointer
folder, config = Path(tempfile.mkdtemp()), {"configurable": {"thread_id": "1", "checkpoint_ns": ""}}
with SqliteSaver.from_conn_string(str(folder / "saver.db")) as saver:
    saver.put(config, empty_checkpoint(), {}, {})
with RustSQLiteCheckpointer(folder / "own.db") as saver:
    saver.put(config, empty_checkpoint(), {}, {})
made = [sqlite3.connect(folder / name).execute("SELECT type FROM sqlite_master WHERE name = 'checkpoints'").fetchone()[0]
        for name in ("saver.db", "own.db")]
print(json.dumps(made))
"""


@pytest.mark.parametrize(
    ("variables", "made"),
    [
        ({"AUTO_PATCH": "1", "LAYOUT": "compact"}, ["view", "view"]),
        ({"AUTO_PATCH": "1", "LAYOUT": "standard"}, ["table", "table"]),
        ({"AUTO_PATCH": "1"}, ["table", "table"]),
        # Nothing is patched, but a checkpointer of ours needs no patch().
        ({"LAYOUT": "compact"}, ["table", "view"]),
    ],
)
def test_the_layout_of_new_files_is_chosen(installed, variables, made):
    variables = {f"FAST_LANGGRAPH_{name}": value for name, value in variables.items()}
    assert json.loads(ok(installed.run(MAKE, **variables))) == made


def test_a_layout_that_is_not_known_is_named_once(installed):
    done = installed.run(MAKE, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_LAYOUT="compakt")
    assert json.loads(done.stdout) == ["table", "table"]
    assert done.stderr == (
        "fast_langgraph: FAST_LANGGRAPH_LAYOUT 'compakt' is not valid and has no effect; "
        "valid values are standard, compact\n"
    )


@pytest.mark.parametrize("variable", ["ONLY", "EXCLUDE"])
def test_a_site_that_is_not_known_is_named_with_those_that_are(installed, variable):
    variables = {f"FAST_LANGGRAPH_{variable}": "SqliteSaver.putt,SqliteSaver.put"}
    done = installed.run(ACTIVE, FAST_LANGGRAPH_AUTO_PATCH="1", **variables)
    kept = {"SqliteSaver.put"}
    assert set(json.loads(done.stdout)) == (kept if variable == "ONLY" else set(ALL_SITES) - kept)
    assert len(done.stderr.splitlines()) == 1
    assert f"FAST_LANGGRAPH_{variable} names 'SqliteSaver.putt', which is no site" in done.stderr
    assert all(name in done.stderr for name in ALL_SITES)


def test_patch_warns_of_a_site_that_is_not_known(installed):
    script = """
    import warnings, fast_langgraph
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            fast_langgraph.patch(exclude=["Sqlite"])
    print(*[str(warning.message) for warning in caught], sep="\\n")
    assert caught[0].filename == "<string>", caught[0].filename
    """
    [line] = ok(installed.run(script)).splitlines()
    assert "patch(exclude=) names 'Sqlite', which is no site; the sites are JsonPlusSerializer.dumps_typed" in line


def test_arguments_go_before_the_variables_and_each_call_says_what_is_active(installed):
    script = """
    import fast_langgraph
    def active():
        return [name for name, site in fast_langgraph.status().sites.items() if site.state == "active"]
    fast_langgraph.patch(only="SqliteSaver.put")
    assert active() == ["SqliteSaver.put"], active()
    fast_langgraph.patch(only=["SqliteSaver.put", "SqliteSaver.get_tuple"], exclude=["SqliteSaver.put"])
    assert active() == ["SqliteSaver.get_tuple"], active()
    fast_langgraph.patch(only=[])
    assert active() == [] and not fast_langgraph.is_patched()
    fast_langgraph.patch()
    assert active() == ["AsyncSqliteSaver.aput"], active()
    """
    ok(installed.run(script, FAST_LANGGRAPH_ONLY="AsyncSqliteSaver.aput"))


def test_verbose_prints_a_line_when_patched_and_a_summary_at_exit(installed):
    done = installed.run(SAVE, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_VERBOSE="1")
    lines = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert lines[:2] == [
        f"patched {', '.join(f'{name}.{m}' for m in SITES_BY_CLASS[name])}" for name in list(SITES_BY_CLASS)[:2]
    ]
    assert lines[2].startswith("4 calls on Rust, 0 by stock's code; the codec took 0.00 s for 0."), lines
    assert len(lines) == 3


def test_verbose_by_patch_prints_one_line_and_counts_what_stock_did(installed):
    script = (
        "import fast_langgraph; fast_langgraph.patch(verbose=True); fast_langgraph.patch(verbose=True)"
        + SAVE
        + "saver.conn.row_factory = sqlite3.Row\nsaver.get_tuple(config)\n"
    )
    done = installed.run(script)
    lines = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert [line.count("SqliteSaver.put,") for line in lines] == [1, 0, 0]
    assert "1 by stock's code" in lines[1]
    assert lines[2].startswith("  SqliteSaver.get_tuple: 1 by stock's code: "), lines


def test_verbose_says_nothing_in_a_process_without_langgraph(installed):
    ok(installed.run("import json", FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_VERBOSE="1"))


@pytest.mark.parametrize("by", ["variable", "argument"])
def test_a_fallback_raises_where_that_is_asked_for(installed, by):
    script = """
    assert not fast_langgraph.status().sites["SqliteSaver.put"].fallbacks
    saver.conn.row_factory = sqlite3.Row
    for call in (lambda: saver.put(config, empty_checkpoint(), {}, {}), lambda: saver.get_tuple(config)):
        try:
            call()
        except fast_langgraph.FallbackError as error:
            print(error)
        else:
            raise SystemExit("no error")
    # What only one value in a row needs is no less of a fallback.
    saver.conn.row_factory = None
    try:
        saver.put(config, {**empty_checkpoint(), "id": bytearray(b"1")}, {}, {})
    except fast_langgraph.FallbackError as error:
        print(error)
    try:
        saver.serde.loads_typed(("json", b"1"))
    except fast_langgraph.FallbackError as error:
        print(error)
    with fast_langgraph.disabled():
        assert saver.serde.loads_typed(("json", b"1")) == 1
    fast_langgraph.unpatch()
    assert saver.serde.loads_typed(("json", b"1")) == 1
    fast_langgraph.patch(strict=False)
    assert saver.serde.loads_typed(("json", b"1")) == 1
    assert fast_langgraph.status().sites["JsonPlusSerializer.loads_typed"].fallbacks == {"not msgpack": 2}
    """
    start = "import fast_langgraph\n" + ("fast_langgraph.patch(strict=True)\n" if by == "argument" else "")
    variables = {"FAST_LANGGRAPH_AUTO_PATCH": "1", "FAST_LANGGRAPH_FAIL_ON_FALLBACK": "1"} if by == "variable" else {}
    lines = ok(installed.run(start + SAVE + textwrap.dedent(script), **variables)).splitlines()
    assert lines[0].startswith("SqliteSaver.put: stock's code would run: ")
    assert "row_factory" in lines[0]
    assert lines[1].startswith("SqliteSaver.get_tuple: stock's code would run: ")
    assert lines[2] == "SqliteSaver.put: stock's code would run: a value or a connection that only sqlite3 can handle"
    assert lines[3] == "JsonPlusSerializer.loads_typed: stock's code would run: not msgpack"


@pytest.mark.parametrize("by", ["variable", "argument"])
def test_a_site_that_can_t_be_patched_is_a_fallback_too(installed, by):
    wrap = """
    from langgraph.checkpoint.serde import jsonplus
    stock = jsonplus.JsonPlusSerializer.dumps_typed
    jsonplus.JsonPlusSerializer.dumps_typed = lambda self, obj: stock(self, obj)
    """
    if by == "argument":
        source = textwrap.dedent(wrap) + "import fast_langgraph; fast_langgraph.patch(strict=True)"
        done = installed.run(source)
    else:
        source = "import langgraph.checkpoint.serde.jsonplus"
        variables = {"FAST_LANGGRAPH_AUTO_PATCH": "1", "FAST_LANGGRAPH_FAIL_ON_FALLBACK": "1"}
        hide = "import importlib.metadata as m; m.version = lambda name: '99.0'\n"
        done = installed.run(hide + source, **variables)
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("fast_langgraph.FallbackError: "), done.stderr
    assert "JsonPlusSerializer.dumps_typed" in said or "99.0" in said


def test_a_run_of_a_graph_falls_back_nowhere(installed):
    script = """
    import sqlite3
    from typing import Annotated, TypedDict
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import StateGraph
    from langgraph.graph.message import add_messages

    class State(TypedDict):
        messages: Annotated[list, add_messages]

    graph = StateGraph(State)
    graph.add_node("model", lambda state: {"messages": [AIMessage("yes")]})
    graph.set_entry_point("model")
    app = graph.compile(checkpointer=SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False)))
    config = {"configurable": {"thread_id": "1"}}
    for _ in range(3):
        app.invoke({"messages": [HumanMessage("?")]}, config)
    assert len(app.get_state(config).values["messages"]) == 6
    import fast_langgraph
    assert fast_langgraph.status().sites["SqliteSaver.put"].calls == 9, fast_langgraph.status()
    """
    ok(installed.run(script, FAST_LANGGRAPH_AUTO_PATCH="1", FAST_LANGGRAPH_FAIL_ON_FALLBACK="1"))
