"""Which of langchain-core's message classes are plain, so that Rust may read and build their instances directly.

An instance of a plain class is fully described by its ``__dict__``: ``model_dump()`` returns just that, and the
class rebuilds an equal instance from a payload in the order of its schema. This module checks everything that
could make it otherwise. A class that differs from what is known (of another release, or changed by its user) is
not plain: it is dumped and called as stock does, and ``describe`` says why.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from types import FunctionType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from fast_langgraph import _native
from fast_langgraph._stock_code import fingerprints, known_code, releases

#: (name, kind, values of a literal); the kinds are those of ``native/src/codec/plain.rs``
Field = tuple[str, str, tuple[str, ...]]
#: (module, name, fields, keeps extra fields, why it may not be built directly, rule over several fields)
Description = tuple[str, str, list[Field], bool, str, str]

MESSAGES = "langchain_core.messages."
MESSAGE_CLASSES = {
    (MESSAGES + "human", "HumanMessage"): {"content": "a"},
    (MESSAGES + "human", "HumanMessageChunk"): {"content": "a"},
    (MESSAGES + "ai", "AIMessage"): {"content": "a"},
    (MESSAGES + "ai", "AIMessageChunk"): {"content": "a"},
    (MESSAGES + "system", "SystemMessage"): {"content": "a"},
    (MESSAGES + "system", "SystemMessageChunk"): {"content": "a"},
    (MESSAGES + "tool", "ToolMessage"): {"content": "a", "tool_call_id": "b"},
    (MESSAGES + "tool", "ToolMessageChunk"): {"content": "a", "tool_call_id": "b"},
    (MESSAGES + "chat", "ChatMessage"): {"content": "a", "role": "b"},
    (MESSAGES + "chat", "ChatMessageChunk"): {"content": "a", "role": "b"},
    (MESSAGES + "function", "FunctionMessage"): {"content": "a", "name": "b"},
    (MESSAGES + "function", "FunctionMessageChunk"): {"content": "a", "name": "b"},
    (MESSAGES + "modifier", "RemoveMessage"): {"id": "a"},
    ("langchain_core.documents.base", "Document"): {"page_content": "a"},
}
"""By module and name, the least arguments that make an instance."""

#: the kind of a field, by its annotation
KINDS = {
    "str | list[str | dict[Any, Any]]": "content",
    "str | list[str | dict]": "content",
    "dict[Any, Any]": "dict",
    "dict": "dict",
    "str": "str",
    "str | None": "optional str",
    "Any": "any",
    "list[langchain_core.messages.tool.ToolCall]": "tool calls",
    "list[langchain_core.messages.content.InvalidToolCall]": "invalid tool calls",
    "list[langchain_core.messages.tool.InvalidToolCall]": "invalid tool calls",
    "list[langchain_core.messages.tool.ToolCallChunk]": "tool call chunks",
    "langchain_core.messages.ai.UsageMetadata | None": "usage",
}


def describe(cls: type) -> Description | str | None:
    """The structure of ``cls``, or why it is not plain; None if it is none of ``MESSAGE_CLASSES``."""
    if (cls.__module__, cls.__name__) not in MESSAGE_CLASSES:
        return None
    try:
        return _describe(cls)
    except Exception as error:
        # Another release lacks an attribute, or it is something else there.
        return f"{type(error).__name__}: {error}"


@cache
def read_ahead() -> None:
    """Describes the imported classes once, which reads their sources: 14 ms, in which a thread loses the GIL.

    A run begins with the state that there is, so this is called when one is asked for. Else the first pending writes
    with a message would take so long that they are not on disk yet when the next checkpoint is put.
    """
    indirect()


def indirect() -> dict[str, str]:
    """The imported classes whose instances can't be built directly, and why."""
    found = {}
    short_ways_off = _native.short_ways_off()
    for module, name in MESSAGE_CLASSES:
        home = sys.modules.get(module)
        # Looking it up this way imports nothing, not even a lazy module.
        cls = None if home is None else object.__getattribute__(home, "__dict__").get(name)
        description = describe(cls) if isinstance(cls, type) else None
        reason = description[4] if isinstance(description, tuple) else description
        reason = reason if description is None else reason or short_ways_off
        if reason:
            found[f"{module}.{name}"] = reason
    return found


