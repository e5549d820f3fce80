"""scalars: the texts of numbers, truth values and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3 import scalars

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-1", -1), (" 42 ", 42), ("007", 7)])
def test_an_integer_is_read(text: str, number: int) -> None:
    assert scalars.read_integer(text) == number


@pytest.mark.parametrize(
    "text", ["", "+5", "5.0", "0x5", "1e3", "\u0665", "1_000", "--1", 20 * "9", "2147483648"]
)
def test_what_is_no_integer_of_32_bits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        scalars.read_integer(text)


def test_bounds_are_inclusive() -> None:
    assert scalars.read_integer("10000", 1, 10_000) == 10_000
    assert scalars.read_integer(str(scalars.LONG_MAX), 0, scalars.LONG_MAX) == scalars.LONG_MAX
    with pytest.raises(ValueError, match="between"):
        scalars.read_integer("10001", 1, 10_000)


@pytest.mark.parametrize(
    ("text", "truth"),
    [("true", True), ("TRUE", True), ("1", True), ("false", False), (" 0", False)],
)
def test_a_boolean_is_read(text: str, truth: bool) -> None:
    assert scalars.read_boolean(text) is truth


@pytest.mark.parametrize("text", ["", "yes", "2"])
def test_what_is_no_boolean_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="boolean"):
        scalars.read_boolean(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 22 Nov 2026 12:00:05 GMT",
        "Sunday, 22-Nov-26 12:00:05 GMT",
        "Sun Nov 22 12:00:05 2026",
        "Sun, 22 Nov 2026 13:00:05 +0100",
        "2026-11-22T12:00:05Z",
        "2026-11-22T12:00:05.000Z",
        "2026-11-22T13:00:05+01:00",
        "20261122T120005Z",
        "2026-11-22T12:00:05",
        "1795348805",
        " 1795348805.0 ",
    ],
)
def test_a_time_is_read_in_every_form(text: str) -> None:
    moment = scalars.read_time(text)
    assert moment == NOON
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-11-22T25:00:00Z",
        12 * "9",
        "Sun, 99 Nov",
        "Sun, 22 Nov 2026 12:00:05 +9999999999999999999",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is Python's own
        scalars.read_time(text)


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        NOON.replace(microsecond=999_999),
        NOON.astimezone(timezone(timedelta(hours=5))),
        NOON.replace(tzinfo=None),
        NOON.timestamp(),
        int(NOON.timestamp()),
    ],
)
def test_times_are_written_in_whole_seconds_of_utc(moment: datetime | float) -> None:
    assert scalars.iso_time(moment) == "2026-11-22T12:00:05.000Z"
    assert scalars.http_time(moment) == "Sun, 22 Nov 2026 12:00:05 GMT"
    assert scalars.unix_time(moment) == "1795348805"


@given(st.integers(0, 2**33))
def test_what_is_written_is_read(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert scalars.http_time(moment) == format_datetime(moment, usegmt=True)
    for text in (scalars.iso_time(moment), scalars.http_time(moment), scalars.unix_time(moment)):
        assert scalars.read_time(text) == moment
