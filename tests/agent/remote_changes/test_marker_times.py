"""marker_times: when a marker is read and written, by a clock that is only a number."""

from s3d.agent.remote_changes.marker_times import LOST_AFTER, RETRY_REFUSED, MarkerTimes
from tests.agent.manual_clock import ManualClock


def make(clock, **options):
    return MarkerTimes(clock, options.pop("objects", lambda: 0), options.pop("limit", 0.0))


def test_a_change_makes_the_next_poll_earlier():
    clock = ManualClock()
    times = make(clock)
    clock.now += 4000
    times.polling()
    assert times.due_in(has_changes=False) == 60.0
    clock.now += 10
    times.changed()
    assert times.due_in(has_changes=False) == 5.0


def test_a_change_does_not_disturb_the_pause_after_a_failure():
    clock = ManualClock()
    times = make(clock)
    times.refused()
    times.changed()
    assert times.due_in(has_changes=False) == RETRY_REFUSED
    times.answered()
    times.changed()
    assert times.due_in(has_changes=False) == 5.0


def test_it_is_read_rarely_while_events_report_the_changes():
    times = make(ManualClock())
    times.is_needed = lambda: False
    times.polling()
    assert times.due_in(has_changes=False) == 60.0


def test_it_is_lost_without_an_answer():
    clock = ManualClock()
    times = make(clock)
    times.answered()
    assert not times.is_lost
    clock.now += LOST_AFTER + 1
    assert times.is_lost


def test_writes_have_their_own_times():
    clock = ManualClock()
    times = make(clock)
    times.polling()
    times.writing()
    assert not times.is_write_due()
    assert times.due_in(has_changes=True) == 1.0
    clock.now += 1
    assert times.is_write_due()
    times.write_with_poll()
    assert times.due_in(has_changes=True) == 4.0
    times.checked()
    assert not times.is_check_due()
    clock.now += RETRY_REFUSED
    assert times.is_check_due()


def test_the_cost_follows_what_happens():
    clock = ManualClock()
    times = make(clock, objects=lambda: 100_000)
    before = times.cost
    for _ in range(1000):
        clock.now += 60
        times.polling()
        times.written()
    assert times.cost > before
    assert make(clock).cost < before
