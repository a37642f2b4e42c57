"""Notices when an app has imported LangGraph's checkpoint modules, and imports none of them.

A finder at the head of ``sys.meta_path`` lets the other finders find a stock module, and wraps the loader that
they found until the module is executed. Installing it imports nothing, because that happens at the start of
every interpreter with FAST_LANGGRAPH_AUTO_PATCH.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from fast_langgraph._shared.stock_classes import STOCK_CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any


class Finder:
    def __init__(self, watched: Mapping[str, tuple[Any, ...]] = STOCK_CLASSES) -> None:
        #: the modules that it notices; each has its class once it is executed
        self.watched = watched
        #: called once one of them is executed
        self.executed: Callable[[], None] = _do_nothing
        #: other finders may ask us in turn for the module that we are asking them for
        self._asking: set[tuple[str, int]] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.watched:
            return None
        asking = name, get_ident()
        if asking in self._asking:
            return None
        self._asking.add(asking)
        try:
            for finder in list(sys.meta_path):
                find_spec = getattr(finder, "find_spec", None)
                spec = None if finder is self or find_spec is None else find_spec(name, path, target)
                if spec is not None:
                    # A loader without exec_module() is left alone: status() says that it bypassed the hook.
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = Loader(spec.loader, self)
                    return spec
        finally:
            self._asking.discard(asking)
        return None


class Loader:
    """Executes a module by its own loader, then calls the finder's callback."""

    def __init__(self, loader: Any, finder: Finder) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        if name in ("_loader", "_finder"):
            raise AttributeError(name)
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        spec.loader = self._loader
        if module.__loader__ is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        if self._finder.watched[spec.name][0] in object.__getattribute__(module, "__dict__"):
            self._finder.executed()
        elif type(module) is not type(sys):
            # A lazy module: its spec's loader will execute it at the first attribute access.
            spec.loader = Loader(spec.loader, self._finder)


def _do_nothing() -> None:
    pass


_finder = Finder()

#: whether it was installed by the .pth file, when the interpreter started
at_start = False


def install(executed: Callable[[], None]) -> None:
    """``executed`` is called each time a stock module has been executed."""
    _finder.executed = executed
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


def installed() -> bool:
    return _finder in sys.meta_path
