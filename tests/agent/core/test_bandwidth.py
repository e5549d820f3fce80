from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.bandwidth import RateMeter, Throttle, TokenBucket


def test_nothing_has_no_rate() -> None:
    assert RateMeter().rate(5.0) == 0.0


def test_a_rate_is_the_mean_of_the_last_seconds() -> None:
    meter = RateMeter()
    for tick in range(100):
        meter.add(10, tick / 2)
    assert meter.rate(49.5) == pytest.approx(20, rel=0.1)


def test_what_is_long_past_does_not_count() -> None:
    meter = RateMeter()
    meter.add(1000, 0.0)
    assert meter.rate(11.0) == 0.0


def test_a_beginning_is_not_exaggerated() -> None:
    meter = RateMeter()
    meter.add(1000, 5.0)
    meter.add(1000, 5.01)
    assert meter.rate(5.02) == 2000


def test_no_rate_never_waits() -> None:
    bucket = TokenBucket()
    assert [bucket.take(1 << 30, None, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=50))
def test_over_time_no_more_goes_than_the_rate_and_one_burst(sizes: list[int]) -> None:
    bucket = TokenBucket()
    rate, now = 10_000, 50.0
    for size in sizes:
        now += bucket.take(size, rate, now)
    assert sum(sizes[:-1]) <= rate * (now - 50.0 + 0.25) + 0.001


def test_after_a_pause_only_a_burst_goes_at_once() -> None:
    bucket = TokenBucket()
    bucket.take(1, 1000, 0.0)
    assert bucket.take(250, 1000, 1000.0) == 0.0
    assert bucket.take(1, 1000, 1000.0) == 0.0
    assert bucket.take(1, 1000, 1000.0) > 0.0


async def test_a_throttle_waits_for_its_rate(monkeypatch):
    pauses = []

    async def sleep(pause: float) -> None:
        pauses.append(pause)

    monkeypatch.setattr("asyncio.sleep", sleep)
    throttle = Throttle(100, lambda: 10.0)
    for _ in range(3):
        await throttle.admit(50)
    assert pauses == [0.25, 0.75]
    free = Throttle(None)
    await free.admit(1 << 40)
    assert (throttle.is_limited, free.is_limited, len(pauses)) == (True, False, 2)
