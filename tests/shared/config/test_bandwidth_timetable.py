"""The setting bandwidth_timetable, in the syntax of rclone's --bwlimit."""

import pytest

from s3d.shared.config.bandwidth_timetable import (
    DAY,
    WEEK,
    BandwidthTimetable,
    Rates,
    parse_bandwidth_timetable,
)

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("10M", Rates(10 * MIB, 10 * MIB)),
        ("10M:1M", Rates(10 * MIB, MIB)),
        ("off", Rates()),
        ("off:1M", Rates(None, MIB)),
        ("512", Rates(512 << 10, 512 << 10)),
        ("2MiB", Rates(2 * MIB, 2 * MIB)),
    ],
)
def test_a_single_rate_holds_always(text, rates):
    table = parse_bandwidth_timetable(text)
    assert {table.at(minute) for minute in (0, 700, WEEK - 1)} == {rates}
    assert parse_bandwidth_timetable(str(table)) == table
    assert table.is_unlimited == (rates == Rates())


def test_the_times_of_the_day_hold_every_day():
    table = parse_bandwidth_timetable("08:00,512k 12:00,10M:1M 23:00,off")
    for day in range(7):
        at = day * DAY
        assert table.at(at + 8 * 60) == Rates(512 << 10, 512 << 10)
        assert table.at(at + 12 * 60 + 1) == Rates(10 * MIB, MIB)
        assert table.at(at + 23 * 60) == Rates()
        assert table.at(at + 7 * 60) == Rates()  # of the evening before
    assert parse_bandwidth_timetable(str(table)) == table


def test_the_days_of_the_week():
    table = parse_bandwidth_timetable("Mon-08:00,1M Fri-18:00,off Sunday-20:00,2M")
    assert table.at(8 * 60) == Rates(MIB, MIB)
    assert table.at(4 * DAY + 18 * 60) == Rates()
    assert table.at(6 * DAY + 20 * 60) == table.at(0) == Rates(2 * MIB, 2 * MIB)


def test_without_a_setting_there_is_no_limit():
    assert BandwidthTimetable().is_unlimited


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write"),
        ("fast", "no rate"),
        ("1B", "too slow"),
        ("08:00,1M 09:00", "is not TIME,RATE"),
        ("25:00,1M", "is not TIME,RATE"),
        ("Foo-08:00,1M", "no day"),
        ("08:00,1M Mon-08:00,2M", "another rate"),
    ],
)
def test_what_is_expected_is_said(text, message):
    with pytest.raises(ValueError, match=message):
        parse_bandwidth_timetable(text)
