"""retry_schedule: delays of keys, and of the target."""

from __future__ import annotations

import pytest

from s3d.agent.stores.notifications.retry_schedule import MANY, MAX_DELAY, RetrySchedule

ONE, OTHER = ("b", "one"), ("b", "other")


@pytest.fixture
def schedule() -> RetrySchedule:
    return RetrySchedule()


def test_a_refused_key_waits_alone_and_longer_each_time(schedule):
    schedule.refused(ONE, "HTTP 400", 100.0)
    assert not schedule.is_due(ONE, 100.5)
    assert schedule.is_due(ONE, 101.0)
    assert schedule.is_due(OTHER, 100.0)
    assert not schedule.is_paused(100.0)
    schedule.refused(ONE, "HTTP 400", 101.0)
    assert not schedule.is_due(ONE, 102.5)
    assert schedule.next_attempt(101.0) == 2.0
    assert schedule.last_error == "HTTP 400"


def test_a_confirmed_event_ends_the_series(schedule):
    schedule.refused(ONE, "HTTP 400", 100.0)
    schedule.confirmed(OTHER)
    assert schedule.last_error == "HTTP 400", "the other key still waits"
    schedule.confirmed(ONE)
    assert schedule.last_error == ""
    assert schedule.next_attempt(101.0) is None


def test_many_refusals_in_a_row_pause_the_target(schedule):
    for number in range(MANY):
        assert not schedule.is_paused(100.0)
        schedule.refused(("b", str(number)), "HTTP 503", 100.0)
    assert schedule.is_paused(100.5)
    assert not schedule.is_paused(101.0)


def test_an_unreachable_target_pauses_and_its_keys_do_not(schedule):
    schedule.unreachable("refused", 100.0)
    schedule.unreachable("refused", 100.0)  # another attempt of the same moment
    assert schedule.is_paused(100.5)
    assert schedule.is_due(ONE, 100.0)
    assert schedule.next_attempt(100.0) == 1.0
    schedule.unreachable("refused", 101.0)
    assert schedule.next_attempt(101.0) == 2.0
    for _ in range(20):
        schedule.unreachable("refused", 1e6)
    assert schedule.next_attempt(1e6) <= MAX_DELAY


def test_keys_without_events_are_forgotten(schedule):
    schedule.refused(ONE, "HTTP 400", 100.0)
    schedule.refused(OTHER, "HTTP 400", 100.0)
    schedule.keep_only({OTHER})
    assert schedule.is_due(ONE, 100.0)
    assert not schedule.is_due(OTHER, 100.0)
    schedule.keep_only(set())
    assert schedule.next_attempt(100.0) is None
