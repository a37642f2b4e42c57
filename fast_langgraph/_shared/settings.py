"""What the user asked for: environment variables, ``patch()``'s arguments that go before them, and ``disabled()``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from fast_langgraph._shared.stock_classes import SITES, STOCK_CLASSES

PREFIX = "FAST_LANGGRAPH_"
AUTO_PATCH = PREFIX + "AUTO_PATCH"
DISABLE = PREFIX + "DISABLE"
ONLY = PREFIX + "ONLY"
EXCLUDE = PREFIX + "EXCLUDE"
VERBOSE = PREFIX + "VERBOSE"
FAIL_ON_FALLBACK = PREFIX + "FAIL_ON_FALLBACK"
REMEMBER = PREFIX + "REMEMBER"
VERIFY = PREFIX + "VERIFY"
LAYOUT = PREFIX + "LAYOUT"
VARIABLES = (AUTO_PATCH, DISABLE, ONLY, EXCLUDE, VERBOSE, FAIL_ON_FALLBACK, REMEMBER, VERIFY, LAYOUT)

#: the layouts of new files, the default first
LAYOUTS = ("standard", "compact")
#: why a saver's ``setup`` is left as it is
MADE_STANDARD = "new files are made in the standard layout"

#: bytes that are remembered of states unless something else is asked for
REMEMBERED = 64 << 20

ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")

#: true inside ``disabled()``; LangGraph copies the context into its executor's threads
IS_DISABLED: ContextVar[bool] = ContextVar("fast_langgraph.disabled", default=False)


@contextmanager
def disabled() -> Iterator[None]:
    """``fast_langgraph.disabled()``."""
    token = IS_DISABLED.set(True)
    try:
        yield
    finally:
        IS_DISABLED.reset(token)


class Settings(NamedTuple):
    #: whether classes are patched when their modules are imported later
    on_import: bool
    disabled: bool
    only: frozenset[str] | None
    exclude: frozenset[str]
    verbose: bool
    #: whether a fallback to stock's code raises
    strict: bool
    #: how many bytes are remembered of states
    remember: int
    #: of files that are made
    layout: str
    #: values that were not understood, with those that would be
    complaints: tuple[str, ...]

    def leaves_out(self, site: str) -> str:
        """The setting that excludes the site; empty if none does."""
        names = {site, site.partition(".")[0]}
        if site.endswith(".setup") and self.layout == LAYOUTS[0]:
            return MADE_STANDARD
        if self.only is not None and not names & self.only:
            return "not in what patch() was asked to patch"
        return "excluded as asked for" if names & self.exclude else ""


#: the settings of the last ``patch()``; None before it, and after ``unpatch()``
_asked: Settings | None = None

#: the sites that these exclude
_left_out: frozenset[str] = frozenset()

#: notices that were logged already
logged: set[str] = set()


def current() -> Settings:
    """The settings of the last ``patch()``, or else those of the environment."""
    return _asked or read()


def asked() -> bool:
    """Whether ``patch()`` was called, with or without effect."""
    return _asked is not None


def remember(settings: Settings | None) -> None:
    """Keeps the settings of a ``patch()``; None forgets them."""
    global _asked, _left_out
    _asked = settings
    _left_out = frozenset(site for site in SITES if settings is not None and settings.leaves_out(site))


def is_left_out(site: str) -> bool:
    """Whether the last ``patch()`` excludes the site."""
    return site in _left_out


def read(
    only: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    verbose: bool | None = None,
    strict: bool | None = None,
    on_import: bool | None = None,
    remember: int | None = None,
    layout: str | None = None,
) -> Settings:
    """The settings of the environment, with what is given here in their place."""
    complaints: list[str] = []

    def switch(variable: str, given: bool | None = None, unknown: bool = False) -> bool:
        if given is not None:
            return given
        text = os.environ.get(variable, "").strip()
        if text.lower() in ON or text.lower() in ("", *OFF):
            return text.lower() in ON
        taken = "is taken as 1" if unknown else "has no effect"
        complaints.append(f"{variable}={text!r} is not valid and {taken}; valid values are {', '.join((*ON, *OFF))}")
        return unknown

    def names(variable: str, given: str | Iterable[str] | None) -> frozenset[str] | None:
        source = variable if given is None else f"patch({variable.removeprefix(PREFIX).lower()}=)"
        if given is None:
            given = os.environ.get(variable, "").strip() or None
        if given is None:
            return None
        listed = [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)
        found = frozenset(name for name in listed if name)
        classes = [name for name, _ in STOCK_CLASSES.values()]
        complaints.extend(
            f"{source} names {name!r}, which is no site; the sites are {', '.join(SITES)}, and a class's name "
            f"stands for all of its own"
            for name in sorted(found - {*SITES, *classes})
        )
        return found

    def number(variable: str, given: int | None, default: int) -> int:
        if given is not None:
            return given
        text = os.environ.get(variable, "").strip()
        if text.isdecimal():
            return int(text)
        if text:
            complaints.append(f"{variable}={text!r} is not valid and has no effect; valid is a number of bytes")
        return default

    def one_of(variable: str, given: str | None, valid: tuple[str, ...]) -> str:
        source = variable if given is None else f"patch({variable.removeprefix(PREFIX).lower()}=)"
        text = os.environ.get(variable, "").strip().lower() if given is None else given
        if text and text not in valid:
            complaints.append(f"{source} {text!r} is not valid and has no effect; valid values are {', '.join(valid)}")
        return text if text in valid else valid[0]

    return Settings(
        on_import=switch(AUTO_PATCH, on_import),
        # An unknown value counts as on: whoever sets the switch that overrides everything means it.
        disabled=switch(DISABLE, unknown=True),
        only=names(ONLY, only),
        exclude=names(EXCLUDE, exclude) or frozenset(),
        verbose=switch(VERBOSE, verbose),
        strict=switch(FAIL_ON_FALLBACK, strict),
        remember=number(REMEMBER, remember, REMEMBERED),
        layout=one_of(LAYOUT, layout, LAYOUTS),
        complaints=tuple(complaints),
    )


def log(notices: list[str]) -> None:
    """Logs each notice once. A warning might go unseen at import time."""
    for notice in notices:
        if notice not in logged:
            from logging import getLogger

            logged.add(notice)
            getLogger("fast_langgraph").warning("fast_langgraph: %s", notice)
