"""Whether this interpreter's objects show every change: tried out once on throw-away objects."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from fast_langgraph import _native


def _base() -> type:
    from pydantic import BaseModel, ConfigDict

    class Message(BaseModel):
        model_config = ConfigDict(extra="allow")
        content: Any = ""
        kwargs: Any = None

    return Message


def _fresh(cls: Any) -> Any:
    calls = [{"name": "s", "args": {"q": "w", "k": [1, {"x": 1}]}}]
    return cls(
        content="a",
        kwargs={"calls": calls, "usage": {"in": 1, "out": 2}, "empty": [], "texts": ["".join(["a first ", "text"])]},
        more={"b": [1]},
    )


def _replaced_in_place(m: Any) -> None:
    texts = m.kwargs["texts"]
    texts[0] = None
    texts[0] = "".join(["another ", "text"])


#: each changes an object; what they return is not used
EDITS: dict[str, Callable[[Any], Any]] = {
    "an attribute set": lambda m: setattr(m, "content", "b"),
    "an attribute set past the class": lambda m: object.__setattr__(m, "content", "b"),
    "an attribute set again and again": lambda m: list(map(partial(setattr, m, "content"), map(str, range(50)))),
    "an attribute deleted": lambda m: delattr(m, "content"),
    "an item of __dict__ set": lambda m: m.__dict__.__setitem__("content", "b"),
    "an item of __dict__ deleted": lambda m: m.__dict__.pop("content"),
    "__dict__ updated": lambda m: vars(m).update(content="b"),
    "__dict__ replaced": lambda m: object.__setattr__(m, "__dict__", dict(m.__dict__)),
    "the class replaced": lambda m: object.__setattr__(m, "__class__", type("Other", (type(m),), {})),
    "initialized anew": lambda m: m.__init__(content="b"),
    "an extra field set": lambda m: setattr(m, "more", 1),
    "the extra fields replaced": lambda m: object.__setattr__(m, "__pydantic_extra__", {"more": 1}),
    "the names of set fields replaced": lambda m: object.__setattr__(m, "__pydantic_fields_set__", set()),
    "a key set": lambda m: m.kwargs["usage"].__setitem__("in", 2),
    "a key added": lambda m: m.kwargs["usage"].setdefault("new", 1),
    "a dict updated": lambda m: m.kwargs.update(new=1),
    "a dict merged": lambda m: m.kwargs.__ior__({"new": 1}),
    "a key removed": lambda m: m.kwargs["usage"].pop("in"),
    "a key deleted": lambda m: m.kwargs["usage"].__delitem__("in"),
    "the last key removed": lambda m: m.kwargs["usage"].popitem(),
    "a dict cleared": lambda m: m.kwargs["usage"].clear(),
    "an item appended": lambda m: m.kwargs["calls"].append(1),
    "an item appended to an empty list": lambda m: m.kwargs["empty"].append(1),
    "an item inserted": lambda m: m.kwargs["calls"].insert(0, 1),
    "an item replaced": lambda m: m.kwargs["calls"].__setitem__(0, dict(m.kwargs["calls"][0])),
    "an item replaced by one that could get its address": _replaced_in_place,
    "items replaced": lambda m: m.kwargs["calls"].__setitem__(slice(None), [{}]),
    "an item removed": lambda m: m.kwargs["calls"].pop(),
    "a list extended": lambda m: m.kwargs["calls"].extend([1]),
    "a list reversed": lambda m: m.kwargs["calls"][0]["args"]["k"].reverse(),
    "a list in an extra field changed": lambda m: m.more["b"].append(2),
    "a dict deep inside changed": lambda m: m.kwargs["calls"][0]["args"]["k"][1].__setitem__("x", 2),
}

#: each leaves an object as it is
READS: dict[str, Callable[[Any], Any]] = {
    "attributes": lambda m: (m.content, m.kwargs, m.more),
    "repr": repr,
    "model_dump": lambda m: m.model_dump(),
    "comparing": lambda m: m == m,
    "__dict__": vars,
    "iterating": lambda m: list(m),
}


@cache
def failed() -> str:
    """What went wrong when it was tried out; empty if every change was seen."""
    try:
        cls = _base()
        missed = [name for name, edit in EDITS.items() if not _is_seen(cls, edit)]
        if missed:
            return f"this interpreter does not show {missed[0]}"
        if not _shows_attributes():
            return "this interpreter does not show an attribute set in the __dict__ of its object"
        # Decoded objects are handed out again only if they are nobody else's, which counts of references show.
        return "" if _tells_who_has_it(cls) else "this interpreter does not show who else has an object"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _is_seen(cls: Any, edit: Callable[[Any], Any]) -> bool:
    outlined = _native.Outlined(_fresh(cls))
    if not outlined.is_unchanged():
        return False
    edit(outlined.object)
    return not outlined.is_unchanged()


def _shows_attributes() -> bool:
    class Holder:
        def __init__(self) -> None:
            self.content = "a"

    holder = Holder()
    try:
        outlined = _native.Outlined(vars(holder))
    except TypeError:
        return True  # such a dict is not remembered
    holder.content = "b"
    return not outlined.is_unchanged()


def _tells_who_has_it(cls: Any) -> bool:
    import weakref

    outlined = _native.Outlined(_fresh(cls))
    for read in READS.values():
        read(outlined.object)
    if not outlined.is_unchanged() or not outlined.is_ours_alone():
        return False
    for hold in (
        lambda: outlined.object,
        lambda: outlined.object.__dict__,
        lambda: outlined.object.kwargs,
        lambda: outlined.object.kwargs["calls"],
        lambda: outlined.object.kwargs["calls"][0]["args"],
        lambda: outlined.object.model_fields_set,
        lambda: outlined.object.model_extra,
        lambda: weakref.ref(outlined.object),
        lambda: weakref.ref(outlined.object.model_fields_set),
    ):
        held = hold()
        if outlined.is_ours_alone():
            return False
        del held
        if not outlined.is_ours_alone():
            return False
    return True
