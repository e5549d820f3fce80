"""The registry of metrics: always in process, and cheap enough for every request.

1. An owner gets a cell from the registry once, e.g. registry.counter(HTTP_REQUESTS, "GetObject",
   "200"), and keeps it: counting is then an addition. The metrics are those of metric_table.py.
2. What can be computed is not counted: registry.computed(METRIC, function) is called when somebody
   collects.
3. collect() returns all values. The text for Prometheus, the exporter of OpenTelemetry, the status
   and the dashboard all read the registry; nothing is counted a second time elsewhere.

A cell belongs to one thread. Label values are bounded: no client can make the registry grow.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

from s3d.agent.core.histogram_bounds import Bounds
from s3d.agent.core.metric_table import TABLE, Kind, Metric
from s3d.agent.s3.trace_context import TraceContext

logger = logging.getLogger(__name__)

OTHER = "other"
"""The label value of what is beyond the bounds."""
MAX_VALUES = 200
"""Buckets, or sync folders, with series of their own."""
MAX_SERIES = 2_000
"""Label sets of one metric; the other labels have few values by their nature."""
_NAMED_BY_USERS = frozenset({"bucket", "folder"})

Labels = tuple[str, ...]
"""The values of a metric's labels, in the order of the table."""
Computed = Callable[[], "float | Mapping[Labels, float] | None"]
"""Returns the value, or the values by labels; None: there is none at the moment."""


class Counter:
    """A sum that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        self.value += amount


class Gauge:
    """A value that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def set(self, value: float) -> None:
        self.value = value


class Exemplar(NamedTuple):
    """One observation that belongs to a recorded span."""

    span: TraceContext
    value: float
    at: float
    """Unix seconds."""


class Histogram:
    """The numbers of observations by their size."""

    __slots__ = ("_edges", "counts", "exemplars", "sum")

    def __init__(self, bounds: Bounds) -> None:
        self._edges = bounds.edges
        self.counts = [0] * (len(bounds.edges) + 1)
        """By the counted buckets of the bounds; the last one is that of +Inf."""
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}
        """By the index of a counted bucket, its last one."""

    def observe(self, value: float, span: TraceContext | None = None) -> None:
        """span: the recorded one that the observation belongs to, if there is one."""
        self.counts[bisect_left(self._edges, value)] += 1
        self.sum += value
        if span is not None:
            self.set_exemplar(value, span)

    def observe_all(self, values: Collection[float]) -> None:
        """Add many observations: faster than one at a time."""
        if not values:
            return
        ordered, edges = sorted(values), self._edges
        below = 0
        for index in range(bisect_left(edges, ordered[0]), len(edges)):
            within = bisect_right(ordered, edges[index], below)
            self.counts[index] += within - below
            below = within
            if below == len(ordered):
                break
        else:
            self.counts[-1] += len(ordered) - below
        self.sum += sum(ordered)

    def set_exemplar(self, value: float, span: TraceContext) -> None:
        """Remember the span of an observation."""
        self.exemplars[bisect_left(self._edges, value)] = Exemplar(span, value, time.time())


class Distribution(NamedTuple):
    """The value of a histogram."""

    counts: tuple[int, ...]
    """By the exported bounds, not cumulative; the last one is that of +Inf."""
    sum: float
    exemplars: Mapping[int, Exemplar]
    """By the index in counts."""

    @property
    def observations(self) -> int:
        return sum(self.counts)


class Point(NamedTuple):
    """One series of a metric."""

    labels: Labels
    value: float | Distribution


class Family(NamedTuple):
    """A metric with all its series."""

    metric: Metric
    points: list[Point]


Cell = Counter | Gauge | Histogram
C = TypeVar("C", Counter, Gauge, Histogram)


