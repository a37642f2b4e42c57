"""Tells OpenTelemetry of each operation: metrics, and spans where the app has set a tracer.

Only OpenTelemetry's API is used. Where the telemetry goes is up to the SDK that the app sets up; without one it goes
nowhere. The instruments are made once a process, because a meter has no way to take one back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

from fast_langgraph._native import Call, __version__
from fast_langgraph._profile.calls import MEASURED
from fast_langgraph._shared.counts import counts_of
from fast_langgraph._shared.stock_classes import SITES

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import CallbackOptions, Observation
except ImportError as error:
    raise ImportError(
        "profile(telemetry=True) needs opentelemetry-api: pip install 'fast-langgraph-sqlite[otel]'"
    ) from error

NAME = "fast_langgraph"

logger = logging.getLogger(NAME)


class Instruments:
    """What is counted, under OpenTelemetry's names."""

    def __init__(self) -> None:
        meter = metrics.get_meter(NAME, __version__)
        self.duration = meter.create_histogram(
            "fast_langgraph.operation.duration", unit="s", description="Seconds of each operation of a SQLite saver"
        )
        self.operations = meter.create_counter(
            "fast_langgraph.operations", unit="{operation}", description="Operations of SQLite savers"
        )
        self.bytes = meter.create_counter(
            "fast_langgraph.bytes", unit="By", description="Bytes that serializers have written or read"
        )
        # Counted by status() anyway, whether a profile is on or not.
        meter.create_observable_counter(
            "fast_langgraph.fallbacks",
            [_fallbacks],
            unit="{call}",
            description="Calls of patched methods that stock's code carried out, by method and reason",
        )
        self.tracer = trace.get_tracer(NAME, __version__)


@cache
def instruments() -> Instruments:
    return Instruments()


def _fallbacks(_options: CallbackOptions) -> Iterable[Observation]:
    for site in SITES:
        for reason, count in counts_of(site).fallbacks.items():
            yield Observation(count, {"fast_langgraph.site": site, "fast_langgraph.reason": reason})


class Telemetry:
    """Is told of calls that are over."""

    def __init__(self) -> None:
        self._instruments = instruments()

    def ended(self, call: Call) -> None:
        # An exporter of the app's must not make a call fail.
        try:
            self._tell(call)
        except Exception:
            logger.warning("OpenTelemetry was not told of %s.%s", *call.method, exc_info=True)

    def _tell(self, call: Call) -> None:
        saver, operation = call.method
        attributes: dict[str, Any] = {"db.system.name": "sqlite", "db.operation.name": operation, "saver": saver}
        if call.error:
            attributes["error.type"] = call.error
        self._instruments.operations.add(1, attributes)
        self._instruments.duration.record(call.took, attributes)
        if call.bytes:
            self._instruments.bytes.add(call.bytes, attributes)
        self._span(call, attributes)

    def _span(self, call: Call, attributes: dict[str, Any]) -> None:
        """It is made when the call is over, with its times: its parent is whatever span the app is in."""
        now = time.time_ns()
        span = self._instruments.tracer.start_span(
            f"checkpoint {call.method[1]}",
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=now - round((call.ended - call.began) * 1e9),
        )
        if span.is_recording():
            for name, seconds in zip(MEASURED, call.parts, strict=True):
                if seconds is not None:
                    span.set_attribute(f"fast_langgraph.{name}.seconds", seconds)
            if call.bytes is not None:
                span.set_attribute("fast_langgraph.bytes", call.bytes)
            if call.error:
                span.set_status(trace.StatusCode.ERROR, call.error)
        span.end(end_time=now)
