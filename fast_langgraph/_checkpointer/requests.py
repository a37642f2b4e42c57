"""Makes the engine's requests from LangGraph's configs and values."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langgraph.checkpoint.base import get_checkpoint_id

from fast_langgraph import _native
from fast_langgraph._checkpointer.delta_channels import Steps
from fast_langgraph._checkpointer.maintenance import MaintenanceResult, Progress
from fast_langgraph._checkpointer.options import check_layout
from fast_langgraph._checkpointer.parameters import as_parameter, check_lengths
from fast_langgraph._native import Unsupported
from fast_langgraph._shared.rows import Row

Config = Any


def put(row: Row) -> _native.Request:
    return _with_parameters(lambda rows: _native.Request.put(*rows), [row])


def put_writes(rows: list[Row], replace: bool) -> _native.Request:
    return _with_parameters(lambda rows: _native.Request.put_writes(rows, replace), rows)


def checkpoint(config: Config) -> _native.Request:
    configurable = config["configurable"]
    checkpoint_id = get_checkpoint_id(config)
    # As stock: the thread's id as a str, the rest as sqlite3 binds it.
    return _native.Request.checkpoint(
        as_parameter(str(configurable["thread_id"])),
        as_parameter(configurable.get("checkpoint_ns", "")),
        as_parameter(checkpoint_id) if checkpoint_id else None,
    )


def keys(
    config: Config | None, filter: dict[str, Any] | None, before: Config | None, limit: int | None
) -> _native.Request:
    wanted: dict[str, Any] = {}
    if config is not None:
        wanted["thread"] = as_parameter(str(config["configurable"]["thread_id"]))
        wanted["namespace"] = as_parameter(config["configurable"].get("checkpoint_ns"))
        wanted["id"] = as_parameter(get_checkpoint_id(config) or None)
    if before is not None:
        # Without an id nothing is older.
        wanted["before"] = as_parameter(get_checkpoint_id(before) or "")
    if limit is not None and limit >= 0:
        wanted["limit"] = limit
    if filter:
        wanted["filter"] = json.dumps(filter, default=str)
    return _native.Request.keys(**wanted)


#: Between two transactions a conversion pauses for this part of the time that the last one took. SQLite's busy handler
#: looks every 100 ms in the end: without a pause it hardly ever finds the file free, and other processes fail for that.
PAUSE = 0.5

#: In seconds. A transaction that waited for somebody else, or for one huge row, is no reason to pause longer.
LONGEST_PAUSE = 1.0


def conversion(layout: str, progress: Progress, dry_run: bool) -> Steps[MaintenanceResult]:
    check_layout(layout)
    threads, checkpoints, bytes = yield _native.Request.conversion(layout)
    if dry_run:
        return MaintenanceResult(threads, checkpoints, bytes=bytes)
    progress.start(checkpoints)
    converted = MaintenanceResult()
    start = 0
    while True:
        began = time.monotonic()
        tally = yield _native.Request.convert(layout, start)
        of_batch = MaintenanceResult.of(tally)
        converted += of_batch
        progress.add(of_batch.checkpoints)
        start = tally[3] if tally else 0
        if not start:
            progress.end()
            return replace(converted, threads=threads if converted.checkpoints else 0)
        yield min((time.monotonic() - began) * PAUSE, LONGEST_PAUSE)


def _with_parameters(make: Callable[[list[Row]], _native.Request], rows: list[Row]) -> _native.Request:
    try:
        return make(rows)
    except Unsupported:
        pass
    # Outside the handler, so that an error here does not show ours as its context.
    rows = [tuple(map(as_parameter, row)) for row in rows]
    check_lengths(rows)
    return make(rows)
