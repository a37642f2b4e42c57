"""One test for both entry points: a method's name, called as it is or its async twin awaited."""

from __future__ import annotations

import asyncio
from typing import Any

ENTRIES = ("sync", "async")


def call(entry: str, checkpointer: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    if entry == "sync":
        return getattr(checkpointer, name)(*args, **kwargs)

    async def awaited() -> Any:
        return await getattr(checkpointer, f"a{name}")(*args, **kwargs)

    return asyncio.run(awaited())
