import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3d.shared.text import age, count, moment, safe, size

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


def test_moment_is_local_time(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert moment(0) == "1970-01-01 00:00:00"


def test_count():
    assert count(1, "object") == "1 object"
    assert count(0, "object") == "0 objects"
    assert count(12000, "object") == "12,000 objects"
