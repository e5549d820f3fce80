"""The list of pins and its file."""

from __future__ import annotations

import pytest

from s3d.agent.stores.read_cache.pins import LONGEST, Pins, PinSchedule
from s3d.shared.caching import Pin
from tests.agent.stores.read_cache.rig import Time


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pins.json"


def test_what_was_pinned_is_pinned_after_a_restart(file):
    pins = Pins(file)
    pins.add(Pin("b", key="k"))
    pins.add(Pin("b", prefix="p/"))
    pins.add(Pin("b", prefix="p/"))
    again = Pins(file)
    assert list(again) == [Pin("b", key="k"), Pin("b", prefix="p/")]
    assert (len(again), again.has("b", "k")) == (2, Pin("b", key="k"))


def test_it_covers_keys_and_prefixes(file):
    pins = Pins(file)
    pins.add(Pin("b", key="k"))
    pins.add(Pin("c", prefix="p/"))
    names = [("b", "k"), ("b", "kk"), ("c", "p/1"), ("c", "q")]
    assert [pins.covers(*name) for name in names] == [True, False, True, False]


def test_a_pin_is_removed_as_it_was_made(file):
    pins = Pins(file)
    pins.add(Pin("b", prefix="p/"))
    assert not pins.remove(Pin("b", key="p/"))
    assert not pins.remove(Pin("b"))
    assert pins.remove(Pin("b", prefix="p/"))
    assert list(Pins(file)) == []


def test_each_change_is_told(file):
    pins, told = Pins(file), []
    pins.on_change = lambda: told.append(len(pins))
    pins.add(Pin("b"))
    pins.remove(Pin("b"))
    pins.remove(Pin("b"))
    assert told == [1, 0]


def test_a_file_that_makes_no_sense_is_put_aside(file, caplog):
    file.write_bytes(b"{")
    assert list(Pins(file)) == []
    assert file.with_suffix(".broken").read_bytes() == b"{"
    assert str(file) in caplog.text


def test_a_pin_that_cannot_be_kept_is_none(file):
    pins = Pins(file)
    pins.add(Pin("b"))
    file.with_name(f".{file.name}.new").mkdir()
    with pytest.raises(OSError, match=r"\.pins.*\.new"):
        pins.add(Pin("c"))
    with pytest.raises(OSError, match=r"\.pins.*\.new"):
        pins.remove(Pin("b"))
    assert list(pins) == list(Pins(file)) == [Pin("b")]


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
