"""The stock classes in this process: whether each is imported, and its sites."""

from __future__ import annotations

import sys
from importlib import import_module

from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared.stock_classes import STOCK_CLASSES

#: by class, our module with what replaces its methods; imported once the class is
_REPLACEMENTS = {
    "JsonPlusSerializer": "fast_langgraph._replacements.json_plus_serializer",
    "SqliteSaver": "fast_langgraph._replacements.sqlite_saver",
    "AsyncSqliteSaver": "fast_langgraph._replacements.async_sqlite_saver",
}


class LiveClass:
    """One of LangGraph's classes, with its sites once its module is imported."""

    def __init__(self, module: str, name: str, methods: tuple[str, ...]) -> None:
        self.module = module
        self.name = name
        self.site_names = [f"{name}.{method}" for method in methods]
        self.sites: list[PatchSite] = []
        #: sites of earlier classes, if the module was reloaded
        self.former: list[PatchSite] = []
        #: a dependency of the module that is not installed
        self.missing = ""
        #: what went wrong when the sites were made
        self.failure = ""

    @property
    def live(self) -> type | None:
        """The class, if its module is imported. Looking it up imports nothing, not even a lazy module."""
        module = sys.modules.get(self.module)
        cls = None if module is None else object.__getattribute__(module, "__dict__").get(self.name)
        return cls if isinstance(cls, type) else None

    @property
    def found(self) -> bool:
        """Whether the sites are those of the live class."""
        return bool(self.sites) and self.sites[0].method.owner is self.live

    def import_module(self) -> None:
        self.missing = ""
        try:
            import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name != "aiosqlite":
                raise
            self.missing = "aiosqlite is not installed"

    def find_sites(self, serializer: list[PatchSite]) -> None:
        """Makes the sites, if the class is imported and they are not made yet."""
        if self.live is None or self.found:
            return
        self.former += self.sites
        self.sites = []
        self.failure = ""
        try:
            self.sites = import_module(_REPLACEMENTS[self.name]).make_sites(sys.modules[self.module], serializer)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"

    def absence(self, hooked: bool) -> tuple[str, str]:
        """The state of sites that are not made, and why; ``hooked`` says whether the import hook is installed."""
        if self.failure:
            return "failed", self.failure
        if self.missing:
            return "skipped", self.missing
        if not hooked:
            return "skipped", "not patched"
        if self.live is not None:
            return "skipped", f"{self.module} was imported past the import hook; call fast_langgraph.patch()"
        return "pending", f"{self.module} is not imported yet"


LIVE_CLASSES = [LiveClass(module, name, methods) for module, (name, methods) in STOCK_CLASSES.items()]
