"""Responses as a server may send them, on both loops that the agent may have."""

from __future__ import annotations

import asyncio
import random

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.http1_connection import (
    BUFFER_SIZE,
    HEAD_SIZE,
    PARSED_SIZE,
    Http1Connection,
    Http1Response,
)
from tests.agent.stores.remote.http1_network import OK, Network, on_both_loops, whole

LARGE = random.Random(1).randbytes(3 * BUFFER_SIZE)


def large(size: int, head: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A response with this many bytes, of which most do not pass the parser."""
    length = b"Content-Length: %d\r\n" % size
    return b"HTTP/%b 200 OK\r\n%b%b\r\n%b" % (version, length, head, LARGE[:size])


async def read_exactly(response: Http1Response, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = await response.read(None)
        assert chunk, "the response has ended"
        received += chunk
    return received


@on_both_loops
async def test_a_connection_serves_many_requests(net: Network) -> None:
    net.server.script = [OK, OK, OK]
    for _ in range(3):
        response = await net.ask()
        assert (response.status, response.headers) == (200, [("content-length", "2")])
        assert await whole(response) == b"ok"
    assert net.server.requests == [(1, b"GET /x HTTP/1.1\r\nhost: h\r\n\r\n")] * 3


@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
        ("DELETE", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: trailer\r\n\r\n"),
        ("PUT", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
                b"Content-Length: 0\r\n\r\n"),
    ],
)  # fmt: skip
@on_both_loops
async def test_after_a_response_without_a_body_the_connection_is_used_again(
    net: Network, method: str, response: bytes
) -> None:
    net.server.script = [response, OK]
    first = await net.ask(method)
    assert await whole(first) == b""
    assert "link" not in dict(first.headers)
    assert "x" not in dict(first.headers)
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 1]


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
    ],
    ids=["close", "HTTP/1.0", "until the end", "a second response"],
)
@on_both_loops
async def test_a_connection_that_cannot_be_used_again_is_closed(
    net: Network, response: bytes
) -> None:
    net.server.script = [response, OK]
    for _ in range(2):
        assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 2]


@on_both_loops
async def test_a_body_behind_a_head_response_is_not_taken_for_the_next_one(net: Network) -> None:
    net.server.script = [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", OK]
    assert await whole(await net.ask("HEAD")) == b""
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 2]


@on_both_loops
async def test_a_chunked_body_is_read_in_the_pieces_that_are_asked_for(net: Network) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    net.server.script = [head + b"3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"]
    response = await net.ask()
    pieces = []
    while piece := await response.read(2):
        pieces.append(piece)
    assert b"".join(pieces) == b"abcdefgh"
    assert max(map(len, pieces)) == 2


@pytest.mark.parametrize("limit", [None, 1000, BUFFER_SIZE // 3])
@pytest.mark.parametrize(
    "size", [PARSED_SIZE, 5 * PARSED_SIZE, BUFFER_SIZE, BUFFER_SIZE + 1, len(LARGE)]
)
@on_both_loops
async def test_a_large_body_arrives_as_it_was_sent(
    net: Network, size: int, limit: int | None
) -> None:
    net.server.script = [large(size), OK]
    response = await net.ask()
    pieces = []
    while piece := await response.read(limit):
        pieces.append(piece)
    assert b"".join(pieces) == LARGE[:size]
    assert max(map(len, pieces)) <= (limit or BUFFER_SIZE + 1)
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 1]


@pytest.mark.parametrize("step", [1, 4096, 5 * PARSED_SIZE])
@on_both_loops
async def test_a_large_body_may_come_in_small_packets(net: Network, step: int) -> None:
    """The first ones with the head; a reader that waits for each of them gets it at once."""
    size = len(LARGE)
    net.server.script = [large(size)[: -size + 100], OK]
    response = await net.ask()
    assert await response.read(None) == LARGE[:100]
    (writer,) = net.server.connections
    for start in range(100, 100 + 4 * step, step):
        writer.write(LARGE[start : start + step])
        assert await read_exactly(response, step) == LARGE[start : start + step]
    start = 100 + 4 * step
    writer.write(LARGE[start:size])
    assert await whole(response) == LARGE[start:size]
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 1]


@on_both_loops
async def test_a_large_body_that_nobody_reads_yet_is_kept(net: Network) -> None:
    """A reader that comes late gets it whole, also when the connection serves another request."""
    size = BUFFER_SIZE // 2
    net.server.script = [large(size), OK]
    response = await net.ask()
    if (connection := response._connection) is not None:
        arrived = asyncio.Event()
        on_idle = connection._on_idle

        def note(idle: Http1Connection) -> None:
            on_idle(idle)
            arrived.set()

        connection._on_idle = note
        await arrived.wait()
    assert await whole(await net.ask()) == b"ok"
    assert await whole(response) == LARGE[:size]
    assert net.connections_used == [1, 1]


@pytest.mark.parametrize(
    "response",
    [
        large(len(LARGE), b"Connection: close\r\n"),
        large(len(LARGE), version=b"1.0"),
        large(len(LARGE)) + b"x",
        large(len(LARGE)) + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
    ],
    ids=["close", "HTTP/1.0", "one byte too many", "a second response"],
)
@on_both_loops
async def test_after_a_large_body_a_connection_may_be_of_no_more_use(
    net: Network, response: bytes
) -> None:
    net.server.script = [response, OK]
    assert await whole(await net.ask()) == LARGE
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 2]


@pytest.mark.parametrize("is_reset", [False, True])
@on_both_loops
async def test_a_large_body_that_breaks_off_is_an_error(net: Network, is_reset: bool) -> None:
    sent = 6 * PARSED_SIZE
    net.server.script = [large(len(LARGE))[: sent - len(LARGE)]]
    arriving = await net.ask()
    assert await read_exactly(arriving, sent) == LARGE[:sent]
    if is_reset:
        net.server.reset()
    else:
        net.server.connections[0].close()
    with pytest.raises(Unreachable) as caught:
        await arriving.read(None)
    assert (caught.value.reason, caught.value.sent) == (Reason.LOST, True)


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
@on_both_loops
async def test_a_body_that_breaks_off_is_an_error(net: Network, response: bytes) -> None:
    net.server.script = [response]
    arriving = await net.ask()
    assert await arriving.read(None) == b"ok"
    net.server.connections[0].close()
    with pytest.raises(Unreachable) as caught:
        await arriving.read(None)
    assert (caught.value.reason, caught.value.sent) == (Reason.LOST, True)


@on_both_loops
async def test_a_server_of_http_1_0_closes_after_a_response_without_a_body(net: Network) -> None:
    net.server.script = [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", OK]
    assert await whole(await net.ask("HEAD")) == b""
    assert await whole(await net.ask()) == b"ok"
    assert net.connections_used == [1, 2]


@on_both_loops
async def test_nothing_is_sent_on_a_connection_that_was_lost(net: Network) -> None:
    """A server may close a connection before the first request on it."""
    connection = await net.pool._connect(net.origin, reuse=True)
    connection.close()
    with pytest.raises(Unreachable) as caught:
        await connection.send(b"", is_head_request=False)
    assert (caught.value.reason, caught.value.sent) == (Reason.LOST, False)


@on_both_loops
async def test_a_reset_is_not_the_end_of_a_body_without_a_length(net: Network) -> None:
    net.server.script, net.server.stays_open = [b"HTTP/1.1 200 OK\r\n\r\nok"], True
    arriving = await net.ask()
    assert await arriving.read(None) == b"ok"
    net.server.reset()
    with pytest.raises(Unreachable, match="lost"):
        await arriving.read(None)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 20",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -70000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * HEAD_SIZE,
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * (HEAD_SIZE // 3),
    ],
    ids=[
        "closed",
        "cut",
        "ssh",
        "length",
        "negative",
        "overflow",
        "lengths",
        "both",
        "upgrade",
        "line",
        "lines",
    ],
)
@on_both_loops
async def test_what_is_no_response_is_an_error(net: Network, response: bytes) -> None:
    net.server.script = [response]
    with pytest.raises(Unreachable) as caught:
        await net.ask()
    assert (caught.value.reason, caught.value.sent) == (Reason.LOST, True)


@on_both_loops
async def test_a_server_waits_for_a_reader_that_does_not_take_its_bytes(net: Network) -> None:
    size = 16 * BUFFER_SIZE
    net.server.script = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size]
    response = await net.ask()
    (writer,) = net.server.connections
    writer.write(bytes(size))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.2)
    assert response._body.size <= BUFFER_SIZE + 1
    assert len(await whole(response)) == size


@pytest.mark.parametrize(
    "response", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", large(len(LARGE))[:-1]]
)
@on_both_loops
async def test_a_response_that_is_left_closes_its_connection(net: Network, response: bytes) -> None:
    net.server.script = [response, OK]
    arriving = await net.ask()
    arriving.close()
    await asyncio.wait_for(net.server.ended.wait(), 10)
    with pytest.raises(Unreachable):
        await arriving.read(None)


@on_both_loops
async def test_a_cancelled_request_closes_its_connection(net: Network) -> None:
    net.server.script = [b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n", OK]
    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(net.ask())
        await net.server.asked.wait()
        request.cancel()
    await asyncio.wait_for(net.server.ended.wait(), 10)
    assert await whole(await net.ask()) == b"ok"
