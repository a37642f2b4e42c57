"""Which model classes are plain by structure.

An instance of a plain class is what its ``__dict__`` says: ``model_dump()`` returns just that, and a
payload in the order of the schema comes back from the class as it went in. What is checked here is
everything that could make it otherwise. A class that is not just as it is known to be, of another
release or changed by its user, is not plain, and is dumped and called as stock does.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any

#: (name, kind, values of a literal), as ``native/src/codec/plain.rs`` has the kinds
Field = tuple[str, str, tuple[str, ...]]
#: (module, name, fields, keeps extra fields, may be built directly, rule over several fields)
Description = tuple[str, str, list[Field], bool, bool, str]

MESSAGES = "langchain_core.messages."
CLASSES = frozenset(
    {
        (MESSAGES + "human", "HumanMessage"),
        (MESSAGES + "human", "HumanMessageChunk"),
        (MESSAGES + "ai", "AIMessage"),
        (MESSAGES + "ai", "AIMessageChunk"),
        (MESSAGES + "system", "SystemMessage"),
        (MESSAGES + "system", "SystemMessageChunk"),
        (MESSAGES + "tool", "ToolMessage"),
        (MESSAGES + "tool", "ToolMessageChunk"),
        (MESSAGES + "chat", "ChatMessage"),
        (MESSAGES + "chat", "ChatMessageChunk"),
        (MESSAGES + "function", "FunctionMessage"),
        (MESSAGES + "function", "FunctionMessageChunk"),
        (MESSAGES + "modifier", "RemoveMessage"),
        ("langchain_core.documents.base", "Document"),
    }
)

#: kind of a field by its annotation, as repr() gives it on any supported release
KINDS = {
    "str | list[str | dict[typing.Any, typing.Any]]": "content",
    "str | list[str | dict]": "content",
    "typing.Union[str, list[typing.Union[str, dict]]]": "content",
    "dict[typing.Any, typing.Any]": "dict",
    "<class 'dict'>": "dict",
    "<class 'str'>": "str",
    "str | None": "optional str",
    "typing.Optional[str]": "optional str",
    "typing.Any": "any",
    "list[langchain_core.messages.tool.ToolCall]": "tool calls",
    "list[langchain_core.messages.content.InvalidToolCall]": "invalid tool calls",
    "list[langchain_core.messages.tool.InvalidToolCall]": "invalid tool calls",
    "list[langchain_core.messages.tool.ToolCallChunk]": "tool call chunks",
    "langchain_core.messages.ai.UsageMetadata | None": "usage",
    "typing.Optional[langchain_core.messages.ai.UsageMetadata]": "usage",
}

#: fingerprints of what runs between a payload and its instance, as langchain-core 1.0.0 to 1.8.4 have it
KNOWN_CODE: dict[str, frozenset[str]] = {
    "AIMessage": frozenset({"e4bd559ef480bd2a", "f163cc3f9dd1acb9"}),
    "AIMessageChunk": frozenset({"d327233a2f2deba9", "dd46b5a49e436058", "9c4b22bd65960e1c"}),
    "ChatMessage": frozenset({"e5e5d11a14244e95", "c262f7b7c1718298"}),
    "ChatMessageChunk": frozenset({"f575ae371c228e66", "15527b0f47b6f4a3"}),
    "Document": frozenset({"890f755f57a3e2bc", "e0042021269a223e"}),
    "FunctionMessage": frozenset({"144accc9b2f61b6d", "2e818b775caff738"}),
    "FunctionMessageChunk": frozenset({"6ab2f39f9207eff1", "7a9cad976dd3f410"}),
    "HumanMessage": frozenset({"d39ec1802c7a1f67", "26492fea549b7ecf"}),
    "HumanMessageChunk": frozenset({"e492f4c606961128", "2e6f8bee7a5864cb"}),
    "RemoveMessage": frozenset({"c725902fcba6f7b6", "ed93f54a3163280c"}),
    "SystemMessage": frozenset({"1fd7bc08837fa317", "30c20a7f4976b221"}),
    "SystemMessageChunk": frozenset({"2d1c61f7780726bd", "4506ba518510b2fc"}),
    "ToolMessage": frozenset({"82bb86d76c05135f", "7cd1cb89ba168440"}),
    "ToolMessageChunk": frozenset({"321cd9e29f8bc2cc", "90a8cca11b5f7513"}),
}


def describe(cls: type) -> Description | None:
    """The structure of ``cls``, or None where it is not plain."""
    if (cls.__module__, cls.__name__) not in CLASSES:
        return None
    try:
        return _describe(cls)
    except Exception:
        # An attribute of another release that is not there, or not what it is here.
        return None


def _describe(cls: Any) -> Description | None:
    from pydantic import BaseModel
    from pydantic_core import SchemaSerializer

    decorators = cls.__pydantic_decorators__
    plainly_dumped = (
        issubclass(cls, BaseModel)
        and cls.model_dump is BaseModel.model_dump
        and _is_pydantic_s_own(BaseModel.model_dump)
        and type(cls.__pydantic_serializer__) is SchemaSerializer
        and cls.__pydantic_root_model__ is False
        and cls.__pydantic_computed_fields__ == {}
        and not decorators.field_serializers
        and not decorators.model_serializers
        and not decorators.computed_fields
        and cls.__private_attributes__ == {}
        and cls.__getattribute__ is object.__getattribute__
        and getattr(cls, "__getattr__", None) is getattr(BaseModel, "__getattr__", None)
        and cls.model_config.get("extra") in ("allow", "ignore", None)
        and not {"ser_json_bytes", "serialize_by_alias", "use_enum_values"} & cls.model_config.keys()
        and all(_plain_field(field) for field in cls.model_fields.values())
    )
    if not plainly_dumped:
        return None
    fields = [(name, *_kind(cls, name, field)) for name, field in cls.model_fields.items()]
    direct = fingerprint(cls) in KNOWN_CODE.get(cls.__name__, ())
    rule = {"AIMessage": "ai", "AIMessageChunk": "ai chunk"}.get(cls.__name__, "")
    return cls.__module__, cls.__name__, fields, cls.model_config.get("extra") == "allow", direct, rule


def _is_pydantic_s_own(method: Any) -> bool:
    code = getattr(method, "__code__", None)
    return code is not None and (method.__module__, code.co_name) == ("pydantic.main", "model_dump")


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
    written = repr(field.annotation)
    if written.startswith("typing.Literal["):
        return "literal", field.annotation.__args__
    if written in ("typing.Optional[typing.Literal['last']]", "typing.Literal['last'] | None"):
        return "optional literal", ("last",)
    return KINDS[written], ()


def fingerprint(cls: Any) -> str:
    """Changes with the code that validation runs and with the fields that it runs on."""
    from pydantic import BaseModel
    from pydantic_core import SchemaValidator

    decorators = cls.__pydantic_decorators__
    if type(cls.__pydantic_validator__) is not SchemaValidator or decorators.field_validators:
        return ""
    if decorators.root_validators or decorators.validators:
        return ""
    if cls.model_post_init is not BaseModel.model_post_init or cls.__new__ is not object.__new__:
        return ""
    if getattr(cls.model_construct, "__func__", cls) is not getattr(BaseModel.model_construct, "__func__", None):
        return ""
    parts: list[str] = []
    for name, field in cls.model_fields.items():
        parts.append(repr((name, repr(field.annotation))))
        parts.extend(_typed_dicts(field.annotation))
    for ancestor in cls.__mro__:
        if ancestor is BaseModel:
            break
        for name in ("__init__", "__setattr__"):
            function = ancestor.__dict__.get(name)
            if isinstance(function, FunctionType):
                parts.append(f"{ancestor.__name__}.{name} {_outline(function)}")
    for name, decorator in decorators.model_validators.items():
        function = getattr(decorator.func, "__func__", decorator.func)
        parts.append(f"{name} {decorator.info.mode} {_outline(function)}")
        for helper in sorted(set(function.__code__.co_names)):
            called = function.__globals__.get(helper)
            if isinstance(called, FunctionType) and called.__module__.startswith(MESSAGES):
                parts.append(f"{helper} {_outline(called)}")
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _typed_dicts(annotation: Any) -> Iterator[str]:
    if hasattr(annotation, "__required_keys__"):
        yield repr((annotation.__name__, annotation.__annotations__))
        for inner in annotation.__annotations__.values():
            yield from _typed_dicts(inner)
    for inner in getattr(annotation, "__args__", ()):
        yield from _typed_dicts(inner)


def _outline(function: FunctionType) -> str:
    """What a function's code names and says: the same on every interpreter that compiles it."""
    names: set[str] = set()
    strings: set[str] = set()
    pending = [function.__code__]
    while pending:
        code = pending.pop()
        names.update(code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                pending.append(constant)
            elif isinstance(constant, str) and constant != function.__doc__ and "<locals>" not in constant:
                strings.add(constant)
    return repr((sorted(name for name in names if name[0] != "."), sorted(strings)))
