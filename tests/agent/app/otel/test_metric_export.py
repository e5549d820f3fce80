"""What OTLP shows is what /metrics shows: both are written from one registry and compared."""

import time

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.metric_export import Snapshot, metrics_data
from s3d.agent.core.metric_table import HTTP_DURATION, TABLE, Kind
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.trace_context import TraceContext
from tests.collector import attributes_of

STARTED, AT = 1_000, 2_000


@pytest.fixture
def registry():
    """Every metric, with a hostile label value."""
    registry = Registry()
    for number, metric in enumerate(TABLE, 1):
        labels = tuple(f'{label}"\n\\{number}' for label in metric.labels)
        if metric.kind is Kind.COUNTER:
            registry.counter(metric, *labels).add(number)
        elif metric.kind is Kind.GAUGE:
            registry.gauge(metric, *labels).set(number / 2)
        else:
            for value in (1e-6, 0.01, 1e9):
                registry.histogram(metric, *labels).observe(value)
    return registry


def encoded(registry):
    data = metrics_data(
        Snapshot(registry.collect(), AT), Resource({}), InstrumentationScope("s3d"), STARTED
    )
    request = encode_metrics(data)
    return (
        type(request).FromString(request.SerializeToString()).resource_metrics[0].scope_metrics[0]
    )


def test_every_value_of_the_registry_is_sent(registry):
    metrics = {metric.name: metric for metric in encoded(registry).metrics}
    assert list(metrics) == [family.metric.name for family in registry.collect()]
    for family in registry.collect():
        sent, metric = metrics[family.metric.name], family.metric
        assert sent.description == metric.meaning
        for point in family.points:
            (found,) = getattr(sent, _field(metric.kind)).data_points
            assert attributes_of(found) == dict(zip(metric.labels, point.labels, strict=True))
            assert found.time_unix_nano == AT
            assert found.start_time_unix_nano == (0 if metric.kind is Kind.GAUGE else STARTED)
            if metric.kind is Kind.HISTOGRAM:
                assert tuple(found.bucket_counts) == point.value.counts
                assert (found.count, found.sum) == (3, point.value.sum)
                assert tuple(found.explicit_bounds) == metric.bounds.exported
                assert not found.HasField("min")
            else:
                assert found.as_double == point.value


def test_counters_and_histograms_are_cumulative(registry):
    for metric in encoded(registry).metrics:
        kind = metric.WhichOneof("data")
        if kind != "gauge":
            assert getattr(metric, kind).aggregation_temporality == 2
        if kind == "sum":
            assert metric.sum.is_monotonic


def test_the_exemplars_of_openmetrics_are_sent():
    registry = Registry()
    cell = registry.histogram(HTTP_DURATION, "GetObject")
    cell.observe(0.001)
    cell.observe(0.002, TraceContext("ab" * 16, "0" * 15 + "c"))
    cell.observe(0.2, TraceContext("12" * 16, "cd" * 8))
    (metric,) = encoded(registry).metrics
    (point,) = metric.histogram.data_points
    found = [(e.trace_id.hex(), e.span_id.hex(), e.as_double) for e in point.exemplars]
    assert found == [("ab" * 16, "0" * 15 + "c", 0.002), ("12" * 16, "cd" * 8, 0.2)]
    assert all(abs(e.time_unix_nano / 1e9 - time.time()) < 600 for e in point.exemplars)


def test_the_units_are_those_of_ucum(registry):
    units = {metric.unit for metric in encoded(registry).metrics}
    assert units <= {"s", "By", "1", ""}
    assert {"s", "By"} <= units


def _field(kind):
    return {Kind.COUNTER: "sum", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram"}[kind]
