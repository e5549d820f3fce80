import pytest

from s3d.agent.app.sampler import (
    MINUTE,
    NOTHING_READ,
    SAMPLE_COUNT,
    Counters,
    LatencyWindow,
    Sampler,
    sampler_of,
)
from s3d.agent.core import metric_table
from s3d.agent.core.telemetry import Registry


class Meter:
    """Counters and clocks that are moved by hand."""

    def __init__(self):
        self.now, self.turns = 0.0, 0
        self.counters = Counters()
        self.sampler = Sampler(
            lambda: self.counters, lambda *shares: list(shares), self._turn,
            clock=lambda: 1000 + self.now, steady=lambda: self.now,
        )  # fmt: skip

    def _turn(self):
        self.turns += 1

    def second(self, **counters):
        self.now += 1.0
        self.counters = Counters(**counters)
        self.sampler.take()


def test_rates_are_of_the_last_second():
    meter = Meter()
    meter.second(up=100, down=50, requests=10, hits=3, misses=1)
    meter.second(up=300, down=50, requests=10, hits=3, misses=1)
    samples = meter.sampler.samples()
    assert samples.up == [100, 200]
    assert samples.down == [50, 0]
    assert samples.requests == [10, 0]
    assert samples.hit_ratio == [0.75, NOTHING_READ]
    assert (samples.at, samples.p50, samples.p99, meter.turns) == (1002, 0.5, 0.99, 2)


def test_errors_are_of_the_last_minute():
    meter = Meter()
    meter.second(errors_4xx=5)
    for _ in range(70):
        meter.second(errors_4xx=5)
    assert meter.sampler.samples().errors_4xx == 0
    meter.second(errors_4xx=8, errors_5xx=1)
    samples = meter.sampler.samples()
    assert (samples.errors_4xx, samples.errors_5xx) == (3, 1)


def test_five_minutes_are_kept():
    meter = Meter()
    assert meter.sampler.samples().up == []
    for n in range(SAMPLE_COUNT + 10):
        meter.second(up=n)
    assert len(meter.sampler.samples().up) == SAMPLE_COUNT


def test_a_counter_that_begins_anew_is_no_rate_below_zero():
    meter = Meter()
    meter.second(up=100)
    meter.second(up=0)
    assert meter.sampler.samples().up == [100, 0]


class Requests:
    """A registry to which the test reports requests, and its window of a minute."""

    def __init__(self):
        self.registry = Registry()
        self.window = LatencyWindow(self.registry)

    def add(self, seconds):
        self.registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "200").add()
        self.registry.histogram(metric_table.HTTP_DURATION, "GetObject").observe(seconds)


@pytest.mark.parametrize("seconds", [0.0, 3e-6, 17e-6, 0.00123, 0.25, 7.0, 60.0])
def test_a_duration_is_told_to_an_eighth(seconds):
    requests = Requests()
    requests.add(seconds)
    requests.window.turn()
    (found,) = requests.window.quantiles(0.5)
    assert seconds <= found <= seconds * 1.13 + 17e-6


def test_a_half_and_the_slowest():
    requests = Requests()
    for n in range(100):
        requests.add(0.001 if n < 98 else 1.0)
    requests.window.turn()
    p50, p99 = requests.window.quantiles(0.5, 0.99)
    assert 0.001 <= p50 < 0.0012
    assert 1.0 <= p99 < 1.2


def test_only_the_last_minute_counts():
    requests = Requests()
    requests.add(5.0)
    requests.window.turn()
    assert requests.window.quantiles(0.5)[0] >= 5.0
    for _ in range(MINUTE):
        requests.window.turn()
    assert requests.window.quantiles(0.5) == [0.0]


def test_the_sampler_reads_what_the_registry_counts():
    registry = Registry()
    sampler = sampler_of(registry, has_queue=False, has_cache=False)
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "200").add(3)
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "404").add(2)
    registry.counter(metric_table.HTTP_REQUESTS, "PutObject", "503").add()
    registry.counter(metric_table.HTTP_REQUESTS, "PutObject", "aborted").add()
    registry.counter(metric_table.HTTP_RECEIVED, "PutObject").add(1_000)
    registry.counter(metric_table.HTTP_SENT, "GetObject").add(500)
    sampler.take()
    samples = sampler.samples()
    assert (samples.errors_4xx, samples.errors_5xx) == (2, 1)
    assert samples.up[0] == pytest.approx(samples.down[0] * 2, rel=0.01)
    assert samples.requests[0] > 0
