"""Connections: requests in turn, clients that are slow, rude or gone, bytes that are no HTTP."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from s3d.agent.core.store import Completed, ObjectStore, TerminalStore, operation
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response, StreamBody
from tests.agent.frontends.http.wire import PATIENCE, RunningEndpoint, Wire, opened, plain_head

SHORT = Limits(head=0.1, idle=0.3, body=0.1, write=0.2, write_pause=0.2, linger=0.2)


class Reading(TerminalStore):
    """PutObject reads its body and tells how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.error: BaseException | None = None

    @operation("PutObject")
    async def put_object(self, request: S3Request) -> S3Response:
        try:
            assert request.body is not None
            async for _ in request.body:
                self.begun.set()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.over.set()
        return S3Response({"ETag": '"e"'})

    @operation("GetObject")
    def get_object(self, request: S3Request) -> Completed:
        raise S3Error("NoSuchKey")


@pytest.fixture
async def hasty(store: ObjectStore) -> AsyncIterator[RunningEndpoint]:
    """An endpoint with short patience."""
    async with opened(store, SHORT) as endpoint:
        yield endpoint


# ---------------------------------------------------------------------- one after another


async def test_answers_come_in_the_order_of_pipelined_requests(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        for n in range(40):
            wire.send(endpoint.request("PUT", f"/bucket/p{n}", b"%d" % n))
            wire.send(endpoint.request("GET", f"/bucket/p{n}"))
        for n in range(40):
            assert (await wire.answer()).status == 200
            assert (await wire.answer()).body == b"%d" % n


async def test_answers_come_in_order_behind_a_request_whose_body_is_at_hand(
    endpoint: RunningEndpoint,
) -> None:
    deletion = endpoint.request("DELETE", "/bucket/none", b"nobody wants this")
    async with endpoint.wire() as wire:
        wire.send(deletion + endpoint.request("GET", "/bucket/k"))
        assert (await wire.answer()).status == 204
        assert (await wire.answer()).body == b"value"


async def test_many_pipelined_requests_at_once_are_all_answered(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        wire.send(endpoint.request("HEAD", "/bucket/k") * 800)
        statuses = {(await wire.answer("HEAD")).status for _ in range(800)}
    assert statuses == {200}


async def test_a_client_that_takes_no_answers_gets_no_more_of_them(
    endpoint: RunningEndpoint,
) -> None:
    large, many = b"x" * 60_000, 600
    assert (await endpoint.ask("PUT", "/bucket/large", large)).status == 200
    with socket.create_connection(endpoint.address) as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(
            sock, endpoint.request("GET", "/bucket/large") * many
        )
        for _ in range(3):
            assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"
        assert endpoint.server.counters_by_name()["requests.GetObject"] < many / 2
        wire = Wire(*await asyncio.open_connection(sock=sock.dup(), limit=1 << 20))
        for _ in range(many):
            assert (await wire.answer()).body == large
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).body == b"value"
        wire.writer.close()


async def test_a_client_that_never_takes_its_answer_is_cut_off(
    hasty: RunningEndpoint, store: ObjectStore
) -> None:
    for path, body in (("/bucket", b""), ("/bucket/large", b"x" * 60_000)):
        assert (await hasty.ask("PUT", path, body)).status == 200
    with socket.create_connection(hasty.address) as sock:
        sock.setblocking(False)
        request = hasty.request("GET", "/bucket/large")
        with pytest.raises(ConnectionError):
            await ask_for_ever(sock, request)


class Streaming(TerminalStore):
    """GetObject sends a stream that no buffer of a connection holds."""

    SIZE = 24 << 20

    def __init__(self) -> None:
        super().__init__()
        self.closed = asyncio.Event()

    @operation("GetObject")
    async def get_object(self, request: S3Request) -> S3Response:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                for _ in range(self.SIZE >> 20):
                    yield b"x" * (1 << 20)
            finally:
                self.closed.set()

        return S3Response({}, StreamBody(chunks(), self.SIZE))


async def test_what_was_taken_is_credit_for_a_pause() -> None:
    async with opened(Streaming(), Limits(write=0.1)) as endpoint, begun(endpoint) as sock:
        await asyncio.sleep(0.3)
        received = 0
        while received < Streaming.SIZE:
            data = await asyncio.get_running_loop().sock_recv(sock, 1 << 20)
            assert data, received
            received += len(data)


async def test_who_takes_less_than_the_rate_is_cut_off() -> None:
    store, limits = Streaming(), Limits(write=0.1, write_rate=1e9)
    async with opened(store, limits) as endpoint, begun(endpoint):
        async with asyncio.timeout(PATIENCE):
            await store.closed.wait()


@asynccontextmanager
async def begun(endpoint: RunningEndpoint) -> AsyncIterator[socket.socket]:
    """A connection on which the response has begun to come."""
    with socket.create_connection(endpoint.address) as sock:
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, endpoint.request("GET", "/bucket/k"))
        assert (await loop.sock_recv(sock, 8)).startswith(b"HTTP")
        yield sock


