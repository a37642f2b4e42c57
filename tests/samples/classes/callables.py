"""Functions that hand-made payloads name."""

from __future__ import annotations

from typing import Any

from samples.noted_calls import called


def build(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A callable that hand-made payloads name."""
    called("build", args, kwargs)
    return args, kwargs


def refuse(*args: Any, **kwargs: Any) -> Any:
    """A callable that hand-made payloads name, and that raises."""
    called("refuse", args, kwargs)
    raise ValueError("refused")


def interrupt(*args: Any, **kwargs: Any) -> Any:
    """A callable that raises what is no Exception."""
    called("interrupt", args, kwargs)
    raise KeyboardInterrupt("stopped")
