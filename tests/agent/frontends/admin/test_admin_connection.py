import asyncio
import socket
from contextlib import ExitStack

import pytest
from aiohttp import web

from s3d.agent.frontends.admin.admin_connection import (
    MAX_CONNECTIONS,
    MAX_REQUEST,
    AdminConnections,
)
from tests.agent.frontends.admin.conftest import Wire, answer_of, read_to_end

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def serve():
    """Start a server of connections; (the server, a client)."""
    runners = []

    async def start(respond, **limits):
        server = AdminConnections(respond, **limits)
        runners.append(runner := web.ServerRunner(server, shutdown_timeout=0.1))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return server, Wire(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


async def hello(request):
    return web.Response(text="hello")


async def test_a_connection_carries_one_request(serve):
    server, wire = await serve(hello)
    data = await wire.raw(GET + GET)
    assert data.count(b"HTTP/1.1 200") == 1
    assert answer_of(data).headers["connection"] == "close"
    assert len(server) == 0


@pytest.mark.parametrize(
    "start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: y", b"\r\n"]
)
async def test_a_client_that_sends_no_whole_request_is_dropped(serve, start):
    server, wire = await serve(hello, lifetime=0.1)
    assert await wire.raw(start) == b""
    assert len(server) == 0


async def test_a_client_that_does_not_read_is_dropped(serve):
    async def huge(request):
        return web.Response(body=bytes(64 << 20))

    server, wire = await serve(huge, lifetime=0.3)
    lost, connection_lost = asyncio.Event(), server.connection_lost

    def note_lost(*arguments):
        connection_lost(*arguments)
        lost.set()

    server.connection_lost = note_lost
    reader, writer = await wire.open()
    writer.write(GET)
    async with asyncio.timeout(10):
        assert await reader.read(1)
        await lost.wait()
        assert len(await read_to_end(reader)) < 64 << 20
    writer.close()


async def test_a_request_that_is_too_large_is_cut_off(serve):
    server, wire = await serve(hello)
    line = b"X: " + b"y" * 4_000 + b"\r\n"
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line * (MAX_REQUEST // 4_000 + 1)
    assert await wire.raw(request) == b""
    assert len(server) == 0


async def test_idle_connections_keep_nobody_out(serve):
    server, wire = await serve(hello)
    with ExitStack() as closing:
        for _ in range(MAX_CONNECTIONS + 20):
            client = closing.enter_context(socket.socket())
            client.connect(("127.0.0.1", wire.port))
            await asyncio.sleep(0)
        assert answer_of(await wire.raw(GET)).body == b"hello"
        assert len(server) <= MAX_CONNECTIONS


async def test_a_request_that_is_being_answered_makes_no_room(serve):
    release, started = asyncio.Event(), asyncio.Event()

    async def slow(request):
        started.set()
        await release.wait()
        return web.Response(text="slow")

    _, wire = await serve(slow)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(wire.raw(GET))
        await started.wait()
        with ExitStack() as closing:
            for _ in range(MAX_CONNECTIONS + 5):
                client = closing.enter_context(socket.socket())
                client.connect(("127.0.0.1", wire.port))
                await asyncio.sleep(0)
            release.set()
            await first
    assert answer_of(first.result()).body == b"slow"


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x00\xff", b"GARBAGE <b>\r\n\r\n"])
async def test_what_is_no_http_is_a_400_that_repeats_nothing(serve, data, caplog):
    _, wire = await serve(hello)
    answer = answer_of(await wire.raw(data))
    assert (answer.status, answer.body) == (400, b"bad request\n")
    assert answer.headers["server"] == "s3d"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert caplog.records == []
