"""``patch()``, ``unpatch()``, ``is_patched()`` and ``disabled()``.

``import fast_langgraph`` imports this module, so it imports what it needs only when it is called.
"""

from __future__ import annotations

# Of collections.abc, which takes longer to import; for typing.get_type_hints().
from _collections_abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fast_langgraph._shared.settings import Settings

#: what was warned of already
_warned: set[str] = set()


def patch(
    *,
    only: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    verbose: bool | None = None,
    strict: bool | None = None,
    remember: int | None = None,
    layout: str | None = None,
) -> None:
    """Makes the installed SqliteSaver, AsyncSqliteSaver and JsonPlusSerializer run on Rust.

    Call it at any time and as often as you like; the last call decides what is active. It imports
    LangGraph's checkpoint packages if they are not imported yet. Methods are replaced on the classes, so
    objects that exist already are covered. On an unsupported LangGraph version it warns once and patches
    nothing; ``status()`` says why.

    ``only`` and ``exclude`` name sites ("SqliteSaver.put") or classes ("SqliteSaver"). ``verbose`` prints a
    line on stderr now and a summary at exit. With ``strict``, patch() raises FallbackError if a site
    can't be patched, and so does every later call that would fall back to stock's code. ``remember`` is how
    many bytes of the latest states are remembered, with their objects, so that what has not changed is
    neither encoded nor decoded again; 64 MiB unless given, 0 for none. With ``layout`` "compact", files that
    savers and checkpointers make from now on store once what checkpoints have in common; a file that exists
    keeps its layout. In such a file ``checkpoints`` is a view: ``sqlite_master`` does not list it among the
    tables, it takes no index and no UPSERT, and ``rowcount`` is 0 for it. Arguments that are not given are
    read from FAST_LANGGRAPH_ONLY, _EXCLUDE, _VERBOSE, _FAIL_ON_FALLBACK, _REMEMBER and _LAYOUT.
    FAST_LANGGRAPH_DISABLE=1 overrides everything.
    """
    import warnings

    from fast_langgraph._patching import import_hook
    from fast_langgraph._patching.live_classes import LIVE_CLASSES
    from fast_langgraph._shared import settings
    from fast_langgraph._stock_code import releases

    asked = settings.read(only, exclude, verbose, strict, on_import=True, remember=remember, layout=layout)
    if not asked.disabled and not releases.unsupported():
        for cls in LIVE_CLASSES:
            cls.import_module()
        import_hook.install(patch_imported)
    for notice in _apply(asked):
        if notice not in _warned:
            _warned.add(notice)
            warnings.warn(f"fast_langgraph.patch(): {notice}.", RuntimeWarning, stacklevel=2)


def patch_imported() -> None:
    """Patches what is imported by now, for the import hook.

    An error is logged and does not reach the app, unless FAST_LANGGRAPH_FAIL_ON_FALLBACK asks for errors.
    """
    from fast_langgraph._shared import settings

    current = settings.current()
    notices = list(current.complaints)
    if current.on_import and not current.disabled:
        try:
            notices = _apply(current)
        except Exception as error:
            if current.strict:
                raise
            from fast_langgraph._patching import import_hook

            import_hook.uninstall()
            notices = [f"nothing more is patched: {type(error).__name__}: {error}"]
    settings.log(notices)


def _apply(asked: Settings) -> list[str]:
    from fast_langgraph._patching.apply import apply

    return apply(asked, _announce)


def _announce(patched: list[str]) -> None:
    from fast_langgraph._patching import verbose
    from fast_langgraph.reporting import status

    verbose.announce(patched, status)


def unpatch() -> None:
    """Undoes ``patch()``: puts stock's methods back, and no longer patches what is imported later.

    If somebody else has wrapped one of our methods since, their wrapper stays and calls stock's code.
    """
    from fast_langgraph._patching import apply

    apply.undo()


def is_patched() -> bool:
    """Whether any site is active now."""
    from fast_langgraph._patching import apply

    return any(site.state[0] == "active" for site in apply.found_sites())


def disabled() -> AbstractContextManager[None]:
    """Inside ``with disabled():`` stock's code runs, in this thread or task and in those that copy its context."""
    from fast_langgraph._shared import settings

    return settings.disabled()
