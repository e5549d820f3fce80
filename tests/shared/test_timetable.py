import pytest

from s3d.shared.timetable import Timetable, parse_timetable

KIB = 1024


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("off", ((0, None),)),
        ("512KiB", ((0, 512 * KIB),)),
        ("512KiB/s", ((0, 512 * KIB),)),
        ("18:00 off, 8:00 1MiB", ((480, 1024 * KIB), (1080, None))),
    ],
)
def test_what_a_timetable_says(text: str, entries: tuple[tuple[int, int | None], ...]) -> None:
    assert parse_timetable(text).entries == entries


@pytest.mark.parametrize("text", ["", "fast", "25:00 1MiB", "8:00", "8:00 1MiB, 08:00 off", "12"])
def test_what_is_not_a_timetable_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|twice|slow"):
        parse_timetable(text)


@pytest.mark.parametrize(("minute", "rate"), [(0, 7), (479, 7), (480, 5), (1079, 5), (1080, 7)])
def test_before_the_first_time_of_the_day_yesterdays_last_rate_holds(
    minute: int, rate: int
) -> None:
    assert Timetable(((480, 5), (1080, 7))).rate_at(minute) == rate


@pytest.mark.parametrize(
    "text", ["off", "512KiB", "08:00 1MiB, 18:00 off", "00:30 1500, 12:00 3GiB"]
)
def test_a_timetable_can_be_written_down_again(text: str) -> None:
    assert str(parse_timetable(text)) == text
