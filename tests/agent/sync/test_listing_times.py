"""listing_times: when a bucket is listed, with and without something that reports its changes."""

from s3d.agent.sync.listing_times import SLOWEST, ListingTimes


def test_a_listing_comes_less_often_while_it_finds_nothing():
    times = ListingTimes(10.0)
    assert times.due_at() == 0.0
    for _ in range(20):
        times.listed(100.0, 0, has_changes=False)
    assert times.due_at() == 100.0 + 10.0 * SLOWEST
    times.listed(100.0, 0, has_changes=True)
    assert times.due_at() == 110.0


def test_a_listing_comes_once_an_hour_while_changes_are_reported():
    times = ListingTimes(10.0)
    interval = 3600.0
    times.reported_interval = lambda: interval
    assert times.due_at() == 0.0
    times.listed(100.0, 0, has_changes=True)
    assert times.due_at() == 3700.0
    interval = 0.0  # they are not reported any more
    assert times.due_at() == 110.0


def test_a_failed_listing_is_made_again_though_changes_are_reported():
    times = ListingTimes(10.0)
    times.reported_interval = lambda: 3600.0
    times.listed(100.0, 0, has_changes=False)
    times.put_back()
    assert times.due_at() == 0.0


def test_a_request_during_a_listing_makes_another_one():
    """The listing may have passed the place of the change before."""
    times = ListingTimes(10.0)
    begun = times.requests
    times.request()
    times.listed(100.0, begun, has_changes=False)
    assert times.due_at() == 0.0
    times.listed(101.0, times.requests, has_changes=False)
    assert times.due_at() > 101.0
