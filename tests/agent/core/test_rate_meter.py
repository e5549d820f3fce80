import pytest

from s3d.agent.core.rate_meter import RateMeter


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
