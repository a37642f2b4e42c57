"""A pytest plugin that changes a text in a checkpoint unseen while it is encoded again: what verification must notice.

``-p broken_memory -p remembering``. Without verification nothing is wrong with what the tests get.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from fast_langgraph import _native

#: after this it is remembered
TIMES = 3

_dumps_blob = _native.dumps_blob


def flip(text: str) -> None:
    """Another last letter in a str, which never changes: no outline shows it."""
    letter = ctypes.c_char.from_address(id(text) + sys.getsizeof("") - 1 + len(text) - 1)
    letter.value = bytes([letter.value[0] ^ 1])


def text_in(around: Any) -> str | None:
    value = around[0] if type(around) is list and around else None
    texts = [text for text in value.values() if type(text) is str] if type(value) is dict else []
    return next((text for text in texts if len(text) > 1 and text.isascii()), None)


def dumps_blob(around: Any, memory: Any = None, place: Any = None) -> Any:
    for _ in range(TIMES):
        blob = _dumps_blob(around, memory, place)
    if (text := text_in(around)) is not None:
        flip(text)
        try:
            _dumps_blob(around, memory, place)
        finally:
            flip(text)
    return blob


_native.dumps_blob = dumps_blob
