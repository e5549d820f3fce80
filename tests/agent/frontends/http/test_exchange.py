"""One request and the way of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from s3d.agent.frontends.http.exchange import ClientGone, Exchange
from s3d.agent.frontends.http.limits import DRAIN_SIZE
from s3d.agent.frontends.http.request_parser import RequestParser, error_of
from s3d.agent.s3.errors import S3Error


class Line:
    """A connection that remembers what was written."""

    def __init__(self) -> None:
        self.transport: Line | None = self
        self.is_last = False
        self.written = b""
        self.waits: list[bool] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def set_body_timeout(self, waiting: bool) -> None:
        self.waits.append(waiting)


@pytest.fixture
def line() -> Iterator[Line]:
    return Line()


async def begin(line: Line, *lines: str, body: bytes = b"", version: str = "1.1") -> Exchange:
    text = "\r\n".join([f"PUT /b/k HTTP/{version}", "Host: localhost", *lines, "", ""])
    parser = RequestParser(error_of, lambda: None)
    parser.feed(text.encode() + body)
    request = parser.next()
    assert request is not None
    return Exchange(line, request)  # type: ignore[arg-type]


async def test_pieces_are_counted_until_the_end(line: Line) -> None:
    exchange = await begin(line, "Content-Length: 5", body=b"hello")
    assert await exchange.read() == b"hello"
    assert await exchange.read() == b""
    assert (exchange.received, exchange.body.is_complete) == (5, True)


async def test_http_chunks_are_taken_off(line: Line) -> None:
    chunks = b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
    exchange = await begin(line, "Transfer-Encoding: chunked", body=chunks)
    found = b""
    while piece := await exchange.read():
        found += piece
    assert found == b"abc"


async def test_a_broken_body_raises_what_broke_it(line: Line) -> None:
    exchange = await begin(line, "Content-Length: 5", body=b"he")
    assert await exchange.read() == b"he"
    exchange.body.fail(S3Error("RequestTimeout"))
    with pytest.raises(S3Error, match="RequestTimeout"):
        await exchange.read()


async def test_the_client_is_invited_once_and_only_when_it_asked(line: Line) -> None:
    exchange = await begin(line, "Content-Length: 5", "Expect: 100-Continue")
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(exchange.read())
        await asyncio.sleep(0)
        assert line.written == b"HTTP/1.1 100 Continue\r\n\r\n"
        exchange.body.feed(b"hello")
        exchange.body.complete()
    assert reading.result() == b"hello"
    assert await exchange.read() == b""
    assert line.written.count(b"100 Continue") == 1


@pytest.mark.parametrize(
    ("lines", "version", "told", "keeps"),
    [
        ([], "1.1", "", True),
        (["Connection: close"], "1.1", "Connection: close\r\n", False),
        (["Content-Length: 5"], "1.1", "", True),
        ([f"Content-Length: {DRAIN_SIZE + 1}"], "1.1", "Connection: close\r\n", False),
        (["Content-Length: 5", "Expect: 100-continue"], "1.1", "Connection: close\r\n", False),
        (["Transfer-Encoding: chunked"], "1.1", "Connection: close\r\n", False),
        ([], "1.0", "Connection: close\r\n", False),
        (["Connection: keep-alive"], "1.0", "Connection: keep-alive\r\n", True),
    ],
)
async def test_whether_the_connection_outlives_the_answer(
    line: Line, lines: list[str], version: str, told: str, keeps: bool
) -> None:
    exchange = await begin(line, *lines, version=version)
    assert (exchange.decide_keep_alive(), exchange.keep_alive) == (told, keeps)


async def test_the_last_request_of_a_connection_says_so(line: Line) -> None:
    line.is_last = True
    assert (await begin(line)).decide_keep_alive() == "Connection: close\r\n"


async def test_what_is_no_http_is_never_kept(line: Line) -> None:
    exchange = await begin(line)
    exchange.request.error = S3Error("BadRequest")
    exchange = Exchange(line, exchange.request)  # type: ignore[arg-type]
    assert exchange.decide_keep_alive() == "Connection: close\r\n"


async def test_writing_to_a_client_that_has_gone_does_nothing(line: Line) -> None:
    exchange = await begin(line)
    line.transport = None
    exchange.write(b"x")
    assert (exchange.sent, line.written) == (0, b"")
    with pytest.raises(ClientGone):
        assert exchange.transport
