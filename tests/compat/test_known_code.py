"""Message classes are known by what their source says: on every interpreter, and no further than they are known."""

from __future__ import annotations

import linecache
import shutil
import sys
from pathlib import Path

import langchain_core
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import fast_langgraph
from beside_stock.other_releases import answer, made_up, real, run
from fast_langgraph import FallbackError
from fast_langgraph._stock_code import fingerprints, known_code, message_classes
from fast_langgraph.reporting import _printable

#: the oldest, one of each code of AIMessageChunk, and the newest that runs on this interpreter
RELEASES = ["1.0.0", "1.2.5", "1.4.4", "1.8.4" if sys.version_info >= (3, 11) else "1.7.7"]

# Encodes and decodes one instance of each class on stock and on ours.
EACH_CLASS = """
import importlib, json
import fast_langgraph
from fast_langgraph._stock_code import message_classes
from langchain_core.version import VERSION
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

serde = JsonPlusSerializer()
fast_langgraph.patch()
differing = []
for (module, name), least in message_classes.MESSAGE_CLASSES.items():
    cls = getattr(importlib.import_module(module), name)
    made = cls(**least)
    with fast_langgraph.disabled():
        expected = serde.dumps_typed([made])
        there = serde.loads_typed(expected)
    encoded = serde.dumps_typed([made])
    if encoded != expected or repr(serde.loads_typed(encoded)) != repr(there):
        differing.append(name)
status = fast_langgraph.status()
encoding, decoding = (status.sites[f"JsonPlusSerializer.{name}"] for name in ("dumps_typed", "loads_typed"))
print(json.dumps({
    "release": VERSION,
    "calls": [encoding.calls, decoding.calls],
    "differing": differing,
    "indirect": status.indirect,
    "encoded by stock": encoding.values_by_class,
    "decoded by stock": decoding.values_by_class,
    "shown": repr(status),
}))
"""


def names(found: dict[str, str]) -> set[str]:
    return {name.rpartition(".")[2] for name in found}


@pytest.mark.parametrize("release", RELEASES)
def test_each_message_class_of_a_release_is_encoded_and_decoded_without_its_code(release):
    folders = [real("langchain-core", release)]
    if release == "1.0.0":
        # langgraph-checkpoint of today needs a newer one.
        folders += [real("langgraph-checkpoint", "4.0.0"), real("langgraph-checkpoint-sqlite", "3.0.3")]
    found = answer(folders, EACH_CLASS)
    assert found["release"] == release
    assert found["calls"] == [14, 14]
    assert found["differing"] == []
    assert found["indirect"] == {}
    assert found["encoded by stock"] == found["decoded by stock"] == {}


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_order_of_a_set_in_a_function_is_no_change(seed):
    # Its validators have sets as constants.
    found = answer(real("langchain-core", "1.2.5"), EACH_CLASS, PYTHONHASHSEED=str(seed))
    assert found["indirect"] == {}


def test_each_message_class_that_is_installed_is_direct():
    reasons = {}
    for module, name in message_classes.MESSAGE_CLASSES:
        __import__(module)
        description = message_classes.describe(vars(sys.modules[module])[name])
        assert isinstance(description, tuple), (name, description)
        reasons[name] = description[4]
    assert reasons == dict.fromkeys(reasons, "")
    assert len(reasons) == 14
    assert fast_langgraph.status().indirect == {}


VALIDATOR = "if check_additional_kwargs and ("


@pytest.fixture
def other_validator(tmp_path: Path) -> Path:
    """A release whose AIMessage looks at one thing more before it is made."""
    more = f'values.setdefault("name", None)\n        {VALIDATOR}'
    return made_up(tmp_path, ["langchain_core"], {"langchain_core/messages/ai.py": [(VALIDATOR, more)]})


def test_a_class_of_an_unknown_release_is_decoded_by_its_code_and_named(other_validator):
    found = answer(other_validator, EACH_CLASS)
    assert found["differing"] == []
    assert names(found["indirect"]) == {"AIMessage", "AIMessageChunk"}
    (reason,) = set(found["indirect"].values())
    first, last = known_code.RELEASES["langchain-core"]
    assert (
        reason
        == f"its code differs from that of every release that fast_langgraph knows (langchain-core {first} to {last})"
    )
    # What model_dump() returns is said by the structure alone.
    assert found["encoded by stock"] == {}
    classes = ("AIMessage", "AIMessageChunk")
    assert found["decoded by stock"] == {f"langchain_core.messages.ai.{name}: {reason}": 1 for name in classes}
    assert f"decoded by stock's code: AIMessage, AIMessageChunk: {reason}" in " ".join(found["shown"].split())