async def ask_for_ever(sock: socket.socket, request: bytes) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(sock, request)


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
async def test_a_connection_is_usable_after_an_error(
    endpoint: RunningEndpoint, method: str
) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(endpoint.request(method, "/none/k"), method)
        assert answer.status == 404
        assert "connection" not in answer.headers
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).body == b"value"


async def test_a_request_byte_by_byte_is_served(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        for byte in endpoint.request("PUT", "/bucket/slow", b"body"):
            wire.send(bytes([byte]))
            await wire.writer.drain()
            await asyncio.sleep(0)
        assert (await wire.answer()).status == 200


async def test_connection_close_is_obeyed(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(endpoint.request("GET", "/bucket/k", connection="close"))
        assert answer.headers["connection"] == "close"
        assert await wire.ended()


async def test_a_half_closed_client_gets_the_answers_to_what_it_sent(
    endpoint: RunningEndpoint,
) -> None:
    async with endpoint.wire() as wire:
        wire.send(
            endpoint.request("PUT", "/bucket/half", b"x"), endpoint.request("GET", "/bucket/k")
        )
        wire.writer.write_eof()
        assert (await wire.answer()).status == 200
        assert (await wire.answer()).body == b"value"
        assert await wire.ended()


async def test_an_upgrade_is_not_made(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        request = endpoint.request("GET", "/bucket/k", connection="Upgrade", upgrade="websocket")
        answer = await wire.ask(request)
        assert (answer.status, answer.headers["connection"]) == (200, "close")


# ---------------------------------------------------------------------- bodies nobody wants


async def test_a_small_unread_body_is_dropped_and_the_connection_kept(
    endpoint: RunningEndpoint,
) -> None:
    async with endpoint.wire() as wire:
        wire.send(endpoint.head("PUT", "/none/k", content_length="100000"))
        answer = await wire.answer()
        assert (answer.status, "connection" in answer.headers) == (404, False)
        wire.send(b"x" * 100000, endpoint.request("GET", "/bucket/k"))
        assert (await wire.answer()).body == b"value"


async def test_a_client_sees_the_answer_before_it_has_sent_a_large_body(
    endpoint: RunningEndpoint,
) -> None:
    async with endpoint.wire() as wire:
        head = plain_head("PUT", "/bucket/k", {"Host": endpoint.host, "Content-Length": "20000000"})
        wire.send(head, b"x" * 20_000_000)
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert await wire.ended()


async def test_a_client_that_goes_on_sending_is_cut_off(hasty: RunningEndpoint) -> None:
    async with hasty.wire() as wire:
        wire.send(
            plain_head("PUT", "/bucket/k", {"Host": hasty.host, "Content-Length": "999999999"})
        )
        assert (await wire.answer()).status == 403
        with pytest.raises(ConnectionError):
            await send_for_ever(wire)


async def send_for_ever(wire: Wire) -> None:
    while True:
        wire.send(b"x" * 100_000)
        await wire.writer.drain()


# ---------------------------------------------------------------------- 100 Continue


async def test_a_body_is_invited_once_it_is_wanted(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        head = endpoint.head("PUT", "/bucket/e", b"body", expect="100-continue")
        wire.send(head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await wire.ask(b"body")).status == 200
        assert (await wire.ask(endpoint.request("GET", "/bucket/e"))).body == b"body"


@pytest.mark.parametrize(
    ("path", "secret"), [("/bucket/k", "wrong"), ("/none/k", ""), ("/bucket/bad%zz", "")]
)
async def test_a_refused_body_is_not_invited(
    endpoint: RunningEndpoint, path: str, secret: str
) -> None:
    head = endpoint.head("PUT", path, b"body", expect="100-continue")
    if secret:
        head = head.replace(b"Signature=", b"Signature=0")
    async with endpoint.wire() as wire:
        answer = await wire.ask(head)
        assert answer.status >= 400
        assert answer.informed == []
        assert answer.headers["connection"] == "close"


async def test_a_body_that_came_unasked_needs_no_invitation(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        request = endpoint.request("PUT", "/bucket/e", b"body", expect="100-continue")
        answer = await wire.ask(request)
        assert (answer.status, answer.informed) == (200, [])


# ---------------------------------------------------------------------- time


async def test_a_half_sent_head_is_cut_off(hasty: RunningEndpoint) -> None:
    async with hasty.wire() as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: ")
        assert await wire.ended()


async def test_a_half_sent_second_head_is_cut_off(hasty: RunningEndpoint) -> None:
    async with hasty.wire() as wire:
        wire.send(hasty.request("GET", "/") + b"GET / HT")
        await wire.answer()
        assert await wire.ended()


async def test_a_connection_without_a_request_is_cut_off(hasty: RunningEndpoint) -> None:
    async with hasty.wire() as wire:
        assert await wire.ended()


async def test_an_idle_connection_is_closed(hasty: RunningEndpoint) -> None:
    async with hasty.wire() as wire:
        await wire.ask(hasty.request("GET", "/"))
        assert await wire.ended()


async def test_a_body_that_does_not_come_is_a_request_timeout() -> None:
    store = Reading()
    async with opened(store, SHORT) as endpoint, endpoint.wire() as wire:
        wire.send(endpoint.head("PUT", "/bucket/k", payload="UNSIGNED-PAYLOAD", content_length="9"))
        wire.send(b"some")
        answer = await wire.answer()
        assert (answer.status, answer.code) == (400, "RequestTimeout")
        assert await wire.ended()
    assert isinstance(store.error, S3Error)


async def test_a_body_that_comes_a_byte_at_a_time_is_a_request_timeout() -> None:
    store = Reading()
    slow = Limits(body=1.0, body_rate=1e9)
    async with opened(store, slow) as endpoint, endpoint.wire() as wire:
        length = str(1 << 20)
        head = endpoint.head("PUT", "/bucket/k", payload="UNSIGNED-PAYLOAD", content_length=length)
        wire.send(head)

        async def drip() -> None:
            while True:
                wire.send(b"x")
                await asyncio.sleep(0.05)

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            dripping = group.create_task(drip())
            answer = await wire.answer()
            dripping.cancel()
        assert (answer.status, answer.code) == (400, "RequestTimeout")
    assert isinstance(store.error, S3Error)


# ---------------------------------------------------------------------- clients that leave


async def test_a_client_that_vanishes_ends_the_reading_of_its_body() -> None:
    store = Reading()
    async with opened(store) as endpoint:
        async with endpoint.wire() as wire:
            head = endpoint.head("PUT", "/bucket/k", payload="UNSIGNED-PAYLOAD", content_length="9")
            wire.send(head, b"some")
            await store.begun.wait()
        async with asyncio.timeout(5):
            await store.over.wait()
        assert isinstance(store.error, S3Error)
        assert store.error.code == "IncompleteBody"
        await endpoint.server.stop(5)
        assert endpoint.server.counters_by_name()["connections"] == 0


# ---------------------------------------------------------------------- what is no HTTP

NO_HTTP = [
    b"garbage\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/0.9\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/0.9\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello",
    b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
    b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: \xd9\xa5\r\n\r\nhello",
    b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
    b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("data", NO_HTTP)
async def test_what_is_no_http_is_answered_as_s3_does(
    endpoint: RunningEndpoint, data: bytes
) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(data)
        assert (answer.status, answer.code) == (400, "BadRequest")
        assert answer.headers["content-type"] == "application/xml"
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
        b"PUT /b/k HTTP/9.9\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_a_newer_version_of_http_is_refused(endpoint: RunningEndpoint, data: bytes) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-15.6.6"""
    async with endpoint.wire() as wire:
        answer = await wire.ask(data)
        assert (answer.status, answer.code) == (505, "HttpVersionNotSupported")
        assert answer.headers["connection"] == "close"
        assert data[:20] not in answer.body
        assert await wire.ended()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"x" * 20_000),
        b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 20_000),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 4000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 4000,
    ],
)
async def test_a_head_without_measure_is_told_so(endpoint: RunningEndpoint, head: bytes) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(head)
        assert (answer.status, answer.code) == (400, "RequestHeaderSectionTooLarge")


async def test_an_endless_head_in_small_pieces_is_told_so(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        wire.send(b"GET / HTTP/1.1\r\n")
        for _ in range(100):
            wire.send(b"X: " + b"y" * 1000 + b"\r\n")
            await wire.writer.drain()
        assert (await wire.answer()).code == "RequestHeaderSectionTooLarge"


async def test_floods_of_garbage_are_one_log_line_without_a_traceback(
    endpoint: RunningEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        async with endpoint.wire() as wire:
            await wire.ask(b"garbage\r\n\r\n")
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
    assert caplog.records[0].levelno == logging.WARNING
    assert "garbage" not in caplog.text


async def test_garbage_after_a_request_is_answered_after_it(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        assert (await wire.ask(endpoint.request("PUT", "/bucket/g", b"x"))).status == 200
        assert (await wire.ask(b"\x00\x01garbage\r\n\r\n")).code == "BadRequest"
        assert await wire.ended()


async def test_a_broken_transfer_coding_stores_nothing(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        head = endpoint.head(
            "PUT",
            "/bucket/k?tagging",
            payload="UNSIGNED-PAYLOAD",
            content_length="\x00",
            transfer_encoding="chunked",
        )
        answer = await wire.ask(head + b"5\r\nhello\r\nxyz\r\n")
        assert answer.status == 400
        assert await wire.ended()


async def test_a_smuggled_request_behind_two_lengths_is_not_answered(
    endpoint: RunningEndpoint,
) -> None:
    async with endpoint.wire() as wire:
        head = endpoint.head("PUT", "/bucket/k", b"hello", transfer_encoding="chunked")
        wire.send(head + b"0\r\n\r\n" + endpoint.request("GET", "/bucket/k"))
        assert (await wire.answer()).status == 400
        assert await wire.ended()


# ---------------------------------------------------------------------- HTTP/1.0


async def test_http_1_0_closes_unless_asked_not_to(endpoint: RunningEndpoint) -> None:
    old = endpoint.request("GET", "/bucket/k").replace(b"HTTP/1.1", b"HTTP/1.0")
    async with endpoint.wire() as wire:
        assert (await wire.ask(old)).headers["connection"] == "close"
        assert await wire.ended()
    old = endpoint.request("GET", "/bucket/k", connection="keep-alive").replace(b"/1.1", b"/1.0")
    async with endpoint.wire() as wire:
        assert (await wire.ask(old)).headers["connection"] == "keep-alive"
        assert (await wire.ask(old)).body == b"value"
