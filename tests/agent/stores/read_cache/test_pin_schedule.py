"""When pins are looked at."""

from __future__ import annotations

import pytest

from s3d.agent.stores.read_cache.pin_schedule import LONGEST, PinSchedule
from s3d.shared.caching import Pin
from tests.agent.stores.read_cache.rig import Time

PIN, OTHER = Pin("bbb", prefix="p/"), Pin("bbb", key="k")


@pytest.mark.finding("Q12")
def test_the_pause_grows_while_nothing_changes():
    time = Time()
    schedule = PinSchedule(60.0, time)
    pauses = []
    for _ in range(12):
        assert schedule.is_due(PIN)
        schedule.done(PIN, changed=False)
        assert not schedule.is_due(PIN)
        pauses.append(schedule.wait([PIN]))
        time.now += pauses[-1]
    assert pauses[:3] == [60.0, 90.0, 135.0]
    assert pauses[-1] == LONGEST
    schedule.done(PIN, changed=True)
    assert schedule.wait([PIN]) == 60.0


def test_a_new_pin_is_due_and_one_pin_does_not_wait_for_another():
    schedule = PinSchedule(0.0, Time())
    assert schedule.wait([]) is None
    schedule.done(PIN, changed=False)
    assert (schedule.wait([PIN]), schedule.wait([PIN, OTHER])) == (5.0, 0.0)
    schedule.all_due()
    assert schedule.is_due(PIN)
    schedule.keep_only([OTHER])
    schedule.done(PIN, changed=False)
    assert schedule.wait([PIN]) == 5.0


def test_a_long_max_age_is_the_longest_pause():
    time = Time()
    schedule = PinSchedule(3_600.0, time)
    for _ in range(3):
        schedule.done(PIN, changed=False)
        assert schedule.wait([PIN]) == 3_600.0
