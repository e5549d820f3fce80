import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3d.shared.text import age, count, duration, moment, parse_age, parse_size, safe, size

HOSTILE = "PRE\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202egnp.exe\u200b\r\nEND"


def test_plain_text_stays_as_it_is():
    for text in ("photos/cat 1.jpg", "", "größe/日本語/🐈.txt", "a\u0301"):
        assert safe(text) == text


def test_controls_become_visible():
    assert safe(HOSTILE) == "PRE␛]0;PWNED␇␛[2J\\x9b31m<U+202E>gnp.exe<U+200B>␍␊END"
    assert safe("\x00\x7f\ufeff\udc80") == "␀␡<U+FEFF>\ufffd"


@given(st.text(st.characters(), max_size=50))
@example(HOSTILE)
@settings(max_examples=300, deadline=None)
def test_nothing_that_steers_a_terminal_remains(text):
    shown = safe(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\u200e\ufeff")
    shown.encode()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        ((1 << 20) - 1, "1 MiB"),
        (64 << 20, "64 MiB"),
        (5 << 40, "5 TiB"),
        (1 << 62, "4 EiB"),
        (1 << 72, "4096 EiB"),
    ],
)
def test_size(number, expected):
    assert size(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-3, "0 s"), (0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (9e5, "10 d")],
)
def test_age(seconds, expected):
    assert age(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 ms"), (0.0004, "0.4 ms"), (0.003, "3.0 ms"), (0.041, "41 ms"), (0.85, "850 ms"),
        (2.46, "2.5 s"), (12.9, "12 s"), (200, "3 min"), (7_200, "2 h"),
    ],
)  # fmt: skip
def test_duration(seconds, expected):
    assert duration(seconds) == expected


def test_moment_is_local_time(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert moment(0) == "1970-01-01 00:00:00"


def test_count():
    assert count(1, "object") == "1 object"
    assert count(0, "object") == "0 objects"
    assert count(12000, "object") == "12,000 objects"


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
def test_size_is_read(text, expected):
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
def test_age_is_read(text, expected):
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
