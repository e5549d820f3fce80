"""Answers: whole, streamed, forwarded, broken off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from s3d.agent.core.store import Completed, TerminalStore, operation
from s3d.agent.frontends.http.response_writer import ResponseHeadWriter, as_chunk
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response, StreamBody, WireResponse
from tests.agent.frontends.http.wire import RunningEndpoint, opened


class Prepared(TerminalStore):
    """GetObject answers what a test has prepared."""

    def __init__(self, response: S3Response[Any]) -> None:
        super().__init__()
        self.response = response

    @operation("GetObject", "HeadObject")
    def get_object(self, request: S3Request) -> Completed:
        return Completed(self.response)


async def pieces(*found: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in found:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def stream(*found: bytes | Exception, size: int | None = None) -> S3Response[Any]:
    return S3Response({"ContentType": "a/b"}, StreamBody(pieces(*found), size))


async def test_a_head_answer_has_the_length_of_the_object_and_no_body(
    endpoint: RunningEndpoint,
) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(endpoint.request("HEAD", "/bucket/k"), "HEAD")
        assert (answer.status, answer.headers["content-length"]) == (200, "5")
        answer = await wire.ask(endpoint.request("HEAD", "/bucket/none"), "HEAD")
        assert answer.status == 404
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).body == b"value"


async def test_no_body_comes_with_204_and_304(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        etag = (await wire.ask(endpoint.request("HEAD", "/bucket/k"), "HEAD")).headers["etag"]
        answer = await wire.ask(endpoint.request("GET", "/bucket/k", if_none_match=etag))
        assert (answer.status, answer.headers["etag"]) == (304, etag)
        assert "content-length" not in answer.headers
        answer = await wire.ask(endpoint.request("DELETE", "/bucket/none"))
        assert answer.status == 204
        assert "content-length" not in answer.headers
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).body == b"value"


@pytest.mark.parametrize("size", [100, 200_000, 3_000_000])
async def test_a_range_is_206_with_its_bytes(endpoint: RunningEndpoint, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    await endpoint.ask("PUT", "/bucket/r", data)
    answer = await endpoint.ask("GET", "/bucket/r", range=f"bytes=7-{size}")
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes 7-{size}/{len(data)}"
    assert answer.body == data[7 : size + 1]
    answer = await endpoint.ask("GET", "/bucket/r", range=f"bytes={len(data)}-")
    assert (answer.status, answer.code) == (416, "InvalidRange")
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("size", [0, 1, 4096, 64 * 1024, 64 * 1024 + 1, 300_000, 5_000_000])
async def test_an_object_of_any_size_comes_back(endpoint: RunningEndpoint, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"e" * (size % 256)
    async with endpoint.wire() as wire:
        put = await wire.ask(endpoint.request("PUT", "/bucket/s", data))
        answer = await wire.ask(endpoint.request("GET", "/bucket/s"))
        assert answer.body == data
        assert answer.headers["content-length"] == str(size)
        assert answer.headers["etag"] == put.headers["etag"]


async def test_a_stream_of_known_size_has_a_length() -> None:
    store = Prepared(stream(b"ab", b"cd", size=4))
    async with opened(store) as endpoint:
        answer = await endpoint.ask("GET", "/bucket/k")
    assert (answer.body, answer.headers["content-length"]) == (b"abcd", "4")


async def test_a_stream_of_unknown_size_comes_in_chunks() -> None:
    store = Prepared(stream(b"ab", b"cd"))
    async with opened(store) as endpoint, endpoint.wire() as wire:
        answer = await wire.ask(endpoint.request("GET", "/bucket/k"))
        assert (answer.body, answer.headers["transfer-encoding"]) == (b"abcd", "chunked")
        assert "content-length" not in answer.headers
        store.response = stream()
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).body == b""


async def test_a_stream_of_unknown_size_ends_with_the_connection_in_http_1_0() -> None:
    store = Prepared(stream(b"ab", b"cd"))
    async with opened(store) as endpoint, endpoint.wire() as wire:
        request = endpoint.request("GET", "/bucket/k", connection="keep-alive")
        answer = await wire.ask(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (answer.body, answer.headers["connection"]) == (b"abcd", "close")


async def test_a_stream_that_fails_before_its_first_byte_is_an_error_document() -> None:
    async with opened(Prepared(stream(S3Error("SlowDown"), size=4))) as endpoint:
        answer = await endpoint.ask("GET", "/bucket/k")
    assert (answer.status, answer.code) == (503, "SlowDown")


@pytest.mark.parametrize("error", [S3Error("SlowDown"), RuntimeError("a bug")])
@pytest.mark.parametrize("size", [4, None])
async def test_a_stream_that_fails_midway_is_broken_off(
    error: Exception, size: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        opened(Prepared(stream(b"ab", error, size=size))) as endpoint,
        endpoint.wire() as wire,
    ):
        wire.send(endpoint.request("GET", "/bucket/k"))
        with pytest.raises((EOFError, ConnectionError, ValueError)):
            await wire.answer()
    assert len(caplog.records) == 1


async def test_a_stream_that_is_too_short_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Prepared(stream(b"ab", size=4))) as endpoint, endpoint.wire() as wire:
        wire.send(endpoint.request("GET", "/bucket/k"))
        with pytest.raises((EOFError, ConnectionError)):
            await wire.answer()
    assert len(caplog.records) == 1


async def test_a_forwarded_answer_keeps_its_headers_but_those_of_the_way() -> None:
    headers = (
        ("ETag", '"remote"'),
        ("X-Remote", "1"),
        ("Connection", "close"),
        ("Date", "then"),
        ("Server", "remote"),
        ("Transfer-Encoding", "chunked"),
        ("x-amz-request-id", "remote"),
    )
    response = S3Response({}, BytesBody(b"abc"), wire=WireResponse(203, headers))
    async with opened(Prepared(response)) as endpoint:
        answer = await endpoint.ask("GET", "/bucket/k")
    assert (answer.status, answer.body, answer.headers["x-remote"]) == (203, b"abc", "1")
    assert answer.headers["server"] == "s3d"
    assert answer.headers["content-length"] == "3"
    assert answer.headers["x-amz-request-id"] != "remote"
    assert "connection" not in answer.headers


@pytest.mark.finding("user-2")
async def test_what_a_remote_says_about_its_own_origin_is_not_forwarded() -> None:
    headers = (
        ("X-Content-Type-Options", "remote"),
        ("Content-Security-Policy", "remote"),
        ("Cross-Origin-Resource-Policy", "remote"),
        ("Strict-Transport-Security", "remote"),
        ("Alt-Svc", "remote"),
    )
    response = S3Response({}, BytesBody(b"abc"), wire=WireResponse(200, headers))
    async with opened(Prepared(response)) as endpoint:
        answer = await endpoint.ask("GET", "/bucket/k")
    assert "remote" not in answer.headers.values()
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_forwarded_head_answer_keeps_the_length_of_the_object() -> None:
    headers = (("Content-Length", "1234"),)
    response = S3Response({}, wire=WireResponse(200, headers))
    async with opened(Prepared(response)) as endpoint, endpoint.wire() as wire:
        answer = await wire.ask(endpoint.request("HEAD", "/bucket/k"), "HEAD")
        assert answer.headers["content-length"] == "1234"


async def test_status_and_further_headers_of_a_response_are_sent() -> None:
    response = S3Response({}, BytesBody(b"x"), status=206, headers={"x-s3d-stale": "1"})
    async with opened(Prepared(response)) as endpoint:
        answer = await endpoint.ask("GET", "/bucket/k")
    assert (answer.status, answer.headers["x-s3d-stale"]) == (206, "1")


def test_the_last_chunk_is_empty() -> None:
    assert as_chunk(b"a" * 17) == b"11\r\n" + b"a" * 17 + b"\r\n"
    assert as_chunk(b"") == b"0\r\n\r\n"


async def test_a_hot_answer_is_the_first_one_again(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        for method in ("GET", "HEAD"):
            first, *others = [
                await wire.ask(endpoint.request(method, "/bucket/k"), method) for _ in range(3)
            ]
            for answer in others:
                assert answer.headers.keys() == first.headers.keys()
                told = {name for name, value in first.headers.items()}
                changed = {n for n in told if answer.headers[n] != first.headers[n]}
                assert changed <= {"date", "x-amz-request-id"}
                assert answer.body == first.body
        assert (await wire.ask(endpoint.request("PUT", "/bucket/k", b"newer value"))).status == 200
        answer = await wire.ask(endpoint.request("GET", "/bucket/k"))
        assert (answer.body, answer.headers["content-length"]) == (b"newer value", "11")


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