def _describe(cls: Any) -> Description | str:
    from pydantic import BaseModel
    from pydantic_core import SchemaSerializer

    decorators = cls.__pydantic_decorators__
    conditions = {
        "it is no BaseModel": issubclass(cls, BaseModel),
        "model_dump() is replaced": cls.model_dump is BaseModel.model_dump and _is_pydantic_s_own("model_dump"),
        "its core schema is its own": _function(cls.__get_pydantic_core_schema__)
        is _function(BaseModel.__get_pydantic_core_schema__),
        "its serializer is not pydantic's": type(cls.__pydantic_serializer__) is SchemaSerializer,
        "it is a root model": cls.__pydantic_root_model__ is False,
        "it has computed fields": not decorators.computed_fields
        and not getattr(cls, "__pydantic_computed_fields__", {}),
        "it has serializers of its own": not decorators.field_serializers and not decorators.model_serializers,
        "it has private attributes": cls.__private_attributes__ == {},
        "attributes are not looked up as usual": cls.__getattribute__ is object.__getattribute__
        and getattr(cls, "__getattr__", None) is getattr(BaseModel, "__getattr__", None),
        "its model_config is not known": cls.model_config.get("extra") in ("allow", "ignore", None)
        and not {"ser_json_bytes", "serialize_by_alias", "use_enum_values"} & cls.model_config.keys(),
        "its fields have aliases or constraints": all(map(_plain_field, cls.model_fields.values())),
    }
    for objection, fine in conditions.items():
        if not fine:
            return objection
    fields = [(name, *_kind(cls, name, field)) for name, field in cls.model_fields.items()]
    indirect = _why_not_built(cls)
    if indirect and not _dumped_as_read(cls):
        return "model_dump() returns something else than __dict__"
    rule = {"AIMessage": "ai", "AIMessageChunk": "ai chunk"}.get(cls.__name__, "")
    return cls.__module__, cls.__name__, fields, cls.model_config.get("extra") == "allow", indirect, rule


def _is_pydantic_s_own(name: str) -> bool:
    """Whether a method of BaseModel is pydantic's own."""
    from pydantic import BaseModel, main

    method = vars(BaseModel).get(name)
    return (
        type(method) is FunctionType
        and method.__globals__ is vars(main)
        and method.__code__.co_name == name
        and method.__code__.co_filename == main.__file__
    )


def _function(method: Any) -> Any:
    return getattr(method, "__func__", method)


def _plain_field(field: Any) -> bool:
    return (
        field.exclude is None
        and getattr(field, "exclude_if", None) is None
        and field.alias is None
        and field.serialization_alias is None
        and field.validation_alias is None
        and repr(field.metadata) in ("[]", "[_PydanticGeneralMetadata(coerce_numbers_to_str=True)]")
    )


def _kind(cls: type, name: str, field: Any) -> tuple[str, tuple[str, ...]]:
    if cls.__name__ == "RemoveMessage" and name == "content":
        return "empty content", ()
    if get_origin(field.annotation) is Literal:
        return "literal", field.annotation.__args__
    written = spelled(field.annotation)
    if written == "Literal['last'] | None":
        return "optional literal", ("last",)
    if written not in KINDS:
        raise LookupError(f"its field {name} is of an unknown type: {written}")
    return KINDS[written], ()


