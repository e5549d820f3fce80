"""Requests out of bytes, in any slices, with limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.frontends.http.limits import HEAD_SIZE, PIPELINE
from s3d.agent.frontends.http.request_parser import HttpRequest, RequestParser, error_of

HOST = b"Host: localhost\r\n"
GET = b"GET /b/k?x HTTP/1.1\r\n" + HOST + b"\r\n"
MANY = b"".join(b"X-%d: y\r\n" % number for number in range(256))
PUT = b"PUT /b/k HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /b/k HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n"
)


def new_parser() -> RequestParser:
    return RequestParser(error_of, lambda: None)


def parsed(data: bytes) -> RequestParser:
    parser = new_parser()
    parser.feed(data)
    return parser


def taken(parser: RequestParser) -> Iterator[HttpRequest]:
    while (request := parser.next()) is not None:
        yield request


def test_a_head_is_taken_apart() -> None:
    data = b"PUT /b/%C3%A4?q=1 HTTP/1.1\r\nHOST: h\r\nX-A: 1 \r\nx-a:  \xc3\xa4\xff\r\n\r\n"
    (request,) = taken(parsed(data))
    assert (request.method, request.target) == ("PUT", "/b/%C3%A4?q=1")
    assert request.headers == (("host", "h"), ("x-a", "1"), ("x-a", "ä\udcff"))
    assert request.by_name == {"host": "h", "x-a": "1,ä\udcff"}
    assert (request.is_http_1_0, request.wants_keep_alive, request.error) == (False, True, None)
    assert request.body.is_complete


@given(st.lists(st.sampled_from([GET, PUT, CHUNKED]), max_size=6), st.data())
def test_slices_do_not_matter(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parser = new_parser()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        parser.feed(stream[start:end])
    found = list(taken(parser))
    assert [request.method for request in found] == [data[:3].decode() for data in requests]
    bodies = [request.body.read_now() for request in found]
    assert bodies == [b"" if data is GET else b"hello" for data in requests]
    assert all("x-trailer" not in request.by_name for request in found)
    assert parser.head_bytes == 0


def test_few_requests_are_read_ahead_and_none_is_lost() -> None:
    parser = parsed(GET * 1000)
    assert len(parser._requests) == PIPELINE
    assert parser.is_full
    assert len(list(taken(parser))) == 1000
    assert not parser.is_full


def test_requests_behind_a_chunked_body_are_read_ahead_in_small_numbers() -> None:
    parser = parsed(CHUNKED + GET * 100_000)
    assert len(parser._requests) < 1000


def test_what_arrives_while_the_queue_is_full_comes_after_it() -> None:
    parser = parsed(GET * 20)
    parser.feed(PUT)
    assert [request.method for request in taken(parser)] == ["GET"] * 20 + ["PUT"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"nonsense\r\n\r\n", "BadRequest"),
        (b"GET / HTTP/1.1\r\n\r\n", "BadRequest"),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", "BadRequest"),
        (b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n", "InvalidURI"),
        (
            b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 257 + b"\r\n",
            "RequestHeaderSectionTooLarge",
        ),
        (b"GET / HTTP/1.1\r\n" + HOST + MANY + b"\r\n", "RequestHeaderSectionTooLarge"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 8 * HEAD_SIZE, "RequestHeaderSectionTooLarge"),
        (b"GET /" + b"y" * 8 * HEAD_SIZE, "RequestHeaderSectionTooLarge"),
    ],
)
def test_what_is_no_request_is_an_error_behind_those_before_it(data: bytes, code: str) -> None:
    parser = parsed(GET + data)
    parser.feed(GET if data.endswith(b"\n") else b"y")
    first, second = taken(parser)
    assert first.error is None
    assert second.error is not None
    assert second.error.code == code
    assert parser.is_closed


@pytest.mark.parametrize(
    "rest",
    [
        b"xyz\r\n",
        b"0\r\nX: " + b"y" * 8 * HEAD_SIZE,
        b"1;" + b"y" * 8 * HEAD_SIZE,
    ],
)
def test_a_broken_coding_ends_the_body_with_an_error(rest: bytes) -> None:
    data = CHUNKED[: CHUNKED.index(b"0\r\nX-")] + rest
    (request,) = taken(parsed(data))
    assert request.error is None
    assert request.body.error is not None
    assert not request.body.is_complete


def test_head_size_is_that_of_target_and_headers() -> None:
    (request,) = taken(parsed(GET))
    assert request.head_size == len("/b/k?x") + len(HOST)


def test_an_upgrade_ends_the_parsing() -> None:
    head = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    parser = parsed(head + b"\x00binary")
    (request,) = taken(parser)
    assert (request.wants_keep_alive, request.error) == (False, None)
    assert parser.is_closed
