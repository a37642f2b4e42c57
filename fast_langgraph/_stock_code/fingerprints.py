"""Fingerprints of functions, taken from their source: the same on every interpreter.

Bytecode differs between interpreters: comprehensions are inlined since CPython 3.12, and constants move. Comments,
docstrings and annotations are left out, because they change nothing that runs. The function is checked to be what
its file says.
"""

from __future__ import annotations
import __future__

import ast
import linecache
from collections.abc import Iterable
from functools import lru_cache, partial
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any

#: fields of a syntax node that don't affect what runs
_SILENT = frozenset({"annotation", "returns", "type_comment", "type_params", "kind", "ctx"})


def fingerprint(parts: Iterable[str]) -> str:
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def outlines(functions: Iterable[Any], package: str) -> list[str]:
    """The source of these functions, and of the functions of ``package`` that they call by name, and so on.

    Constants in capitals that they use count as well. Raises LookupError if a source can't be read or a function
    has been replaced.
    """
    found: dict[str, str] = {}
    seen: set[int] = set()

    def add(name: str, said: str) -> None:
        if found.setdefault(name, said) != said:
            raise LookupError(f"{name} is there twice")

    pending = list(functions)
    while pending:
        function = pending.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        said, names = _outline(function, _own_code(function))
        add(_full_name(function), said)
        for used in names:
            value = function.__globals__.get(used)
            # isinstance() believes a wrapper that claims to be a function; _own_code() looks closer.
            if isinstance(value, (FunctionType, partial)):
                if _is_inside(value, package):
                    pending.append(value)
                else:
                    # A function made by a factory is identified by the factory.
                    _own_code(value)
                    add(f"{function.__module__}:{used}", _full_name(value).partition(".<locals>")[0])
            elif used.isupper() and isinstance(value, (str, int, bytes)):
                add(f"{function.__module__}:{used}", repr(value))
    return [f"{name} {found[name]}" for name in sorted(found)]


def _is_inside(function: Any, package: str) -> bool:
    home = getattr(function, "__module__", "")
    return f"{home}.".startswith(f"{package}.") and function.__qualname__ == function.__name__


def _own_code(function: Any) -> CodeType:
    """The function's code. Raises LookupError if the function is not the one that its name says."""
    name = getattr(function, "__qualname__", repr(function))
    if type(function) is not FunctionType:
        raise LookupError(f"{name}() is replaced by something that is no function")
    code: CodeType = function.__code__
    if (code.co_name, function.__globals__.get("__name__")) != (function.__name__, function.__module__):
        raise LookupError(f"{name}() is replaced by a function of {code.co_filename}")
    return code


def _full_name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@lru_cache(maxsize=256)  # what several methods share is read once
def _outline(function: FunctionType, code: CodeType) -> tuple[str, frozenset[str]]:
    """What a function says, and the names in it."""
    text = _source(function, code)
    inside = text[:1].isspace()
    if inside:
        # Compiled within its class, because names with two leading underscores are mangled there.
        owner = function.__qualname__.rpartition(".")[0]
        text = (f"class {owner}:\n" if owner.isidentifier() else "if True:\n") + text
    try:
        tree: Any = ast.parse(text)
        node = tree.body[0].body[0] if inside else tree.body[0]
        flags = code.co_flags & __future__.annotations.compiler_flag
        compiled = compile(tree, code.co_filename, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, IndexError):
        raise LookupError(f"the source of {code.co_name}() can't be read") from None
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    starts_there = is_function and min(part.lineno for part in (node, *node.decorator_list)) == 1 + inside
    if not starts_there or not _has(compiled, code):
        raise LookupError(f"the source of {code.co_name}() is not what was imported")
    names: set[str] = set()
    return _say(node, names), frozenset(names)


def _source(function: FunctionType, code: CodeType) -> str:
    """The lines that define a function. ``inspect`` takes five times as long."""
    lines = linecache.getlines(code.co_filename, function.__globals__)[code.co_firstlineno - 1 :]
    if not lines:
        return ""
    margin = len(lines[0]) - len(lines[0].lstrip())
    end, in_body = 1, False
    for number, line in enumerate(lines[1:], 1):
        stripped = line.strip()
        if not stripped or stripped[0] == "#":
            continue
        if len(line) - len(line.lstrip()) > margin:
            in_body = True
        elif in_body and stripped[0] != ")":
            break
        end = number + 1
    return "".join(lines[:end])


def _has(compiled: CodeType, code: CodeType) -> bool:
    """Whether ``code`` is in a compiled module, or in a class of it."""
    inner = [constant for constant in compiled.co_consts if isinstance(constant, CodeType)]
    return any(_is_same(found, code) for found in inner) or any(
        _is_same(found, code) for cls in inner for found in cls.co_consts if isinstance(found, CodeType)
    )


def _is_same(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects have the same names and constants on the same lines.

    Instructions may differ: the compiler calls a method of an imported module by other instructions than one of
    another object.
    """

    def said(code: CodeType) -> tuple[Any, ...]:
        lines = {line - code.co_firstlineno for _, _, line in code.co_lines() if line is not None}
        # Equal frozensets may print in another order, so they are compared as sets. A nan equals nothing, so
        # other constants are compared by repr.
        constants = [
            c if isinstance(c, (frozenset, tuple)) else repr(c) for c in code.co_consts if type(c) is not CodeType
        ]
        return code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_flags, constants, lines

    inner, others = ([c for c in code.co_consts if isinstance(c, CodeType)] for code in (one, other))
    return said(one) == said(other) and len(inner) == len(others) and all(map(_is_same, inner, others))


def _say(node: Any, names: set[str]) -> str:
    """A syntax tree as text; adds its names to ``names``. ``ast.dump`` differs between releases of Python."""
    if isinstance(node, list):
        return "".join([_say(part, names) for part in node])
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Name):
        names.add(node.id)
    said = [type(node).__name__]
    for name in node._fields:
        part = getattr(node, name, None)
        # Newer releases of Python add fields, which are empty or 0 unless new syntax is used.
        if name in _SILENT or part is None or part == [] or (part == 0 and name != "value"):
            continue
        if name == "body" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            part = part[_documented(part) :]
        said.append(f"{name}={_say(part, names)}")
    return f"({' '.join(said)})"


def _documented(body: list[ast.stmt]) -> bool:
    first = body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