def test_comments_docstrings_and_annotations_are_no_change(tmp_path):
    edits = {
        "langchain_core/messages/ai.py": [(VALIDATOR, f"# a comment\n        {VALIDATOR}")],
        "langchain_core/messages/modifier.py": [
            ("Create a RemoveMessage.", "Make one."),
            ("**kwargs: Any", "**kwargs: int"),
        ],
    }
    assert answer(made_up(tmp_path, ["langchain_core"], edits), EACH_CLASS)["indirect"] == {}


def test_another_model_config_is_a_change(tmp_path):
    edits = [('extra="allow",', 'extra="allow", str_strip_whitespace=True,')]
    found = answer(made_up(tmp_path, ["langchain_core"], {"langchain_core/messages/base.py": edits}), EACH_CLASS)
    assert len(found["indirect"]) == 13  # Document is no message
    assert found["differing"] == []


HIDDEN = """        super().__init__("", id=id, **kwargs)


from pydantic_core import SchemaSerializer, core_schema
hidden = core_schema.plain_serializer_function_ser_schema(lambda self: {"content": "hidden"})
RemoveMessage.__pydantic_serializer__ = SchemaSerializer(core_schema.any_schema(serialization=hidden))
"""


def test_a_class_that_dumps_otherwise_than_its_structure_says_is_dumped_by_its_code(tmp_path):
    edits = [
        ('        super().__init__("", id=id, **kwargs)\n', HIDDEN),
        ('kwargs.pop("content", None)', 'kwargs.pop("content", "")'),
    ]
    found = answer(made_up(tmp_path, ["langchain_core"], {"langchain_core/messages/modifier.py": edits}), EACH_CLASS)
    assert found["differing"] == []
    assert list(found["indirect"].values()) == ["model_dump() returns something else than __dict__"]
    assert names(found["indirect"]) == {"RemoveMessage"}
    assert list(found["encoded by stock"].values()) == [1]


STRICT = """
import json
import fast_langgraph
from langchain_core.messages import AIMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

said = []

def refused(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except fast_langgraph.FallbackError as error:
        said.append(str(error))

refused(fast_langgraph.patch, strict=True)
serde = JsonPlusSerializer()
encoded = refused(serde.dumps_typed, {"messages": [AIMessage("a")]})
refused(serde.loads_typed, encoded)
print(json.dumps(said))
"""


def test_strict_raises_for_a_message_class_that_is_not_direct(other_validator):
    at_patch, at_call = answer(other_validator, STRICT)
    assert at_patch.startswith("langchain_core.messages.ai.AIMessage is decoded by stock's code: its code differs from")
    assert at_call.startswith(
        "JsonPlusSerializer.loads_typed: stock's code would run: langchain_core.messages.ai.AIMessage"
    )


def test_the_command_names_what_goes_the_long_way_and_the_releases_that_are_known(other_validator):
    done = run(other_validator, "-m", "fast_langgraph", "status", FAST_LANGGRAPH_AUTO_PATCH="1")
    assert "note: AIMessage, AIMessageChunk: decoded by stock's code, about ten times slower" in done.stdout
    known = ", ".join(f"{name} {first} to {last}" for name, (first, last) in known_code.RELEASES.items())
    assert f"note: the releases that are known: {known}" in " ".join(done.stdout.split())


def test_the_command_has_no_such_note_where_everything_is_known(tmp_path):
    done = run(tmp_path, "-m", "fast_langgraph", "status", FAST_LANGGRAPH_AUTO_PATCH="1")
    assert "decoded by stock's code" not in done.stdout
    assert "releases that are known" not in done.stdout


def test_a_file_that_no_longer_has_what_was_imported_from_it_is_not_read(tmp_path, monkeypatch):
    """An upgrade under a process that has imported the old release, before patch()."""
    path = tmp_path / "upgraded.py"
    monkeypatch.syspath_prepend(tmp_path)
    path.write_text("def first(a, b):\n    return a\n")
    import upgraded

    assert fingerprints.outlines([upgraded.first], "upgraded")
    for text in (
        "import os\ndef first(a, b):\n    return a\n",
        "# new\ndef first(a, b):\n    return a\n",
        "def other(a, b):\n    return a\n",
        "def first(b, a):\n    return a\n",
        "",
    ):
        path.write_text(text)
        linecache.clearcache()
        fingerprints._outline.cache_clear()
        with pytest.raises(LookupError, match=r"the source of first\(\)"):
            fingerprints.outlines([upgraded.first], "upgraded")


