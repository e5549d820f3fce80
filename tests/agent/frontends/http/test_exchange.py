"""One request and the way of its answer, and what is counted of it."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.histogram_bounds import REQUEST
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.http.exchange import (
    MAX_DURATIONS,
    ClientGone,
    EndpointCounters,
    Exchange,
)
from s3d.agent.frontends.http.limits import DRAIN_SIZE
from s3d.agent.frontends.http.request_parser import RequestParser, error_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.trace_context import TraceContext


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


# What is counted


def finished(operation: str, status: int, *, is_aborted: bool = False) -> Any:
    values = {"operation": operation, "status": status, "is_aborted": is_aborted}
    return SimpleNamespace(**values, received=3, sent=5, started=0.0, span=None)


def test_counts_by_operation_and_status() -> None:
    registry = Registry()
    numbers = EndpointCounters(registry)
    for operation, status in (("GetObject", 200), ("GetObject", 404), ("", 403)):
        numbers.count(finished(operation, status), 0.25)
    numbers.count(finished("GetObject", 200, is_aborted=True), 0.25)
    assert numbers.as_dict() == {
        "requests": 4,
        "errors": 2,
        "aborted": 1,
        "received": 12,
        "sent": 20,
        "requests.GetObject": 3,
        "requests.refused": 1,
        "errors.404": 1,
        "errors.403": 1,
    }
    assert registry.values(metric_table.HTTP_REQUESTS) == {
        ("", "403"): 1,
        ("GetObject", "200"): 1,
        ("GetObject", "404"): 1,
        ("GetObject", "aborted"): 1,
    }
    assert registry.histogram(metric_table.HTTP_DURATION, "GetObject").sum == 0.75


def test_many_requests_between_two_readings_are_all_counted() -> None:
    registry = Registry()
    counters = EndpointCounters(registry)
    number = 2 * MAX_DURATIONS + 3
    for _ in range(number):
        counters.count(finished("GetObject", 200), 0.25)
    for _ in range(2):  # a second reading adds nothing
        assert registry.values(metric_table.HTTP_REQUESTS) == {("GetObject", "200"): number}
        assert registry.values(metric_table.HTTP_DURATION) == {("GetObject",): number}
        assert registry.values(metric_table.HTTP_SENT) == {("GetObject",): 5 * number}
        assert registry.values(metric_table.HTTP_RECEIVED) == {("GetObject",): 3 * number}


def test_outcomes_of_one_operation_that_alternate_are_counted_apart() -> None:
    registry = Registry()
    counters = EndpointCounters(registry)
    for number in range(1, 13):
        counters.count(finished("GetObject", 200), 0.25)
        counters.count(finished("GetObject", 200, is_aborted=True), 0.25)
        counters.count(finished("GetObject", 404), 0.25)
        counters.count(finished("HeadObject", 404), 0.25)
        if number % 4 == 0:  # somebody reads in between
            assert set(registry.values(metric_table.HTTP_REQUESTS).values()) == {number}
    assert registry.values(metric_table.HTTP_SENT) == {("GetObject",): 180, ("HeadObject",): 60}


def test_the_latency_of_a_recorded_request_names_its_trace() -> None:
    registry = Registry()
    recorded = finished("GetObject", 200)
    recorded.span = SimpleNamespace(context=TraceContext("ab" * 16, "cd" * 8))
    EndpointCounters(registry).count(recorded, 0.25)
    exemplars = registry.histogram(metric_table.HTTP_DURATION, "GetObject").exemplars
    assert [each.span for each in exemplars.values()] == [recorded.span.context]


@pytest.mark.parametrize(
    "seconds", [0.0, 1e-6, 17e-6, 127e-6, 129e-6, 0.00123, 0.25, 66.0, 68.0, 1e5]
)
def test_the_bucket_of_a_latency_is_that_of_its_bounds(seconds: float) -> None:
    registry = Registry()
    EndpointCounters(registry).count(finished("GetObject", 200), seconds)
    counts = registry.bucket_counts(metric_table.HTTP_DURATION)
    assert counts.index(1) == bisect_left(REQUEST.edges, seconds)
