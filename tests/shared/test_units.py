import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.shared.units import parse_age, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1024", 1024),
        ("12B", 12),
        ("1KiB", 1024),
        ("1K", 1024),
        ("1k", 1024),
        ("1kB", 1000),
        ("512MiB", 512 << 20),
        ("10GiB", 10 << 30),
        ("10 gib", 10 << 30),
        ("10GB", 10**10),
        ("1.5MiB", 3 << 19),
        ("2T", 2 << 40),
        (" 7 ", 7),
    ],
)
def test_size(text, expected):
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1 XiB", "1KiBs", "GiB", "1,5GiB", "1e3", "1..5K", "0x10"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="10GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("0.5", 0.5),
        ("250ms", 0.25),
        ("90s", 90),
        ("15m", 900),
        ("15min", 900),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("7d", 604800),
        ("2W", 1209600),
    ],
)
def test_age(text, expected):
    assert parse_age(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "h", "-5s", "5x", "1h30", "1h,30m", "s5", "1 hour 5"])
def test_what_is_no_age_is_refused(text):
    with pytest.raises(ValueError, match="1h30m"):
        parse_age(text)


@given(st.integers(0, 1 << 62))
@settings(max_examples=50, deadline=None)
def test_bytes_are_exact(number):
    assert parse_size(str(number)) == number
    assert parse_size(f"{number}KiB") == number * 1024