class Registry:
    """All metrics of one agent."""

    is_enabled = True

    def __init__(self) -> None:
        self._cells: dict[str, dict[Labels, Cell]] = {metric.name: {} for metric in TABLE}
        self._computed: dict[str, Computed] = {}
        self._user_values: dict[tuple[str, str], set[str]] = {}
        """By subject and label: the folder of a disk is no sync folder."""
        self.before_reading: list[Callable[[], None]] = []
        """Called before cells are read, for an owner that gathers its counts in one place first."""

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The cell of a counter with these label values; the same one each time."""
        return self._cell(metric, Kind.COUNTER, labels, Counter)

    def gauge(self, metric: Metric, *labels: str) -> Gauge:
        """The cell of a gauge that must be set; see also computed()."""
        return self._cell(metric, Kind.GAUGE, labels, Gauge)

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The cell of a histogram with these label values."""
        assert metric.bounds is not None, metric.name
        bounds = metric.bounds
        return self._cell(metric, Kind.HISTOGRAM, labels, lambda: Histogram(bounds))

    def computed(self, metric: Metric, read: Computed) -> None:
        """Compute a gauge or a counter when it is collected, in place of any earlier read."""
        assert metric.name in self._cells, metric.name
        self._computed[metric.name] = read

    def drop_computed(self) -> None:
        """A session ends: gather what it has counted, and call its functions no more."""
        self._gather()
        self.before_reading.clear()
        self._computed.clear()

    def collect(self) -> list[Family]:
        """All values, in the order of the table; a metric without a value is left out."""
        self._gather()
        families = (Family(metric, self._points(metric)) for metric in TABLE)
        return [family for family in families if family.points]

    def values(self, metric: Metric) -> dict[Labels, float]:
        """The values of a counter or a gauge by label values; of a histogram, its counts."""
        self._gather()
        return {
            point.labels: point.value.observations
            if isinstance(point.value, Distribution)
            else point.value
            for point in self._points(metric)
        }

    def total(self, metric: Metric) -> float:
        """The sum over all label values."""
        return sum(self.values(metric).values())

    def bucket_counts(self, metric: Metric) -> list[int]:
        """The counted buckets of a histogram, summed over all label values."""
        assert metric.bounds is not None, metric.name
        self._gather()
        cells = self._cells[metric.name].values()
        columns = [cell.counts for cell in cells if isinstance(cell, Histogram)]
        return [sum(column) for column in zip(*columns, strict=True)] or (
            [0] * (len(metric.bounds.edges) + 1)
        )

    def _gather(self) -> None:
        for gather in self.before_reading:
            gather()

    def _cell(self, metric: Metric, kind: Kind, labels: Labels, construct: Callable[[], C]) -> C:
        cells = self._cells[metric.name]
        cell = cells.get(labels)
        if cell is None:
            assert metric.kind is kind, metric.name
            assert len(labels) == len(metric.labels), metric.name
            labels = self._bounded(metric, labels)
            cell = cells.get(labels) or cells.setdefault(labels, construct())
        return cell  # type: ignore[return-value]  # a metric has cells of one kind

    def _bounded(self, metric: Metric, labels: Labels) -> Labels:
        bounded = self._bounded_values(metric, labels)
        cells = self._cells[metric.name]
        if bounded not in cells and len(cells) >= MAX_SERIES:
            return (OTHER,) * len(labels)
        return bounded

    def _bounded_values(self, metric: Metric, labels: Labels) -> Labels:
        pairs = zip(metric.labels, labels, strict=True)
        return tuple(self._bounded_value(metric.subject, label, value) for label, value in pairs)

    def _bounded_value(self, subject: str, label: str, value: str) -> str:
        if label not in _NAMED_BY_USERS:
            return value
        known = self._user_values.setdefault((subject, label), set())
        if value in known:
            return value
        if len(known) >= MAX_VALUES:
            return OTHER
        known.add(value)
        return value

    def _points(self, metric: Metric) -> list[Point]:
        read = self._computed.get(metric.name)
        if read is not None:
            return self._computed_points(metric, read)
        cells = sorted(self._cells[metric.name].items())
        return [Point(labels, _value_of(metric, cell)) for labels, cell in cells]

    def _computed_points(self, metric: Metric, read: Computed) -> list[Point]:
        try:
            value = read()
        except Exception:  # one value that cannot be read must not hide all others
            logger.exception("cannot compute a metric name=%s", metric.name)
            return []
        if value is None:
            return []
        if isinstance(value, Mapping):
            sums: dict[Labels, float] = {}
            for labels, each in value.items():
                bounded = self._bounded_values(metric, labels)
                sums[bounded] = sums.get(bounded, 0.0) + each
            return [Point(labels, each) for labels, each in sorted(sums.items())]
        return [Point((), value)]


def _value_of(metric: Metric, cell: Cell) -> float | Distribution:
    if not isinstance(cell, Histogram):
        return cell.value
    assert metric.bounds is not None
    newest: dict[int, Exemplar] = {}
    for index, exemplar in sorted(cell.exemplars.copy().items(), key=lambda item: item[1].at):
        newest[min(index // metric.bounds.detail, len(metric.bounds.exported))] = exemplar
    return Distribution(metric.bounds.merge(cell.counts.copy()), cell.sum, newest)


def open_registry(environ: Mapping[str, str]) -> Registry:
    """The registry of a process. S3D_TELEMETRY=off, for measurements only, turns it off."""
    return NoRegistry() if environ.get("S3D_TELEMETRY") == "off" else Registry()


class _NoCounter(Counter):
    __slots__ = ()

    def add(self, amount: float = 1) -> None:
        pass


class _NoGauge(Gauge):
    __slots__ = ()

    def set(self, value: float) -> None:
        pass


class _NoHistogram(Histogram):
    __slots__ = ()

    def observe(self, value: float, span: TraceContext | None = None) -> None:
        pass

    def observe_all(self, values: Collection[float]) -> None:
        pass


class NoRegistry(Registry):
    """Counts nothing: to measure what the registry costs."""

    is_enabled = False

    def counter(self, metric: Metric, *labels: str) -> Counter:
        return _NoCounter()

    def gauge(self, metric: Metric, *labels: str) -> Gauge:
        return _NoGauge()

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        assert metric.bounds is not None, metric.name
        return _NoHistogram(metric.bounds)

    def computed(self, metric: Metric, read: Computed) -> None:
        pass