def _why_not_built(cls: Any) -> str:
    """Why instances may not be built without calling the class; empty if they may."""
    from pydantic import BaseModel
    from pydantic_core import SchemaValidator

    decorators = cls.__pydantic_decorators__
    if type(cls.__pydantic_validator__) is not SchemaValidator:
        return "its validator is not pydantic's"
    if decorators.field_validators or decorators.root_validators or decorators.validators:
        return "it has validators that are not known"
    if type(cls).__call__ is not type.__call__ or not _is_pydantic_s_own("__init__"):
        return "calling it is not what it is for other classes"
    if cls.model_post_init is not BaseModel.model_post_init or cls.__new__ is not object.__new__:
        return "model_post_init() or __new__() is its own"
    if _function(cls.model_construct) is not _function(BaseModel.model_construct):
        return "model_construct() is its own"
    try:
        known = fingerprint(cls) in known_code.MESSAGES.get(cls.__name__, ())
    except LookupError as error:
        return str(error)
    return (
        ""
        if known
        else f"its code differs from that of every release that fast_langgraph knows ({releases.known_of(cls)})"
    )


def fingerprint(cls: Any) -> str:
    """The fingerprint of the code that validation runs and of the fields that it runs on.

    Raises LookupError if a source can't be read.
    """
    from pydantic import BaseModel

    parts = [f"{name} {spelled(field.annotation)}" for name, field in cls.model_fields.items()]
    parts += [said for field in cls.model_fields.values() for said in _typed_dicts(field.annotation)]
    parts += [f"{name}={value!r}" for name, value in sorted(cls.model_config.items()) if isinstance(value, (bool, str))]
    functions: list[Any] = []
    for ancestor in cls.__mro__:
        if ancestor is BaseModel:
            break
        functions += [ancestor.__dict__[name] for name in ("__init__", "__setattr__") if name in ancestor.__dict__]
    for name, decorator in cls.__pydantic_decorators__.model_validators.items():
        function = _function(decorator.func)
        parts.append(f"{name} {decorator.info.mode} {getattr(function, '__qualname__', '')}")
        functions.append(function)
    return fingerprints.fingerprint([*parts, *fingerprints.outlines(functions, MESSAGES[:-1])])


def _dumped_as_read(cls: Any) -> bool:
    """Whether ``model_dump()`` returns the ``__dict__`` for a few instances: for a class of an unknown release."""
    least = MESSAGE_CLASSES[cls.__module__, cls.__name__]
    more = {"additional_kwargs": {"a": [1, {"b": None}]}, "response_metadata": {"c": 1.5}, "name": "n", "id": "i"}
    offered = {name: value for name, value in more.items() if name in cls.model_fields}
    extra = {"fast_langgraph_extra": ["x"]} if cls.model_config.get("extra") == "allow" else {}
    for made in (cls(**least), cls(**{**offered, **least}), cls(**{**offered, **least, **extra})):
        if repr(made.model_dump()) != repr({**made.__dict__, **(made.__pydantic_extra__ or {})}):
            return False
    return True


def spelled(annotation: Any) -> str:
    """An annotation as text. ``repr`` differs between releases of Python."""
    if annotation is None or annotation is NoneType:
        return "None"
    if annotation is Any:
        return "Any"
    origin = get_origin(annotation)
    if origin is None:
        if not isinstance(annotation, type):
            return repr(annotation)
        home = "" if annotation.__module__ == "builtins" else f"{annotation.__module__}."
        return home + annotation.__qualname__
    arguments = get_args(annotation)
    if origin in (Union, UnionType):
        return " | ".join(map(spelled, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    return f"{spelled(origin)}[{', '.join(map(spelled, arguments))}]"


def _typed_dicts(annotation: Any) -> Iterator[str]:
    # On CPython 3.10, typing's own function does not know typing_extensions' NotRequired.
    from typing_extensions import get_type_hints

    if hasattr(annotation, "__required_keys__"):
        settings = getattr(annotation, "__pydantic_config__", "")
        yield f"{spelled(annotation)} {sorted(annotation.__required_keys__)} {settings!r}"
        bare = get_type_hints(annotation)
        for name, field in get_type_hints(annotation, include_extras=True).items():
            plain = field == bare[name] or spelled(field).partition("[")[0].rpartition(".")[2] in (
                "NotRequired",
                "Required",
            )
            yield f"{name} {spelled(bare[name])}" + ("" if plain else f" {field!r}")
            yield from _typed_dicts(bare[name])
    for inner in get_args(annotation):
        yield from _typed_dicts(inner)