def test_a_function_is_known_with_all_that_it_calls_in_its_package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = "LIMIT = 3\ndef helper():\n    return LIMIT\ndef first():\n    return [helper() for _ in ()]\n"

    def said(name: str, text: str) -> list[str]:
        (tmp_path / f"{name}.py").write_text(text)
        return [line.replace(name, "its") for line in fingerprints.outlines([__import__(name).first], name)]

    before = said("module_one", source)
    assert len(before) == 3
    assert said("module_two", source) == before
    assert said("module_three", source.replace("LIMIT = 3", "LIMIT = 4")) != before
    assert said("module_four", source.replace("return LIMIT", "return -LIMIT")) != before
    assert said("module_five", source.replace("def helper():", "def helper() -> int:  # says no more")) == before


COUNTED = """
import json
import fast_langgraph
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

fast_langgraph.patch()
serde = JsonPlusSerializer()
made = [HumanMessage("a", additional_kwargs={"x": {1: 2}}), HumanMessage("b"), {(1, 2): 3}, ValueError("c")]
for _ in range(2):
    serde.loads_typed(serde.dumps_typed(made))
status = fast_langgraph.status()
sites = [status.sites[f"JsonPlusSerializer.{name}"] for name in ("dumps_typed", "loads_typed")]
print(json.dumps([[site.values_by_stock, site.values_by_class] for site in sites] + [repr(status)]))
"""


def test_values_that_stock_takes_are_counted_by_class_and_reason(tmp_path):
    encoded, decoded, shown = answer(tmp_path, COUNTED)
    message = "langchain_core.messages.human.HumanMessage"
    assert encoded == [
        6,
        {
            f"{message}: holds what model_dump() may write in a way of its own": 2,
            "tuple: as a key": 2,
            "ValueError: a type that is not known": 2,
        },
    ]
    assert decoded == [0, {}]
    assert f"2 {message}: holds what model_dump() may write in a way of its own" in shown


def test_strict_lets_a_message_of_unusual_content_go_to_its_class():
    """Its class's own rules are asked for: nothing is lost."""
    serde = JsonPlusSerializer()
    fast_langgraph.patch(strict=True)
    made = [HumanMessage("a", additional_kwargs={"x": {1: 2}})]
    assert serde.loads_typed(serde.dumps_typed(made)) == made


def test_strict_raises_where_a_message_class_was_changed(monkeypatch):
    serde = JsonPlusSerializer()
    encoded = serde.dumps_typed([[HumanMessage("a")]])
    init = HumanMessage.__init__
    monkeypatch.setattr(HumanMessage, "__init__", lambda self, *args, **kwargs: init(self, *args, **kwargs))
    with pytest.raises(
        FallbackError, match=r"human.HumanMessage is decoded by stock's code: the source of <lambda>\(\)"
    ):
        fast_langgraph.patch(strict=True)
    with pytest.raises(FallbackError, match=r"human.HumanMessage: the source of <lambda>\(\)"):
        serde.loads_typed(encoded)


