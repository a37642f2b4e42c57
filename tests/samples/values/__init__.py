"""Values of every kind that stock's encoder knows or refuses, each made anew on every call."""

from __future__ import annotations

from collections.abc import Callable

from samples.values.basic import Samples, keys, plain, subclasses, too_big
from samples.values.libraries import arrays, langgraph
from samples.values.objects import data_classes, exceptions, models, odd
from samples.values.standard_library import enums, standard_library

GROUPS: dict[str, Callable[[], Samples]] = {
    "plain": plain,
    "too big": too_big,
    "keys": keys,
    "subclasses": subclasses,
    "standard library": standard_library,
    "enums": enums,
    "data classes": data_classes,
    "models": models,
    "langgraph": langgraph,
    "arrays": arrays,
    "exceptions": exceptions,
    "odd": odd,
}


def all_samples() -> Samples:
    """Every sample, its group's name before its own."""
    return {f"{group}: {name}": make for group, samples in GROUPS.items() for name, make in samples().items()}
