"""The server: its life, its caps, its counters."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Mapping

import pytest

from s3d.agent.core.metric_table import HTTP_DURATION
from s3d.agent.core.store import TerminalStore, operation
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3.access_log_record import AccessRecord
from s3d.agent.s3.messages import NO_TRAILERS, BytesBody, S3Request, S3Response
from tests.agent.frontends.http.wire import RunningEndpoint, opened, plain_head

IN_HEAD = ("x-amz-request-id", "x-amz-id-2", "date")
SECURITY = {
    "server": "s3d",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
    "cross-origin-resource-policy": "same-origin",
}


class Slow(TerminalStore):
    """HeadBucket answers when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    @operation("HeadBucket")
    async def head_bucket(self, request: S3Request) -> S3Response:
        self.asked.set()
        await self.go.wait()
        return S3Response({})


class Halves:
    """A body whose second half comes when it is told to."""

    size = 8
    trailers: Mapping[str, str] = NO_TRAILERS

    def __init__(self, go: asyncio.Event) -> None:
        self._go = go

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"half"
        await self._go.wait()
        yield b"half"

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/bucket/k", 200),
        ("GET", "/bucket/none", 404),
        ("GET", "/none/k", 404),
        ("DELETE", "/bucket/k", 204),
        ("PATCH", "/bucket/k", 405),
        ("GET", "/bucket/bad%zz", 400),
    ],
)
async def test_every_answer_has_ids_date_and_security_headers(
    endpoint: RunningEndpoint, method: str, path: str, status: int
) -> None:
    answer = await endpoint.ask(method, path)
    assert answer.status == status
    assert all(answer.headers[name] for name in IN_HEAD)
    assert SECURITY.items() <= answer.headers.items()


