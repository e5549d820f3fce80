"""ResponseHeadWriter of answers."""

from __future__ import annotations

import pytest

from s3d.agent.frontends.http.response_head import ResponseHeadWriter


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\rb"])
def test_a_value_cannot_begin_a_header_of_its_own(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        ResponseHeadWriter(lambda: 0).head(200, "ID", [("X", value)])


def test_the_date_follows_the_clock() -> None:
    now = 0.0
    heads = ResponseHeadWriter(lambda: now)
    assert b"\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in heads.head(200, "ID", [])
    now = 1.5
    assert b"\r\nDate: Thu, 01 Jan 1970 00:00:01 GMT\r\n" in heads.head(200, "ID", [])


def test_a_head_ends_in_an_empty_line_and_keeps_bytes_beyond_ascii() -> None:
    head = ResponseHeadWriter(lambda: 0).head(
        206, "ID", [("X", "ü\udcff")], "Connection: close\r\n"
    )
    assert head.startswith(b"HTTP/1.1 206 Partial Content\r\nx-amz-request-id: ID\r\n")
    assert head.endswith("X: ü".encode() + b"\xff\r\nConnection: close\r\n\r\n")


def test_an_unknown_status_is_sent_without_a_phrase() -> None:
    assert ResponseHeadWriter(lambda: 0).head(299, "ID", []).startswith(b"HTTP/1.1 299 \r\n")
