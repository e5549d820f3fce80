"""Connections that are shared by requests, on both loops that the agent may have."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote import http1_pool
from s3d.agent.stores.remote.http1_connection import BUFFER_SIZE
from s3d.agent.stores.remote.http1_pool import Http1Pool, http1_message
from s3d.agent.stores.remote.http_transport import Settings
from tests.agent.stores.remote.http1_network import OK, Network, on_both_loops, whole
from tests.peers.servers import free_ports
from tests.peers.tls import certificate


@on_both_loops
async def test_without_reuse_each_request_has_its_own_connection(net: Network) -> None:
    net.server.script = [OK, OK, OK]
    for reuse in (True, False, False):
        assert await whole(await net.ask(reuse=reuse)) == b"ok"
    assert net.connections_used == [1, 2, 3]


@on_both_loops
async def test_a_connection_that_the_server_has_closed_is_not_used(net: Network) -> None:
    net.server.script = [OK, OK]
    await whole(await net.ask())
    (idle,) = net.pool._idle[net.origin]
    lost = asyncio.Event()
    idle._on_closed = lambda _: lost.set()
    net.server.connections[0].close()
    await lost.wait()
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 2]


@on_both_loops
async def test_an_idle_connection_is_closed_in_time(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1_pool, "IDLE", 0.01)
    net.server.script = [OK]
    await whole(await net.ask())
    await asyncio.wait_for(net.server.ended.wait(), 10)


@on_both_loops
async def test_more_requests_than_connections_wait_for_one(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1_pool, "POOL", 2)
    net.pool = Http1Pool(Settings("http://127.0.0.1"))
    net.server.script = [OK] * 20

    async def one() -> bytes:
        return await whole(await net.ask())

    async with asyncio.TaskGroup() as tasks:
        requests = [tasks.create_task(one()) for _ in range(20)]
    assert [request.result() for request in requests] == [b"ok"] * 20
    assert len(net.server.connections) == 2


@on_both_loops
async def test_a_failed_request_keeps_no_place(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1_pool, "POOL", 1)
    net.pool = Http1Pool(Settings("http://127.0.0.1"))
    net.server.script = [b"", b"HTTP/1.1 20", OK]
    for _ in range(2):
        with pytest.raises(Unreachable):
            await net.ask()
    assert await whole(await net.ask()) == b"ok"


@on_both_loops
async def test_closing_ends_what_arrives(net: Network) -> None:
    net.server.script = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"]
    response = await net.ask()
    assert await response.read(None) == b"ok"
    await net.pool.close()
    with pytest.raises(Unreachable):
        await response.read(None)


@on_both_loops
async def test_nobody_listens(net: Network) -> None:
    (port,) = free_ports(1)
    await refused(net.pool, ("http", f"127.0.0.1:{port}"), Reason.CONNECT)


@on_both_loops
async def test_a_name_has_no_address(net: Network) -> None:
    await refused(net.pool, ("http", "nowhere.invalid"), Reason.NAME)


async def refused(pool: Http1Pool, origin: tuple[str, str], reason: Reason) -> None:
    with pytest.raises(Unreachable) as caught:
        await pool.request(origin, b"", is_head_request=False, reuse=True)
    assert (caught.value.reason, caught.value.sent) == (reason, False)
    assert origin[1] in caught.value.detail


@on_both_loops
async def test_a_certificate_is_checked(net: Network, tmp_path: Path) -> None:
    file = certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    listening = await asyncio.start_server(net.server.serve, "127.0.0.1", 0, ssl=tls)
    origin = ("https", f"localhost:{listening.sockets[0].getsockname()[1]}")
    large = 3 * BUFFER_SIZE
    net.server.script = [
        OK,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % large + bytes(large),
    ]
    trusting = Http1Pool(Settings("https://localhost", ca_bundle=str(file)))
    message = http1_message("GET", "/x", [("host", "h")], b"")
    for body in (b"ok", bytes(large)):
        response = await trusting.request(origin, message, is_head_request=False, reuse=True)
        assert await whole(response) == body
    assert len(net.server.connections) == 1
    await trusting.close()
    distrusting = Http1Pool(Settings("https://localhost"))
    await refused(distrusting, origin, Reason.TLS)
    await distrusting.close()
    listening.close()


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\0b"])
def test_a_value_cannot_end_its_header(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        http1_message("GET", "/", [("x", value)], b"")


def test_a_message_is_utf8() -> None:
    message = http1_message("PUT", "/k?a=1", [("x", "é")], b"body")
    assert message == b"PUT /k?a=1 HTTP/1.1\r\nx: \xc3\xa9\r\n\r\nbody"
    with pytest.raises(ValueError, match="UTF-8"):
        http1_message("PUT", "/k", [("x", "\ud800")], b"")
