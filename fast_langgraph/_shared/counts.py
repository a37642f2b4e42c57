"""The counts of each method, for ``status()``. The codec's go on without ``patch()``, in a RustSQLiteCheckpointer."""

from __future__ import annotations

from fast_langgraph._native import DECODED, ENCODED, Counts

#: by site; they outlive the class, which a reload of its module replaces
_counts: dict[str, Counts] = {"JsonPlusSerializer.dumps_typed": ENCODED, "JsonPlusSerializer.loads_typed": DECODED}


def counts_of(site: str) -> Counts:
    counts = _counts.get(site)
    return counts if counts is not None else _counts.setdefault(site, Counts(site))
