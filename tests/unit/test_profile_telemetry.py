"""``profile(telemetry=True)``: each operation as OpenTelemetry's metrics and spans, told by the SDK's exporters."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import fast_langgraph
from samples.checkpoints import METADATA, WRITES, checkpoint, config

pytestmark = pytest.mark.unpatched

READER = InMemoryMetricReader()
EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def providers():
    """They are set once in a process."""
    metrics.set_meter_provider(MeterProvider([READER]))
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)


@pytest.fixture
def saver():
    conn = sqlite3.connect(":memory:", check_same_thread=False)
    yield SqliteSaver(conn)
    conn.close()


def numbers(name: str) -> dict[tuple[Any, ...], Any]:
    """By operation and error, what a metric has now."""
    data = READER.get_metrics_data()
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
    return {(point.attributes.get("db.operation.name"), point.attributes.get("error.type")): point for point in points}


def test_operations_are_counted_by_name_and_error(saver):
    with fast_langgraph.profile(telemetry=True) as profile:
        written = saver.put(config(), checkpoint(1), METADATA, {})
        saver.put_writes(written, WRITES, "task")
        for _ in range(3):
            saver.get_tuple(config())
        with pytest.raises(KeyError):
            saver.put(config(), {}, METADATA, {})
    counted = {key: point.value for key, point in numbers("fast_langgraph.operations").items()}
    assert counted == {("put", None): 1, ("put", "KeyError"): 1, ("put_writes", None): 1, ("get_tuple", None): 3}
    size = {operation.name: operation.bytes for operation in profile.report().operations}
    told = numbers("fast_langgraph.bytes")
    assert told[("put", None)].value + told[("put", "KeyError")].value == size["put"]
    assert told[("get_tuple", None)].value == size["get_tuple"]
    durations = numbers("fast_langgraph.operation.duration")
    assert durations[("get_tuple", None)].count == 3
    assert durations[("get_tuple", None)].sum == pytest.approx(
        next(operation.seconds for operation in profile.report().operations if operation.name == "get_tuple")
    )


def test_each_operation_is_a_span_within_the_app_s_own(saver):
    EXPORTER.clear()
    with fast_langgraph.profile(telemetry=True), trace.get_tracer("app").start_as_current_span("work") as work:
        saver.put(config(), checkpoint(1), METADATA, {})
        with pytest.raises(KeyError):
            saver.put(config(), {}, METADATA, {})
    good, bad, outer = EXPORTER.get_finished_spans()
    assert outer.name == "work"
    assert (good.name, bad.name) == ("checkpoint put", "checkpoint put")
    assert good.parent.span_id == bad.parent.span_id == work.get_span_context().span_id
    assert outer.start_time <= good.start_time <= good.end_time <= outer.end_time
    assert good.attributes["db.system.name"] == "sqlite"
    assert good.attributes["fast_langgraph.bytes"] > 0
    assert 0 < good.attributes["fast_langgraph.encode.seconds"] < (good.end_time - good.start_time) / 1e9
    assert "fast_langgraph.decode.seconds" not in good.attributes
    assert (bad.status.status_code, bad.attributes["error.type"]) == (trace.StatusCode.ERROR, "KeyError")
    assert good.status.status_code is trace.StatusCode.UNSET


def test_fallbacks_are_told_by_method_and_reason(saver):
    fast_langgraph.patch()
    saver.conn.row_factory = sqlite3.Row
    with fast_langgraph.profile(telemetry=True):
        saver.put(config(), checkpoint(1), METADATA, {})
    data = READER.get_metrics_data()
    points = [
        point
        for scope in data.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        if metric.name == "fast_langgraph.fallbacks"
        for point in metric.data.data_points
    ]
    told = {
        (point.attributes["fast_langgraph.site"], point.attributes["fast_langgraph.reason"]): point.value
        for point in points
    }
    site = fast_langgraph.status().sites["SqliteSaver.put"]
    assert site.fallbacks
    assert {reason: told[("SqliteSaver.put", reason)] for reason in site.fallbacks} == site.fallbacks


def test_without_telemetry_nothing_is_told(saver):
    EXPORTER.clear()
    before = {key: point.value for key, point in numbers("fast_langgraph.operations").items()}
    with fast_langgraph.profile():
        saver.put(config(), checkpoint(1), METADATA, {})
    assert EXPORTER.get_finished_spans() == ()
    assert {key: point.value for key, point in numbers("fast_langgraph.operations").items()} == before


def test_an_exporter_that_fails_is_logged_and_no_call_fails(saver, caplog, monkeypatch):
    from fast_langgraph._profile import telemetry

    class Broken:
        def add(self, *_: Any) -> None:
            raise ZeroDivisionError

    monkeypatch.setattr(telemetry.instruments(), "operations", Broken())
    with fast_langgraph.profile(telemetry=True) as profile:
        saver.put(config(), checkpoint(1), METADATA, {})
    assert "OpenTelemetry was not told of SqliteSaver.put" in caplog.text
    assert profile.report().puts == 1


def test_without_the_package_it_says_what_to_install(tmp_path):
    script = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import fast_langgraph
from langgraph.checkpoint.sqlite import SqliteSaver
put = SqliteSaver.put
with fast_langgraph.profile():
    pass
try:
    with fast_langgraph.profile(telemetry=True):
        raise SystemExit("it began")
except ImportError as error:
    print(error)
assert SqliteSaver.put is put
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "profile(telemetry=True) needs opentelemetry-api: pip install 'fast-langgraph-sqlite[otel]'"
    )


def test_the_extra_names_the_api_alone():
    text = (Path(fast_langgraph.__file__).parents[1] / "pyproject.toml").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("otel = ")]
    assert line.split("=", 1)[1].split("#")[0].strip() == '["opentelemetry-api>=1.20,<2"]'
