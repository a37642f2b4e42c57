"""Threads that begin at once. A hang is a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

#: far longer than anything takes
PATIENCE = 300


def at_once(*works: Callable[[], Any]) -> None:
    """Runs each in a thread of its own; the first error is raised."""
    begin = threading.Barrier(len(works))
    raised: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            begin.wait()
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread hangs"
    if raised:
        raise raised[0]


def all_at_once(work: Callable[[int], Any], count: int) -> None:
    """Calls ``work`` with 0, 1, ... in as many threads."""
    at_once(*(partial(work, n) for n in range(count)))
