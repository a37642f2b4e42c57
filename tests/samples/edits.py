"""What apps and mistakes do to a conversation between two checkpoints.

An edit takes the values of a checkpoint's channels, of which ``messages`` is the conversation and ``documents`` a dict,
and changes them in place.
"""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
)

from samples import classes as s
from samples.conversation import (
    AI,
    CHAT,
    CHUNK,
    DICT,
    DOCUMENT,
    EXTRA,
    FUNCTION,
    HUMAN,
    LIST,
    OWN,
    REMOVE,
    SYSTEM,
    TOOL,
    Values,
    text,
)


def twice(first: Any, second: Any, at: Callable[[list[Any]], list[Any]]) -> Callable[[Values], None]:
    """Replaces the first item of a list two times. The second may get the address of what was there before."""

    def edit(state: Values) -> None:
        for value in (first, second):
            at(state["messages"])[0] = pickle.loads(pickle.dumps(value))

    return edit


def _on(index: int, change: Callable[[Any], Any]) -> Callable[[Values], None]:
    def edit(state: Values) -> None:
        change(state["messages"][index])

    return edit


def _in_list(change: Callable[[list[Any]], Any]) -> Callable[[Values], None]:
    def edit(state: Values) -> None:
        change(state["messages"])

    return edit


def _set(index: int, **fields: Any) -> Callable[[Values], None]:
    return _on(index, lambda m: [setattr(m, name, copy.deepcopy(value)) for name, value in fields.items()])


#: what was taken out of messages: it stays as it was, and its address is nobody else's
KEPT: list[Any] = []


def _kept(name: str, value: Callable[[Any], Any]) -> Callable[[Any], None]:
    """As ``_slot``, while what was there lives on."""

    def change(m: Any) -> None:
        KEPT[:] = [*KEPT[-20:], getattr(m, name)]
        object.__setattr__(m, name, value(m))

    return change