async def test_request_ids_differ(endpoint: RunningEndpoint) -> None:
    ids = [(await endpoint.ask("HEAD", "/bucket/k")).headers["x-amz-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3


async def test_stop_lets_the_request_in_hand_end() -> None:
    store = Slow()
    async with opened(store) as endpoint, endpoint.wire() as wire, endpoint.wire() as idle:
        wire.send(endpoint.request("HEAD", "/bucket"))
        await store.asked.wait()
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(endpoint.server.stop(grace=10))
            assert await idle.ended()
            store.go.set()
            answer = await wire.answer("HEAD")
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await wire.ended()
        assert stopping.done()


async def test_stop_lets_the_upload_in_hand_end(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        wire.send(endpoint.head("PUT", "/bucket/up", b"whole", expect="100-continue"))
        await wire.reader.readuntil(b"\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(endpoint.server.stop(grace=10))
            wire.send(b"wh")
            await asyncio.sleep(0)
            wire.send(b"ole", endpoint.request("DELETE", "/bucket/k"))
            answer = await wire.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await wire.ended()
        assert stopping.done()


async def test_stop_does_not_wait_for_a_client_whose_answer_had_begun() -> None:
    class Downloads(TerminalStore):
        def __init__(self) -> None:
            super().__init__()
            self.go = asyncio.Event()

        @operation("GetObject")
        async def get_object(self, request: S3Request) -> S3Response:
            return S3Response({}, Halves(self.go))

    store = Downloads()
    async with opened(store) as endpoint, endpoint.wire() as wire:
        wire.send(endpoint.request("GET", "/bucket/k"))
        head = await wire.reader.readuntil(b"\r\n\r\nhalf")
        assert b"Connection: close" not in head
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(endpoint.server.stop(grace=60))
            await asyncio.sleep(0)
            store.go.set()
            assert await wire.reader.read() == b"half"


async def test_stop_cuts_a_request_that_outlives_the_grace() -> None:
    store = Slow()
    async with opened(store) as endpoint, endpoint.wire() as wire:
        wire.send(endpoint.request("HEAD", "/bucket"))
        await store.asked.wait()
        await endpoint.server.stop(grace=0)
        assert await wire.ended()
    counted = endpoint.server.counters_by_name()
    assert (counted["requests"], counted["aborted"], counted["errors"]) == (1, 1, 0)


async def test_one_connection_too_many_is_told_to_slow_down(store: TerminalStore) -> None:
    async with opened(store, Limits(connections=1)) as endpoint, endpoint.wire() as first:
        assert (await first.ask(endpoint.request("GET", "/"))).status == 200
        async with endpoint.wire() as second:
            answer = await second.ask(endpoint.request("GET", "/"))
            assert (answer.status, answer.code) == (503, "SlowDown")
            assert answer.headers["retry-after"]
            assert await second.ended()
        assert (await first.ask(endpoint.request("GET", "/"))).status == 200


async def test_numbers_count_requests_errors_and_bytes(endpoint: RunningEndpoint) -> None:
    before = endpoint.server.counters_by_name()
    await endpoint.ask("GET", "/bucket/k")
    await endpoint.ask("GET", "/bucket/none")
    await endpoint.ask("PUT", "/bucket/n", b"12345")
    after = endpoint.server.counters_by_name()

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert (grown("requests"), grown("requests.GetObject")) == (3, 2)
    assert (grown("errors"), grown("errors.404")) == (1, 1)
    assert grown("received") == 5
    assert grown("sent") > 5


async def test_an_exception_in_the_store_is_one_log_line_and_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(TerminalStore):
        @operation("GetObject")
        def get_object(self, request: S3Request) -> S3Response:
            raise RuntimeError("a bug")

        @operation("HeadObject")
        async def head_object(self, request: S3Request) -> S3Response:
            raise RuntimeError("a bug")

    async with opened(Broken()) as endpoint, endpoint.wire() as wire:
        answer = await wire.ask(endpoint.request("GET", "/bucket/k"))
        assert (answer.status, answer.code) == (500, "InternalError")
        assert b"a bug" not in answer.body
        assert (await wire.ask(endpoint.request("HEAD", "/bucket/k"), "HEAD")).status == 500
    assert [r.levelno for r in caplog.records] == [logging.ERROR] * 2


async def test_a_port_in_use_is_an_os_error(store: TerminalStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = S3Server(store, keys=None)
        with pytest.raises(OSError, match="in use"):
            await server.start("127.0.0.1", other.getsockname()[1])
        await server.stop(0)


async def test_localhost_is_both_loopback_addresses_when_the_machine_has_them() -> None:
    class Empty(TerminalStore):
        @operation("ListBuckets")
        async def list_buckets(self, request: S3Request) -> S3Response:
            return S3Response({}, BytesBody(b""))

    server = S3Server(Empty(), keys=None)
    host, port = await server.start("localhost", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    finally:
        await server.stop(0)
    assert host == "localhost"


def test_a_request_of_less_than_a_millisecond_has_its_own_time():
    """The clock of uvloop's loop counts whole milliseconds."""
    uvloop = pytest.importorskip("uvloop")
    registry = Registry()

    async def requests() -> None:
        server = S3Server(TerminalStore(), keys=None, registry=registry)
        _, port = await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(20):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
        writer.close()
        await server.stop(1.0)

    uvloop.run(requests())
    (family,) = (each for each in registry.collect() if each.metric is HTTP_DURATION)
    (durations,) = (point.value for point in family.points)
    milliseconds = durations.sum * 1000
    assert durations.observations == 20
    assert abs(milliseconds - round(milliseconds)) > 1e-6


async def test_a_request_in_hand_ends_without_a_record_and_the_next_has_one(endpoint):
    records: list[AccessRecord] = []
    whole = endpoint.request("PUT", "/bucket/k", b"x" * 100)
    async with endpoint.wire() as wire:
        wire.send(whole[:-50])
        while not endpoint.server.counters_by_name()["uploads"]:
            async with endpoint.wire() as other:  # a round trip lets the loop work
                await other.ask(plain_head("GET", "/", {"host": endpoint.host}))
        endpoint.server.log_buckets(records.append)
        assert (await wire.ask(whole[-50:], "PUT")).status == 200
        assert [record for record in records if record.bucket] == []
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).status == 200
    (record,) = [record for record in records if record.bucket]
    assert (record.operation, record.bucket, record.key) == ("REST.GET.OBJECT", "bucket", "k")
    assert record.bytes_sent == 100
