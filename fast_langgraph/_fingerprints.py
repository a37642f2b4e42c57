"""What the source of a function says, in a few bytes: the same on every interpreter.

Bytecode is not: comprehensions are inlined since CPython 3.12, and constants move. Comments, docstrings and
annotations are left out, for they change nothing that runs.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any

#: parts of a node that say nothing of what runs
_SILENT = frozenset({"annotation", "returns", "type_comment", "type_params", "kind", "ctx"})


def fingerprint(parts: Iterable[str]) -> str:
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def outlines(functions: Iterable[Any], package: str) -> list[str]:
    """What these functions say, and what those of ``package`` say that they call by name, and so on.

    Constants in capitals that they name count as well. Raises LookupError where a source can't be read.
    """
    found: dict[str, str] = {}
    pending = list(functions)
    while pending:
        function = pending.pop()
        name = _full_name(function)
        if name in found:
            continue
        found[name], names = _outline(function.__code__)
        for used in names:
            value = function.__globals__.get(used)
            if isinstance(value, FunctionType):
                if f"{value.__module__}.".startswith(f"{package}.") and value.__qualname__ == value.__name__:
                    pending.append(value)
                else:
                    # Of a function that another has made, the maker's name is the same wherever it was made.
                    found[used] = _full_name(value).partition(".<locals>")[0]
            elif used.isupper() and isinstance(value, (str, int, bytes)):
                found[used] = repr(value)
    return [f"{name} {found[name]}" for name in sorted(found)]


def _full_name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@lru_cache(maxsize=256)  # what several methods share is read once
def _outline(code: CodeType) -> tuple[str, frozenset[str]]:
    """What a function says, and the names in it."""
    text, lines = _source(code)
    try:
        (node,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        node = ast.Pass()
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or not _is_source_of(node, lines, code):
        raise LookupError(f"the source of {code.co_name}() can't be read")
    names: set[str] = set()
    return _say(node, names), frozenset(names)


def _source(code: CodeType) -> tuple[str, int]:
    """The lines that define a function, and how many they are. ``inspect`` takes five times as long."""
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines:
        return "", 0
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
    return dedent("".join(lines[:end])), end


def _is_source_of(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: int, code: CodeType) -> bool:
    """Whether a file still has what was imported from it, as far as a glance tells."""
    named = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    last = max(line for _, _, line in code.co_lines() if line is not None)
    return (
        min(part.lineno for part in (node, *node.decorator_list)) == 1
        and node.name == code.co_name
        and tuple(named) == code.co_varnames[: len(named)]
        and code.co_firstlineno <= last < code.co_firstlineno + lines
    )


def _say(node: Any, names: set[str]) -> str:
    """A syntax tree as text, its names added to ``names``. ``ast.dump`` writes another on each release of Python."""
    if isinstance(node, list):
        return "".join([_say(part, names) for part in node])
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Name):
        names.add(node.id)
    said = [type(node).__name__]
    for name in node._fields:
        part = getattr(node, name, None)
        # Newer releases add fields, which are empty or 0 where what is new is not used.
        if name in _SILENT or part is None or part == [] or (part == 0 and name != "value"):
            continue
        if name == "body" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            part = part[_documented(part) :]
        said.append(f"{name}={_say(part, names)}")
    return f"({' '.join(said)})"


def _documented(body: list[ast.stmt]) -> bool:
    first = body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
