import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.store.queue.bandwidth import Timetable, TokenBucket, parse_timetable

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
