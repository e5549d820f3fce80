"""The metrics of the registry in the form of the SDK: the values that /metrics shows, cumulative.

https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.span_export import clean
from s3d.agent.core.metric_table import Kind
from s3d.agent.core.telemetry import Distribution, Exemplar, Family, Point

_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1", "": ""}
"""Of the registry -> of UCUM, as the data model wants them."""
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class Snapshot(NamedTuple):
    """All values at one time."""

    families: list[Family]
    at: int
    """Unix nanoseconds."""


def sender(
    exporter: MetricExporter, resource: Resource, scope: InstrumentationScope, started: int
) -> Callable[[Sequence[Snapshot]], bool]:
    """Returns a function that sends snapshots, and returns whether the collector has taken the last
    one. started: of the agent, Unix nanoseconds."""

    def send(snapshots: Sequence[Snapshot]) -> bool:
        data = metrics_data(snapshots[-1], resource, scope, started)
        return exporter.export(data) is MetricExportResult.SUCCESS

    return send


def metrics_data(
    snapshot: Snapshot, resource: Resource, scope: InstrumentationScope, started: int
) -> MetricsData:
    """A snapshot as the exporters take it."""
    metrics = [_metric(family, started, snapshot.at) for family in snapshot.families]
    of_scope = ScopeMetrics(scope, metrics, scope.schema_url or "")
    return MetricsData([ResourceMetrics(resource, [of_scope], resource.schema_url)])


def _metric(family: Family, started: int, at: int) -> Metric:
    metric, points = family
    data: Gauge | Histogram | Sum
    if metric.kind is Kind.HISTOGRAM:
        assert metric.bounds is not None
        bounds = metric.bounds.exported
        data = Histogram(
            [_distribution(metric.labels, each, bounds, started, at) for each in points],
            _CUMULATIVE,
        )
    else:
        numbers = [_number(metric.labels, each, started, at) for each in points]
        is_sum = metric.kind is Kind.COUNTER
        data = Sum(numbers, _CUMULATIVE, True) if is_sum else Gauge(numbers)
    return Metric(metric.name, metric.meaning, _UNITS[metric.unit], data)


def _number(names: Sequence[str], point: Point, started: int, at: int) -> NumberDataPoint:
    assert not isinstance(point.value, Distribution)
    return NumberDataPoint(_attributes(names, point), started, at, float(point.value))


def _distribution(
    names: Sequence[str], point: Point, bounds: Sequence[float], started: int, at: int
) -> HistogramDataPoint:
    value = point.value
    assert isinstance(value, Distribution)
    return HistogramDataPoint(
        attributes=_attributes(names, point),
        start_time_unix_nano=started,
        time_unix_nano=at,
        count=value.observations,
        sum=value.sum,
        bucket_counts=value.counts,
        explicit_bounds=tuple(bounds),
        min=None,  # type: ignore[arg-type]  # optional in the protocol, and not known here
        max=None,  # type: ignore[arg-type]
        exemplars=[_exemplar(value.exemplars[index]) for index in sorted(value.exemplars)],
    )


def _exemplar(exemplar: Exemplar) -> SdkExemplar:
    """An observation of a recorded span, by which a latency leads to its trace."""
    return SdkExemplar(
        filtered_attributes={},
        value=exemplar.value,
        time_unix_nano=int(exemplar.at * 1e9),
        span_id=int(exemplar.span.span_id, 16),
        trace_id=int(exemplar.span.trace_id, 16),
    )


def _attributes(names: Sequence[str], point: Point) -> dict[str, str]:
    return {name: str(clean(value)) for name, value in zip(names, point.labels, strict=True)}
