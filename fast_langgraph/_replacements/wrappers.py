"""Finds the wrappers that other tools, such as tracers, have put around a method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

#: how many nested wrappers are followed
DEPTH = 16


def layers(function: Any, known: Callable[[Any], bool]) -> tuple[list[str], Any]:
    """The names of the wrappers, outermost first, and the known function inside them, or None."""
    path = _path(function, known, DEPTH, set())
    if path is None:
        return [name_of(function)], None
    *wrappers, innermost = path
    return [name_of(wrapper) for wrapper in wrappers], innermost


def _path(function: Any, known: Callable[[Any], bool], depth: int, seen: set[int]) -> list[Any] | None:
    if known(function):
        return [function]
    if depth == 0 or id(function) in seen:
        return None
    seen.add(id(function))
    for inner in _inside(function):
        rest = _path(inner, known, depth - 1, seen)
        if rest is not None:
            return [function, *rest]
    return None


def _inside(function: Any) -> Iterator[Any]:
    """What ``function`` may call: its ``__wrapped__``, and the functions in its closure."""
    try:
        wrapped = getattr(function, "__wrapped__", None)
    except Exception:
        return  # somebody else's object may raise anything
    if wrapped is not None:
        yield wrapped
    if isinstance(function, partial):
        yield function.func
    elif type(function) is MethodType:
        yield function.__func__
    elif type(function) is FunctionType:
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if callable(content):
                yield content


def name_of(function: Any) -> str:
    """The wrapper's own module and name. Its ``__name__`` and ``__module__`` are often copied from what it wraps."""
    # wrapt, which ddtrace and OpenTelemetry use, keeps the tracer's function in this attribute.
    function = getattr(function, "_self_wrapper", function)
    if type(function) is MethodType:
        function = function.__func__
    if type(function) is FunctionType:
        code = function.__code__
        return f"{function.__globals__.get('__name__', '?')}.{getattr(code, 'co_qualname', code.co_name)}"
    cls = type(function)
    return f"{cls.__module__}.{cls.__qualname__}"
