"""Patches the stock classes as soon as an app has imported their modules, and imports none of them.

A finder at the head of ``sys.meta_path`` lets the others find a stock module, and stands a loader of its
own before the one that they found, until the module is executed. It imports nothing when it is installed:
that happens at the start of every interpreter with FAST_LANGGRAPH_AUTO_PATCH.
"""

from __future__ import annotations

import sys
from _thread import get_ident

from fast_langgraph._stock import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Finder:
    def __init__(self) -> None:
        #: other finders may ask for a module what we are asking them
        self._asking: set[tuple[str, int]] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in CLASSES:
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
                    # A loader of before exec_module() is left alone: status() says that it went past us.
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = Loader(spec.loader)
                    return spec
        finally:
            self._asking.discard(asking)
        return None


class Loader:
    """Executes a module by its own loader, and has its class patched."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":
            raise AttributeError(name)
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        spec.loader = self._loader
        if module.__loader__ is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        if CLASSES[spec.name][0] in object.__getattribute__(module, "__dict__"):
            executed()
        elif type(module) is not type(sys):
            # Lazy: it will be executed by what its spec says, when somebody looks into it.
            spec.loader = Loader(spec.loader)


_finder = Finder()


def install() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


def installed() -> bool:
    return _finder in sys.meta_path


def executed() -> None:
    """Patches what can be patched by now. The app lives on whatever happens, unless it asked otherwise."""
    from fast_langgraph import _settings

    settings = _settings.current()
    notices = list(settings.complaints)
    if settings.on_import and not settings.disabled:
        try:
            from fast_langgraph import patching

            notices = patching.apply(settings)
        except Exception as error:
            if settings.strict:
                raise
            uninstall()
            notices = [f"nothing more is patched: {type(error).__name__}: {error}"]
    _settings.log(notices)
