"""Classes that a user could have in his state, the odd ones above all: ``from samples import classes as s``.

Importable, so they decode.
"""

from __future__ import annotations

from typing import Any

from samples.classes.built_in import *  # noqa: F403
from samples.classes.callables import *  # noqa: F403
from samples.classes.data_classes import *  # noqa: F403
from samples.classes.enums import *  # noqa: F403
from samples.classes.messages import *  # noqa: F403
from samples.classes.models import *  # noqa: F403
from samples.classes.odd import *  # noqa: F403


def path_of(known: Any) -> tuple[str, str]:
    """How a payload names a class or a function: its module, and its name there."""
    return known.__module__, known.__qualname__