CHANGED = """
import functools, json, sys
import wrapt
import fast_langgraph
from langchain_core.messages import ai, base, tool, AIMessage, ChatMessage, FunctionMessage, HumanMessage
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

def louder(function):
    @functools.wraps(function)
    def wrapped(self, *args, **kwargs):
        kwargs["name"] = "changed"
        return function(self, *args, **kwargs)
    return wrapped

def proxied(wrapped, instance, args, kwargs):
    kwargs["name"] = "changed"
    return wrapped(*args, **kwargs)

{change}
serde = JsonPlusSerializer()
raw = {{"tool_calls": [{{"id": "1", "type": "function", "function": {{"name": "n", "arguments": "{{}}"}}}}]}}
made = [ChatMessage("a", role="r"), FunctionMessage("a", name="n"), HumanMessage("a"), AIMessage("a", additional_kwargs=raw)]
encoded = serde.dumps_typed(made)
stock = repr(serde.loads_typed(encoded))
fast_langgraph.patch()
same = serde.dumps_typed(made) == encoded and repr(serde.loads_typed(encoded)) == stock
status = fast_langgraph.status()
lost = [name for name, site in status.sites.items() if site.state == "skipped"]
print(json.dumps({{"same": same, "lost": lost, "indirect": list(status.indirect)}}))
"""
CHANGES = {
    "an inherited constructor in wraps": "ChatMessage.__init__ = louder(ChatMessage.__init__)",
    "a constructor in wrapt's": "wrapt.wrap_function_wrapper('langchain_core.messages.base', 'BaseMessage.__init__', proxied)",
    "a helper in wraps": "ai.create_tool_call = functools.wraps(ai.create_tool_call)(lambda *a, **k: {'name': 'x', 'args': {}, 'id': 'i'})",
    "a helper in wrapt's": "ai.default_tool_parser = wrapt.FunctionWrapper(ai.default_tool_parser, lambda w, i, a, k: ([], []))",
    "a helper in partial": "ai.default_tool_parser = functools.partial(ai.default_tool_parser)",
    "a hook in wrapt's": "jsonplus._msgpack_default = wrapt.FunctionWrapper(jsonplus._msgpack_default, lambda w, i, a, k: w(*a, **k))",
    "code of another function": "HumanMessage.__init__.__code__ = HumanMessage.__init__.__code__.replace(co_name='other')",
    "BaseModel's constructor": "import pydantic; pydantic.BaseModel.__init__ = louder(pydantic.BaseModel.__init__)",
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_stands_in_for_stock_s_code_is_not_taken_for_it(name, tmp_path):
    found = answer(tmp_path, CHANGED.format(change=CHANGES[name]))
    assert found["same"]
    assert found["indirect"] or found["lost"]


def test_without_a_change_nothing_is_lost(tmp_path):
    assert answer(tmp_path, CHANGED.format(change="")) == {"same": True, "lost": [], "indirect": []}


TYPED_DICTS = {
    "a validator": "    name: __import__('typing').Annotated[str, __import__('pydantic').AfterValidator(str.upper)]",
    "settings": "    __pydantic_config__ = {'str_to_upper': True}  # type: ignore\n    name: str",
}


@pytest.mark.parametrize("name", TYPED_DICTS)
def test_what_a_typed_dict_says_to_pydantic_is_part_of_its_class(name, tmp_path):
    edits = {"langchain_core/messages/tool.py": [("    name: str\n", TYPED_DICTS[name] + "\n")]}
    found = answer(made_up(tmp_path, ["langchain_core"], edits), EACH_CLASS)
    assert found["differing"] == []
    assert names(found["indirect"]) >= {"AIMessage", "AIMessageChunk"}


def test_a_core_schema_of_a_class_s_own_is_a_change(tmp_path):
    own = """    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return handler(source)

    def __init__("""
    edits = {
        "langchain_core/messages/human.py": [
            ("    @overload\n    def __init__(", own.replace("    def __init__(", "    @overload\n    def __init__("))
        ]
    }
    found = answer(made_up(tmp_path, ["langchain_core"], edits), EACH_CLASS)
    assert names(found["indirect"]) == {"HumanMessage", "HumanMessageChunk"}
    assert set(found["indirect"].values()) == {"its core schema is its own"}


SAVERS = """
import functools, json, sqlite3
import fast_langgraph
import langgraph.checkpoint.sqlite as sqlite
from langgraph.checkpoint.base import empty_checkpoint

calls = []

def counted(function):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        calls.append(function.__name__)
        return function(*args, **kwargs)
    return wrapped

{change}
saver = sqlite.SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
config = {{"configurable": {{"thread_id": "1", "checkpoint_ns": ""}}}}

def run():
    calls.clear()
    put = saver.put(config, empty_checkpoint(), {{}}, {{}})
    saver.get_tuple(put)
    saver.get_tuple(config)
    return list(calls)

stock = run()
fast_langgraph.patch()
print(json.dumps({{"stock": stock, "ours": run()}}))
"""


@pytest.mark.parametrize(
    "change",
    [
        "sqlite.get_checkpoint_metadata = counted(sqlite.get_checkpoint_metadata)",
        "sqlite.get_checkpoint_id = counted(sqlite.get_checkpoint_id)",
        "sqlite.SqliteSaver.cursor = counted(sqlite.SqliteSaver.cursor)",
        "sqlite.SqliteSaver.setup = counted(sqlite.SqliteSaver.setup)",
    ],
)
def test_what_was_wrapped_of_a_saver_before_is_called_as_before(change, tmp_path):
    found = answer(tmp_path, SAVERS.format(change=change))
    assert found["stock"]
    assert found["ours"] == found["stock"]


def test_a_package_in_a_zip_file_is_known(tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(Path(langchain_core.__file__).parent, folder / "langchain_core")
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    shutil.rmtree(folder)
    found = answer(Path(archive), EACH_CLASS)
    assert found["indirect"] == {}


def test_the_report_stands_what_it_finds_in_the_place_of_a_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_core.messages.human", None)
    assert fast_langgraph.status().indirect == {}


def test_a_class_s_name_from_a_database_reaches_no_terminal_as_it_is():
    assert _printable("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\u202eb\\n"
