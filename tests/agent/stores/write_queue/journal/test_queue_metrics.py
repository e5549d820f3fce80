import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    new_write,
)
from s3d.agent.stores.write_queue.journal.queue_metrics import QueueMetrics


class Queue:
    def __init__(self):
        self.registry, self.now = Registry(), 1_000.0
        self.metrics = QueueMetrics(self.registry, lambda: self.now)

    @property
    def arrival(self):
        return self.registry.histogram(metric_table.QUEUE_ARRIVAL)


def write(state=PendingState.PUSHING):
    return new_write(1, Kind.PUT, "bbb", "k", 10, 1_000.0, state=state)


def unreachable():
    error = S3Error("ServiceUnavailable")
    error.failure = Unreachable(Reason.CONNECT, "refused", sent=False)
    return error


def test_the_quantiles_of_the_arrival_are_exact_to_some_percent():
    queue = Queue()
    assert queue.metrics.arrival_quantile(0.5) is None
    for seconds in [2.0] * 98 + [100.0] * 2:
        queue.now = 1_000.0 + seconds
        queue.metrics.arrived(write())
    assert queue.metrics.arrival_quantile(0.5) == pytest.approx(2.0, rel=0.15)
    assert queue.metrics.arrival_quantile(0.99) == pytest.approx(100.0, rel=0.35)


def test_a_write_arrives_once_and_takes_its_time():
    queue = Queue()
    queue.metrics.accepted(write())
    queue.now = 1_002.5
    queue.metrics.arrived(write())
    queue.metrics.arrived(write(PendingState.VERIFYING))
    assert queue.registry.values(metric_table.QUEUE_ACCEPTED)[("put",)] == 1
    assert queue.registry.values(metric_table.QUEUE_PUSHES) == {("bbb",): 1}
    assert (sum(queue.arrival.counts), queue.arrival.sum) == (1, 2.5)


def test_a_clock_that_was_set_back_gives_no_time_below_zero():
    queue = Queue()
    queue.now = 10.0
    queue.metrics.arrived(write())
    assert queue.arrival.sum == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (unreachable(), "unreachable"),
        (S3Error("AccessDenied"), "denied"),
        (S3Error("SlowDown"), "transient"),
        (S3Error("InvalidAccessKeyId"), "auth"),
        (S3Error("InvalidArgument"), "permanent"),
    ],
)
def test_a_failure_is_counted_by_class(error, reason):
    queue = Queue()
    queue.metrics.failed_with(error)
    assert queue.registry.values(metric_table.QUEUE_FAILURES) == {(reason,): 1}
