from __future__ import annotations

import asyncio
import socket
import ssl

import aiohttp
import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.http_transport import (
    Settings,
    as_unreachable,
    new_session,
    proxy_for,
    translated,
)

KEY = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "reason", "sent"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(1, "x")), Reason.NAME, False),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()), Reason.CONNECT, False),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), Reason.TLS, False),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("x")), Reason.TLS, False),
        (aiohttp.ConnectionTimeoutError("x"), Reason.CONNECT, False),
        (aiohttp.SocketTimeoutError("x"), Reason.TIMEOUT, True),
        (TimeoutError(), Reason.TIMEOUT, True),
        (aiohttp.ServerDisconnectedError(), Reason.LOST, True),
        (aiohttp.ClientPayloadError("x"), Reason.LOST, True),
        (aiohttp.ClientOSError(104, "reset"), Reason.LOST, True),
        (ConnectionResetError(), Reason.LOST, True),
    ],
)
def test_what_keeps_an_answer_from_coming(error: Exception, reason: Reason, sent: bool) -> None:
    cause = as_unreachable(error)
    assert (cause.reason, cause.sent) == (reason, sent)
    with pytest.raises(Unreachable, match=str(reason)), translated():
        raise error


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("x")


def test_a_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example,127.0.0.1")
    proxy_for.cache_clear()
    assert proxy_for("https", "s3.example.org") == "http://proxy.example:3128"
    assert proxy_for("https", "s3.internal.example") is None
    assert proxy_for("http", "s3.example.org") is None
    proxy_for.cache_clear()


async def test_a_request_is_sent_with_nothing_that_we_did_not_say() -> None:
    got = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        new_session(Settings("http://127.0.0.1"), reuse=True) as session,
        session.get(f"http://127.0.0.1:{port}/x", headers={"Host": "h"}) as answer,
    ):
        assert answer.status == 200
    assert await got == b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
