"""``setup`` of the savers, where files that they make are to be compact (``patch(layout="compact")``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from fast_langgraph import _native
from fast_langgraph._native import Unsupported
from fast_langgraph._replacements.guards import Guard
from fast_langgraph._replacements.site import PatchSite
from fast_langgraph._shared import settings
from fast_langgraph._shared.codec import Codec


def setup(site: PatchSite, guard: Guard, _codec: Codec) -> Callable[..., Any]:
    """Of SqliteSaver."""
    stock = site.stock
    may_run = guard.may_run(site)

    @wraps(stock)
    def setup(self: Any) -> None:
        if not self.is_setup and not site.off:
            with _making(site):
                if may_run(self):
                    _left_standard(site, _native.make_compact(self.conn))
        stock(self)

    return setup


def asetup(site: PatchSite, guard: Guard, _codec: Codec) -> Callable[..., Any]:
    """Of AsyncSqliteSaver."""
    stock = site.stock
    connected = stock.__globals__.get("_ensure_connected")
    if connected is None:
        raise LookupError("this release of AsyncSqliteSaver has no _ensure_connected")
    may_run = guard.may_run(site)

    @wraps(stock)
    async def setup(self: Any) -> None:
        if not self.is_setup and not site.off:
            async with self.lock:
                await connected(self.conn)
                with _making(site):
                    if not self.is_setup and may_run(self):
                        _left_standard(site, await self.conn._execute(_native.make_compact, self.conn._conn))
        await stock(self)

    return setup


@contextmanager
def _making(site: PatchSite) -> Iterator[None]:
    """Logs why the saver makes files in the standard layout after all."""
    before = site.counts.fallbacks
    try:
        yield
    except Unsupported as error:
        _left_standard(site, str(error))
    reasons = [reason for reason, count in site.counts.fallbacks.items() if count != before.get(reason)]
    settings.log([f"{site.name} makes files in the standard layout: {reason}" for reason in reasons])


def _left_standard(site: PatchSite, reason: str | None) -> None:
    if reason:
        site.counts.gave_up(reason)
