"""poll_costs: the intervals by a clock that is only a number, and the price of a month."""

from __future__ import annotations

import pytest

from s3d.agent.remote_changes.poll_costs import (
    LONGEST_STRETCH,
    Activity,
    listing_cost,
    marker_cost,
    poll_interval,
    queue_cost,
    stretch_for,
)


@pytest.mark.parametrize(
    ("since", "seconds"),
    [(0.0, 5.0), (3599.0, 5.0), (3600.0, 60.0), (1e9, 60.0), (-1.0, 60.0)],
)
def test_the_interval_is_short_for_an_hour_after_a_change(since, seconds):
    assert poll_interval(since) == seconds
    assert poll_interval(since, 3.0) == 3 * seconds


def test_a_day_without_changes_stays_below_20_000_requests():
    """A folder of 10,000 objects: the polls of 24 hours after the last change, and the listings."""
    now, polls = 0.0, 0
    while now < 86_400:
        now += poll_interval(now)
        polls += 1
    listings = 24 * 10
    assert polls == 720 + 23 * 60
    assert polls + listings < 20_000


def test_the_cost_of_a_month():
    assert marker_cost(Activity()) == pytest.approx(0.0818, abs=0.001)
    idle = Activity(hours=1e6)
    assert marker_cost(idle) == pytest.approx(60 * 730 * 0.0004 / 1000, rel=0.01)
    busy = Activity(hours=1e6, active=1e6)
    assert marker_cost(busy) == pytest.approx(720 * 730 * 0.0004 / 1000, rel=0.01)
    assert marker_cost(Activity(100.0, 0.0, writes=10_000)) > marker_cost(Activity(100.0)) + 0.3
    assert listing_cost(10_000) == pytest.approx(10 * 730 * 0.005 / 1000)
    assert listing_cost(0) == listing_cost(1_000) < listing_cost(1_001)
    assert queue_cost(idle, 20.0) == pytest.approx(0.0526, abs=0.001)


def test_a_clock_that_jumps_makes_no_nonsense():
    for hours in (-5.0, 0.0, 1e9):
        assert 0 <= Activity(hours, active=7.0).share <= 1
        assert marker_cost(Activity(hours, active=-3.0, writes=1)) > 0


def test_a_limit_makes_the_intervals_longer():
    assert stretch_for(0.2, 0.0) == 1.0
    assert stretch_for(0.2, 0.5) == 1.0
    assert stretch_for(0.2, 0.1) == pytest.approx(2.0)
    assert stretch_for(100.0, 0.01) == LONGEST_STRETCH
