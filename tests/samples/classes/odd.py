"""Classes whose instances answer to the encoder's questions in odd ways."""

from __future__ import annotations

import types
from collections import UserDict, UserList
from typing import Any

from samples.noted_calls import called


class AnswersAll:
    """``__getattr__`` gives a callable for any name: taken for a pydantic model."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: {"asked": name}


class AnswersDict:
    def __getattr__(self, name: str) -> Any:
        if name == "dict":
            return lambda: {"by": "getattr"}
        raise AttributeError(name)


class RaisesOnQuestion:
    """``hasattr`` lets everything but AttributeError through."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


class ClassProxy:
    """``__class__`` says something else than ``type()``."""

    def __init__(self, target: Any) -> None:
        object.__setattr__(self, "target", target)

    @property
    def __class__(self) -> Any:
        return type(object.__getattribute__(self, "target"))

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "target"), name)

    def __iter__(self) -> Any:
        return iter(object.__getattribute__(self, "target"))

    def __str__(self) -> str:
        return str(object.__getattribute__(self, "target"))

    def __repr__(self) -> str:
        return "a proxy"


class NotCallable:
    """Has the names, but not as methods."""

    model_dump = "no method"
    get_secret_value = 3
    dict = None
    _asdict = ()


class Secret:
    def __init__(self, value: Any) -> None:
        self.value = value

    def get_secret_value(self) -> Any:
        return self.value


class DumpsTo:
    """Its dump is whatever it was given, or what its factory gives, or raises."""

    def __init__(self, dump: Any = None, raising: BaseException | None = None, **kwargs: Any) -> None:
        self.dump, self.raising = dump, raising

    def model_dump(self) -> Any:
        called("DumpsTo")
        if self.raising is not None:
            raise self.raising
        return self.dump() if isinstance(self.dump, types.FunctionType) else self.dump


class Endless:
    """Its dump is another of its kind, as a Mock's is."""

    def model_dump(self) -> Any:
        return Endless()


class Opaque:
    """Nothing that the encoder knows."""


class Slots:
    __slots__ = ("a",)


class OwnError(Exception):
    """Encoded by its repr."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class ReprRaises(Exception):
    def __repr__(self) -> str:
        raise ValueError("no repr")


class MyDict(UserDict):
    """No dict, has no ``dict`` method either."""


class MyList(UserList):
    """No list."""


class SendLike:
    def __init__(self, node: Any, arg: Any) -> None:
        self.node, self.arg = node, arg
