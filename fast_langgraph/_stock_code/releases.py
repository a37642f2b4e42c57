"""Which releases of LangGraph's packages are supported, and whether a method's code is that of a known one.

Version numbers only bound what is patched at all. Whether a method may be replaced is decided by its source.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fast_langgraph._stock_code import fingerprints, known_code

#: by distribution, the first release that is supported and the first that is not
SUPPORTED = {
    "langgraph-checkpoint": ((3, 0, 1), (4, 4)),
    "langgraph-checkpoint-sqlite": ((3, 0, 3), (3, 2)),
}


def installed(distribution: str) -> str:
    """The installed version, or an empty str."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def known() -> str:
    """The supported releases, as arguments for pip."""
    return " ".join(
        f"'{distribution}>={'.'.join(map(str, first))},<{'.'.join(map(str, end))}'"
        for distribution, (first, end) in SUPPORTED.items()
    )


def unsupported() -> str:
    """Why the installed releases are not patched; empty if they are supported."""
    for distribution, (first, end) in SUPPORTED.items():
        found = installed(distribution)
        if not found:
            return f"{distribution} is not installed"
        if not first <= _numbers(found) < end:
            releases = f"from {'.'.join(map(str, first))}, below {'.'.join(map(str, end))}"
            return f"{distribution} {found} is installed, but fast_langgraph supports releases {releases}"
    return ""


def unknown_code(site: str, owner: type, functions: Iterable[Any]) -> str:
    """Why a method made of these functions may not be replaced; empty if it may."""
    try:
        known = site_fingerprint(owner, functions) in known_code.SITES.get(site, ())
        if known and ("sqlite" not in owner.__module__ or base_fingerprint() in known_code.BASE):
            return ""
    except LookupError as error:
        return str(error)
    return f"its code differs from that of every release that fast_langgraph knows ({known_of(owner)})"


def site_fingerprint(owner: type, functions: Iterable[Any]) -> str:
    """Raises LookupError if a source can't be read."""
    package = owner.__module__.removesuffix(".aio").removesuffix(".jsonplus")
    return fingerprints.fingerprint(fingerprints.outlines(functions, package))


def base_fingerprint() -> str:
    """The fingerprint of what savers use of langgraph.checkpoint.base. Raises LookupError if a source can't be read."""
    from langgraph.checkpoint import base

    names = ("get_checkpoint_id", "get_checkpoint_metadata", "writes_sort_key")
    functions = [vars(base)[name] for name in names if name in vars(base)]
    parts = [repr(sorted(base.WRITES_IDX_MAP.items())), repr(sorted(base.EXCLUDED_METADATA_KEYS))]
    return fingerprints.fingerprint([*parts, *fingerprints.outlines(functions, "langgraph.checkpoint.base")])


def known_of(owner: type) -> str:
    """The known releases of the distribution that a class comes from."""
    distribution = {"langchain_core": "langchain-core"}.get(owner.__module__.partition(".")[0], "langgraph-checkpoint")
    if "sqlite" in owner.__module__:
        distribution = "langgraph-checkpoint-sqlite"
    first, last = known_code.RELEASES[distribution]
    return f"{distribution} {first} to {last}"
