from s3d.agent.app.sampler import NOTHING_READ, SAMPLE_COUNT, Counters, Sampler


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
