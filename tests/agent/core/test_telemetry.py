from random import Random

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.metric_table import HTTP_DURATION
from s3d.agent.core.telemetry import (
    MAX_SERIES,
    MAX_VALUES,
    OTHER,
    Distribution,
    Histogram,
    NoRegistry,
    Registry,
)
from s3d.agent.s3.trace_context import TraceContext


def distribution(registry, metric):
    """The only series of a histogram."""
    (family,) = (each for each in registry.collect() if each.metric is metric)
    ((_, value),) = family.points
    assert isinstance(value, Distribution)
    return value


def test_a_cell_is_the_same_one_each_time():
    registry = Registry()
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "200").add()
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "200").add(2)
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "404").add()
    assert registry.values(metric_table.HTTP_REQUESTS) == {
        ("GetObject", "200"): 3,
        ("GetObject", "404"): 1,
    }
    assert registry.total(metric_table.HTTP_REQUESTS) == 4


def test_what_nobody_has_counted_is_not_collected():
    registry = Registry()
    assert registry.collect() == []
    registry.counter(metric_table.CACHE_HITS)
    assert [(each.metric, each.points) for each in registry.collect()] == [
        (metric_table.CACHE_HITS, [((), 0)])
    ]


def test_a_histogram_counts_up_to_and_with_its_bounds():
    registry = Registry()
    cell = registry.histogram(metric_table.LOOP_LAG)
    for seconds in (0.0, 0.001, 0.0011, 5.0, 5.1):
        cell.observe(seconds)
    value = distribution(registry, metric_table.LOOP_LAG)
    assert value.counts == (2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)
    assert (value.observations, round(value.sum, 4)) == (5, 10.1021)


def test_many_observations_at_a_time_count_as_each_by_itself():
    random = Random(7)
    for size in (0, 1, 2, 50, 3_000):
        values = [random.choice((0.0, 0.001, 10 ** random.uniform(-6, 2))) for _ in range(size)]
        each, together = Histogram(HTTP_DURATION.bounds), Histogram(HTTP_DURATION.bounds)
        for value in values:
            each.observe(value)
        together.observe_all(values)
        assert together.counts == each.counts
        assert together.sum == pytest.approx(each.sum)


def test_the_counted_buckets_are_summed_over_the_labels():
    registry = Registry()
    assert sum(registry.bucket_counts(HTTP_DURATION)) == 0
    for operation in ("GetObject", "PutObject"):
        registry.histogram(HTTP_DURATION, operation).observe(0.001)
    counts = registry.bucket_counts(HTTP_DURATION)
    assert (sum(counts), max(counts)) == (2, 2)


def span(digit):
    return TraceContext(digit * 32, digit * 16)


def test_an_exemplar_is_the_last_one_of_its_exported_bucket():
    registry = Registry()
    cell = registry.histogram(HTTP_DURATION, "GetObject")
    cell.observe(0.0002)
    assert distribution(registry, HTTP_DURATION).exemplars == {}
    cell.observe(0.00025, span("a"))
    cell.observe(0.00013, span("b"))
    cell.observe(99.0, span("c"))
    exemplars = distribution(registry, HTTP_DURATION).exemplars
    assert {at: each.span.trace_id[0] for at, each in exemplars.items()} == {1: "b", 20: "c"}


def test_buckets_beyond_the_limit_are_counted_together():
    registry = Registry()
    for number in range(MAX_VALUES + 50):
        registry.counter(metric_table.QUEUE_PUSHES, f"bucket-{number}").add()
    registry.counter(metric_table.QUEUE_PUSHES, "bucket-0").add()
    values = registry.values(metric_table.QUEUE_PUSHES)
    assert len(values) == MAX_VALUES + 1
    assert (values["bucket-0",], values[OTHER,]) == (2, 50)
    assert sum(values.values()) == MAX_VALUES + 51


def test_many_sync_folders_do_not_hide_a_disk():
    registry = Registry()
    for number in range(MAX_VALUES + 1):
        registry.counter(metric_table.SYNC_PASSES, f"folder-{number}", "done").add()
    free = {("state",): 1.0, ("store",): 2.0}
    registry.computed(metric_table.DISK_FREE, lambda: free)
    assert registry.values(metric_table.DISK_FREE) == free


def test_series_beyond_the_limit_are_counted_together():
    registry = Registry()
    for number in range(MAX_SERIES + 10):
        registry.counter(metric_table.HTTP_REQUESTS, "GetObject", str(number)).add()
    values = registry.values(metric_table.HTTP_REQUESTS)
    assert len(values) == MAX_SERIES + 1
    assert values[OTHER, OTHER] == 10


def test_a_computed_value_is_read_when_it_is_collected():
    registry, backlog = Registry(), [1.0]
    registry.computed(metric_table.QUEUE_OLDEST, lambda: backlog[0])
    registry.computed(metric_table.QUEUE_WRITES, lambda: {("waiting",): 2.0, ("held",): 1.0})
    registry.computed(metric_table.QUEUE_BANDWIDTH, lambda: None)
    backlog[0] = 7.0
    assert registry.values(metric_table.QUEUE_OLDEST) == {(): 7.0}
    assert registry.values(metric_table.QUEUE_WRITES) == {("held",): 1, ("waiting",): 2}
    assert registry.values(metric_table.QUEUE_BANDWIDTH) == {}
    registry.drop_computed()
    assert registry.collect() == []


def test_a_value_that_cannot_be_computed_hides_no_other(caplog):
    registry = Registry()
    registry.computed(metric_table.QUEUE_OLDEST, lambda: 1 / 0)
    registry.counter(metric_table.CACHE_HITS).add()
    assert [each.metric for each in registry.collect()] == [metric_table.CACHE_HITS]
    assert "s3d_queue_oldest_write_age_seconds" in caplog.text


def test_a_registry_that_counts_nothing_takes_every_call():
    registry = NoRegistry()
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "200").add()
    registry.histogram(HTTP_DURATION, "GetObject").observe(1.0, span("a"))
    registry.gauge(metric_table.QUEUE_OLDEST).set(1.0)
    registry.computed(metric_table.QUEUE_WRITES, lambda: {("held",): 1.0})
    assert registry.collect() == []