def _slot(name: str, value: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda m: object.__setattr__(m, name, value(m))


def _reordered(found: dict[Any, Any]) -> None:
    for key in reversed(list(found)):
        found[key] = found.pop(key)


def _list_replaced(make: Callable[[list[Any]], Any]) -> Callable[[Values], None]:
    def edit(state: Values) -> None:
        state["messages"] = make(state["messages"])

    return edit


def _item(change: Callable[[Any], Any], index: int = 1) -> Callable[[Values], None]:
    def edit(state: Values) -> None:
        state["messages"][index] = change(state["messages"][index])

    return edit


class OtherHuman(HumanMessage):
    """A class of the app's own."""


def _and_back(name: str, other: Callable[[Any], Any]) -> Callable[[Any], None]:
    """An attribute is another one for a moment."""

    def change(m: Any) -> None:
        former = getattr(m, name)
        object.__setattr__(m, name, other(m))
        object.__setattr__(m, name, former)

    return change


def _deleted_and_set(m: Any) -> None:
    content = m.content
    del m.content
    m.content = content


def _exchanged(name: str) -> Callable[[list[Any]], None]:
    """Two messages have each other's."""

    def change(ms: list[Any]) -> None:
        one, other = getattr(ms[SYSTEM], name), getattr(ms[HUMAN], name)
        object.__setattr__(ms[SYSTEM], name, other)
        object.__setattr__(ms[HUMAN], name, one)

    return change


def _grown_and_shrunk(found: dict[Any, Any]) -> None:
    for n in range(50):
        found[f"key {n}"] = n
    for n in range(50):
        del found[f"key {n}"]


def _emptied_and_filled(found: Any) -> None:
    former = found.copy()
    found.clear()
    found.update(former) if isinstance(found, dict) else found.extend(former)


def _frozen_in_place(m: Any) -> None:
    names = tuple(type(m).model_fields)
    object.__setattr__(m, "__pydantic_fields_set__", None)
    object.__setattr__(m, "__pydantic_fields_set__", frozenset(names))


FIELDS: dict[str, Callable[[Values], Any]] = {
    "content set": _set(SYSTEM, content="other"),
    "content set to the same": _on(SYSTEM, lambda m: setattr(m, "content", m.content)),
    "content set to an equal one": _on(SYSTEM, lambda m: setattr(m, "content", "".join(list(m.content)))),
    "content set and set back": _on(SYSTEM, lambda m: (setattr(m, "content", "x"), setattr(m, "content", "be brief"))),
    "content set to blocks": _set(SYSTEM, content=["a", {"type": "text", "text": "b"}]),
    "content set to what is no content": _set(SYSTEM, content=5),
    "content deleted": _on(SYSTEM, lambda m: delattr(m, "content")),
    "an id set": _set(REMOVE, id="other"),
    "a name set": _set(HUMAN, name="bob"),
    "a role set": _set(CHAT, role="judge"),
    "a status set": _set(TOOL, status="error"),
    "a field of an own class set": _set(OWN, mood="calm"),
    "a document's text set": _set(DOCUMENT, page_content="other"),
    "a type set": _set(FUNCTION, type="human"),
    "an attribute set past the class": _on(HUMAN, lambda m: object.__setattr__(m, "content", "x")),
    "an item of __dict__ set": _on(AI, lambda m: m.__dict__.__setitem__("content", "x")),
    "an item of __dict__ deleted": _on(AI, lambda m: m.__dict__.pop("name")),
    "an unknown item in __dict__": _on(AI, lambda m: m.__dict__.__setitem__("unknown", [1])),
    "__dict__ updated": _on(AI, lambda m: vars(m).update(content="x")),
    "__dict__ in another order": _on(AI, lambda m: _reordered(m.__dict__)),
    "__dict__ emptied": _on(HUMAN, lambda m: m.__dict__.clear()),
    "__dict__ replaced": _on(HUMAN, _slot("__dict__", lambda m: {**m.__dict__, "content": "x"})),
    "__dict__ replaced by an equal one": _on(HUMAN, _slot("__dict__", lambda m: dict(m.__dict__))),
    "__dict__ replaced and kept": _on(HUMAN, _kept("__dict__", lambda m: {**m.__dict__, "content": "x"})),
    "__dict__ of another message": _in_list(
        lambda ms: object.__setattr__(ms[SYSTEM], "__dict__", ms[HUMAN].__dict__),
    ),
    "__dict__ of a subclass": _on(HUMAN, _slot("__dict__", lambda m: s.Dict(m.__dict__))),
    "the class replaced": _on(HUMAN, _slot("__class__", lambda m: OtherHuman)),
    "the class replaced by a plain one": _on(HUMAN, _slot("__class__", lambda m: SystemMessage)),
    "content deleted and set again": _on(SYSTEM, _deleted_and_set),
    "__dict__ exchanged with another message": _in_list(_exchanged("__dict__")),
    "__dict__ another one for a moment": _on(HUMAN, _and_back("__dict__", lambda m: {})),
    "__dict__ emptied and filled again": _on(HUMAN, lambda m: _emptied_and_filled(m.__dict__)),
    "the class another one for a moment": _on(HUMAN, _and_back("__class__", lambda m: SystemMessage)),
    "initialized anew": _on(HUMAN, lambda m: m.__init__(content="x")),
    "its state set": _on(HUMAN, lambda m: m.__setstate__(copy.deepcopy(m.__getstate__()))),
}

SLOTS: dict[str, Callable[[Values], Any]] = {
    "an extra field set": _set(EXTRA, flag=False),
    "an extra field added": _set(SYSTEM, another=[1]),
    "an extra field deleted": _on(EXTRA, lambda m: delattr(m, "flag")),
    "an extra field's list changed": _on(EXTRA, lambda m: m.more["b"].append(1)),
    "extra fields replaced": _on(EXTRA, _slot("__pydantic_extra__", lambda m: {"flag": 2})),
    "extra fields replaced and kept": _on(EXTRA, _kept("__pydantic_extra__", lambda m: {"flag": 2})),
    "extra fields replaced in a message of none": _on(HUMAN, _kept("__pydantic_extra__", lambda m: {"flag": 2})),
    "extra fields taken away": _on(EXTRA, _slot("__pydantic_extra__", lambda m: None)),
    "extra fields of another kind": _on(EXTRA, _slot("__pydantic_extra__", lambda m: [1])),
    "an extra field named like a field": _on(EXTRA, lambda m: m.__pydantic_extra__.__setitem__("content", 1)),
    "a name of a set field discarded": _on(HUMAN, lambda m: m.__pydantic_fields_set__.discard("content")),
    "a name of a set field added": _on(HUMAN, lambda m: m.__pydantic_fields_set__.add("unknown")),
    "a name of a set field taken and put back": _on(
        HUMAN, lambda m: (m.__pydantic_fields_set__.discard("content"), m.__pydantic_fields_set__.add("content"))
    ),
    "the set fields replaced": _on(HUMAN, _slot("__pydantic_fields_set__", lambda m: {"content"})),
    "the set fields replaced by equal ones": _on(
        HUMAN, _slot("__pydantic_fields_set__", lambda m: set(m.__pydantic_fields_set__))
    ),
    "the set fields replaced and kept": _on(HUMAN, _kept("__pydantic_fields_set__", lambda m: {"content"})),
    "the set fields taken away": _on(HUMAN, lambda m: object.__delattr__(m, "__pydantic_fields_set__")),
    "the set fields frozen": _on(
        HUMAN, _slot("__pydantic_fields_set__", lambda m: frozenset(m.__pydantic_fields_set__))
    ),
    "the set fields frozen at the address of the others": _on(HUMAN, _frozen_in_place),
    "the set fields exchanged with another message": _in_list(_exchanged("__pydantic_fields_set__")),
    "the set fields other ones for a moment": _on(HUMAN, _and_back("__pydantic_fields_set__", lambda m: set())),
    "the extra fields exchanged with another message": _in_list(_exchanged("__pydantic_extra__")),
    "private attributes put in": _on(HUMAN, _slot("__pydantic_private__", lambda m: {"x": 1})),
    "private attributes taken away": _on(HUMAN, lambda m: object.__delattr__(m, "__pydantic_private__")),
}

INSIDE: dict[str, Callable[[Values], Any]] = {
    "a tool call added": _on(AI, lambda m: m.tool_calls.append({**m.tool_calls[0], "id": "c2"})),
    "a tool call's id set": _on(AI, lambda m: m.tool_calls[0].__setitem__("id", "c9")),
    "a tool call's argument set": _on(AI, lambda m: m.tool_calls[0]["args"].__setitem__("q", "x")),
    "a tool call's arguments replaced": _on(AI, lambda m: m.tool_calls[0].__setitem__("args", {})),
    "a dict in an argument's list changed": _on(AI, lambda m: m.tool_calls[0]["args"]["k"][2].__setitem__("x", 2)),
    "an argument's list extended": _on(AI, lambda m: m.tool_calls[0]["args"]["k"].extend([1, 2])),
    "an argument's list sorted": _on(AI, lambda m: m.tool_calls[0]["args"]["k"].sort(key=str)),
    "an argument's list cleared": _on(AI, lambda m: m.tool_calls[0]["args"]["k"].clear()),
    "a tool call replaced by an equal one": _on(AI, lambda m: m.tool_calls.__setitem__(0, dict(m.tool_calls[0]))),
    "a tool call with a set": _on(AI, lambda m: m.tool_calls[0]["args"].__setitem__("s", {1, 2})),
    "an invalid tool call added": _on(AI, lambda m: m.invalid_tool_calls.append({"name": "f", "args": "{"})),
    "usage changed": _on(AI, lambda m: m.usage_metadata.__setitem__("input_tokens", 7)),
    "usage of another type": _on(AI, lambda m: m.usage_metadata.__setitem__("input_tokens", 7.5)),
    "an equal number of another type": _on(AI, lambda m: m.tool_calls[0]["args"]["k"][2].__setitem__("x", True)),
    "an equal float in place of an int": _on(AI, lambda m: m.tool_calls[0]["args"]["k"][2].__setitem__("x", 1.0)),
    "a zero below zero": _on(AI, lambda m: m.additional_kwargs.__setitem__("zero", -0.0)),
    "no number": _on(AI, lambda m: m.additional_kwargs.__setitem__("zero", float("nan"))),
    "an interned text in place of an equal one": _on(
        HUMAN, lambda m: m.content.__setitem__(0, sys.intern(m.content[0]))
    ),
    "usage's details changed": _on(AI, lambda m: m.usage_metadata["input_token_details"].update(audio=2)),
    "usage taken away": _set(AI, usage_metadata=None),
    "metadata changed": _on(AI, lambda m: m.response_metadata.update(model_name="other")),
    "metadata in another order": _on(AI, lambda m: _reordered(m.response_metadata)),
    "metadata's key removed": _on(AI, lambda m: m.response_metadata.pop("model_name")),
    "metadata's last key removed": _on(AI, lambda m: m.response_metadata.popitem()),
    "metadata cleared": _on(AI, lambda m: m.response_metadata.clear()),
    "metadata merged": _on(AI, lambda m: m.response_metadata.__ior__({"new": 1})),
    "metadata's default set": _on(AI, lambda m: m.response_metadata.setdefault("new", [])),
    "metadata initialized anew": _on(AI, lambda m: m.response_metadata.__init__(new=1)),
    "metadata grown and shrunk": _on(AI, lambda m: _grown_and_shrunk(m.response_metadata)),
    "metadata emptied and filled again": _on(AI, lambda m: _emptied_and_filled(m.response_metadata)),
    "a key another one for a moment": _on(
        AI, lambda m: [m.additional_kwargs.__setitem__("refusal", value) for value in ("x", None)]
    ),
    "an argument's list emptied and filled again": _on(AI, lambda m: _emptied_and_filled(m.tool_calls[0]["args"]["k"])),
    "an argument's list filled by an iterator": _on(
        AI, lambda m: m.tool_calls[0]["args"]["k"].__setitem__(slice(None), iter([*m.tool_calls[0]["args"]["k"], 1]))
    ),
    "an argument's list in a message of its own": _in_list(
        lambda ms: ms[HUMAN].additional_kwargs.update(k=ms[AI].tool_calls[0]["args"]["k"])
    ),
    "kwargs replaced": _set(AI, additional_kwargs={"tool_calls": [{"id": "x"}]}),
    "an empty list in kwargs filled": _on(AI, lambda m: m.additional_kwargs["empty"].append(1)),
    "an empty list in kwargs replaced by a dict": _on(AI, lambda m: m.additional_kwargs.__setitem__("empty", {})),
    "a chunk's call added": _on(CHUNK, lambda m: m.tool_call_chunks.append({"name": "f", "args": "", "id": "c"})),
    "an artifact replaced": _set(TOOL, artifact=[1]),
    "an artifact of Python": _set(TOOL, artifact={1, 2}),
    "an artifact's empty list filled": _on(TOOL, lambda m: m.artifact["empty"].append({})),
    "an artifact's nested list filled": _on(TOOL, lambda m: m.artifact["nested"][1][1].append(1)),
    "a dict in a tuple changed": _on(TOOL, lambda m: m.artifact["rows"][1][1].__setitem__("x", 9)),
    "a list in a tuple changed": _on(TOOL, lambda m: m.artifact["deep"]["a"][1].append(9)),
    "a dict in a list in a tuple changed": _on(TOOL, lambda m: m.artifact["deep"]["a"][1][1].__setitem__("y", 9)),
    "a block's text set": _on(HUMAN, lambda m: m.content[1].__setitem__("text", "c")),
    "a block added": _on(HUMAN, lambda m: m.content.append("more")),
    "a block removed": _on(HUMAN, lambda m: m.content.pop()),
    "blocks reversed": _on(HUMAN, lambda m: m.content.reverse()),
    "blocks repeated": _on(HUMAN, lambda m: m.content.__imul__(2)),
    "blocks replaced": _on(HUMAN, lambda m: m.content.__setitem__(slice(None), ["x"])),
    "a block deleted and another put there": _on(HUMAN, lambda m: (m.content.pop(0), m.content.insert(0, text("new")))),
    "a document's tag added": _on(DOCUMENT, lambda m: m.metadata["tags"].append("x")),
    "a dict's list changed": _on(DICT, lambda m: m["content"][1].append(1)),
    "a list's dict changed": _on(LIST, lambda m: m[0].__setitem__("nested", 1)),
    "blocks replaced and kept": _on(HUMAN, _kept("content", lambda m: list(m.content)[::-1])),
    "kwargs replaced and kept": _on(AI, _kept("additional_kwargs", lambda m: {"x": 1})),
    "calls replaced and kept": _on(AI, _kept("tool_calls", lambda m: [{**m.tool_calls[0], "id": "c3"}])),
    "a list's dict replaced by a list": _on(LIST, lambda m: m.__setitem__(0, [])),
}

#: the second of two edits gives a list an object at the address that it had there at first
TWICE: dict[str, Callable[[Values], Any]] = {
    f"{what} in {where} replaced twice": twice(*values, at)
    for what, values in {
        "a number": (1e300, 2e300),
        "a text": ("some is a text", "else is a text"),
        "a tuple": ((1, {"x": 5.5}), (1, {"x": 6.5})),
        "a dict": ({"x": 1}, {"x": 2}),
        "a list": ([[]], [{}]),
        "an empty one": ([], {}),
    }.items()
    for where, at in {
        "blocks": lambda ms: ms[HUMAN].content,
        "an argument": lambda ms: ms[AI].tool_calls[0]["args"]["k"],
        "metadata": lambda ms: ms[AI].response_metadata["logprobs"]["content"],
        "kwargs": lambda ms: ms[AI].additional_kwargs["scores"],
        "an artifact": lambda ms: ms[TOOL].artifact["rows"],
        "a list in a list": lambda ms: ms[TOOL].artifact["nested"][0],
        "an extra field": lambda ms: ms[EXTRA].more["b"],
        "a dict's list": lambda ms: ms[DICT]["content"][1],
        "a list's dict": lambda ms: ms[LIST][0]["nested"],
    }.items()
} | {
    "a number counted up twice": _on(
        AI, lambda m: [m.additional_kwargs["scores"].__setitem__(0, m.additional_kwargs["scores"][0] + 1) for _ in "12"]
    ),
    "a text that grows twice": _on(HUMAN, lambda m: [m.content.__setitem__(0, m.content[0] + "!") for _ in "12"]),
    "a tuple with a text replaced twice": _on(
        TOOL, lambda m: [m.artifact["rows"].__setitem__(1, (text(f"new {n}"),)) for n in range(2)]
    ),
}

LISTS: dict[str, Callable[[Values], Any]] = {
    "a message appended": _in_list(lambda ms: ms.append(AIMessage("new"))),
    "a message put in front": _in_list(lambda ms: ms.insert(0, SystemMessage("new"))),
    "a message inserted": _in_list(lambda ms: ms.insert(5, HumanMessage("new"))),
    "a message removed": _in_list(lambda ms: ms.pop(5)),
    "the last message removed": _in_list(lambda ms: ms.pop()),
    "the first messages removed": _in_list(lambda ms: ms.__delitem__(slice(0, 3))),
    "a message given twice": _in_list(lambda ms: ms.append(ms[AI])),
    "two messages swapped": _in_list(lambda ms: ms.__setitem__(slice(1, 3), ms[2:0:-1])),
    "messages reversed": _in_list(lambda ms: ms.reverse()),
    "every second message": _in_list(lambda ms: ms.__delitem__(slice(None, None, 2))),
    "messages sorted": _in_list(lambda ms: ms.sort(key=lambda m: str(m)[::-1])),
    "messages repeated": _in_list(lambda ms: ms.extend(list(ms))),
    "no messages": _in_list(lambda ms: ms.clear()),
    "the list copied": _list_replaced(list),
    "the list made a tuple": _list_replaced(tuple),
    "the list made a dict": _list_replaced(lambda ms: {f"k{n}": m for n, m in enumerate(ms)}),
    "the list in a list": _list_replaced(lambda ms: [ms]),
    "the list in two": _list_replaced(lambda ms: [ms[:9], ms[9:]]),
    "the list trimmed": _list_replaced(lambda ms: ms[-9:]),
    "the list as another channel too": lambda state: state.update(other=state["messages"]),
    "the list under another name": lambda state: state.update(other=state.pop("messages")),
    "a channel added": lambda state: state.update(count=1),
    "a channel of Python added in front": lambda state: [
        state.update(items) for items in [[("a", {1, 2}), *state.items()]] if not state.clear()
    ],
    "a message copied": _item(copy.copy),
    "a message copied deeply": _item(copy.deepcopy),
    "a message copied by its model": _item(lambda m: m.model_copy(update={"content": "x"})),
    "a message pickled": _item(lambda m: pickle.loads(pickle.dumps(m))),
    "a message dumped": _item(lambda m: m.model_dump()),
    "a message replaced by its text": _item(lambda m: str(m.content)),
    "a message replaced by None": _item(lambda m: None),
    "a message of an own class": _item(lambda m: OtherHuman("x")),
    "a message constructed": _item(lambda m: HumanMessage.model_construct(content="x")),
    "a message never initialized": _item(lambda m: HumanMessage.__new__(HumanMessage)),
    "a message replaced twice": _in_list(
        lambda ms: [ms.__setitem__(SYSTEM, SystemMessage("".join(["new", str(n)]))) for n in range(2)]
    ),
}

KEYED: dict[str, Callable[[Values], Any]] = {
    "a document set": lambda state: state["documents"].__setitem__("key 3", Document(page_content="x")),
    "a document changed": lambda state: setattr(state["documents"]["key 3"], "page_content", "x"),
    "a document added": lambda state: state["documents"].__setitem__("new", Document(page_content="x")),
    "a document removed": lambda state: state["documents"].pop("key 0"),
    "documents in another order": lambda state: _reordered(state["documents"]),
    "a document under another key": lambda state: state["documents"].__setitem__("x", state["documents"].pop("key 9")),
    "all documents under other keys": lambda state: state.update(
        documents={f"another {key}": found for key, found in state["documents"].items()}
    ),
    "documents under numbers": lambda state: state.update(documents=dict(enumerate(state["documents"].values()))),
    "documents as a list": lambda state: state.update(documents=list(state["documents"].values())),
    "documents as a list of some": lambda state: state.update(documents=list(state["documents"].values())[1:]),
    "documents in a dict in a dict": lambda state: state.update(documents={"all": state["documents"]}),
    "a document in two places": lambda state: state["documents"].update(again=state["documents"]["key 1"]),
    "documents among messages": lambda state: state["messages"].extend(state["documents"].values()),
    "messages among documents": lambda state: state["documents"].update(
        {f"m{n}": message for n, message in enumerate(state["messages"])}
    ),
    "messages and documents exchanged": lambda state: state.update(
        messages=state["documents"], documents=state["messages"]
    ),
    "no documents": lambda state: state["documents"].clear(),
}

EDITS = FIELDS | SLOTS | INSIDE | TWICE | LISTS | KEYED

#: what leaves a message as it is
READS: dict[str, Callable[[Any], Any]] = {
    "attributes": lambda m: [getattr(m, name) for name in type(m).model_fields],
    "repr": repr,
    "str": str,
    "model_dump": lambda m: m.model_dump(),
    "model_dump_json": lambda m: m.model_dump_json(),
    "model_copy": lambda m: m.model_copy(deep=True),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "comparing": lambda m: m == m.model_copy(),
    "iterating": list,
    "pretty_repr": lambda m: m.pretty_repr(),
    "vars": vars,
    "set fields": lambda m: (m.model_fields_set, m.model_extra),
}
