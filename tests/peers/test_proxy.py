from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from tests.peers.proxy import PASS, SLOW_DOWN, Drop, Fault, FaultyProxy, Partition
from tests.peers.servers import Peer

pytestmark = pytest.mark.slow


class Client:
    """The smallest S3 client: one session, no retry."""

    def __init__(self, session: aiohttp.ClientSession, peer: Peer) -> None:
        self.session = session
        self.peer = peer

    async def ask(
        self, method: str, target: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.peer.sign(method, self.peer.endpoint + target, named, body)
        url = URL(self.peer.endpoint + target, encoded=True)
        async with self.session.request(method, url, data=body, headers=named) as answer:
            return answer.status, await answer.read(), answer.headers.get("ETag", "")


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a request a second time by itself."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectionError as error:
        raise OSError(str(error)) from error


@pytest.fixture
async def client(faulty_seaweedfs: FaultyProxy) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(middlewares=[_once]) as session:
        yield Client(session, faulty_seaweedfs.peer)


@pytest.fixture
def key(new_bucket: str) -> str:
    return f"/{new_bucket}/key"


async def test_without_a_fault_all_passes(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str
) -> None:
    value = bytes(300_000)
    assert (await client.ask("PUT", key, value))[0] == 200
    assert (await client.ask("GET", key))[:2] == (200, value)
    assert (await client.ask("HEAD", key))[0] == 200
    assert (await client.ask("DELETE", key))[0] == 204
    assert [e.head.method for e in faulty_seaweedfs.seen] == ["PUT", "GET", "HEAD", "DELETE"]
    assert [e.fault for e in faulty_seaweedfs.seen] == [PASS] * 4


@pytest.mark.parametrize(
    ("drop", "committed"), [(Drop.BEFORE, False), (Drop.UPLOAD, False), (Drop.AFTER, True)]
)
async def test_a_dropped_put_is_committed_only_when_the_answer_was_lost(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str, drop: Drop, committed: bool
) -> None:
    faulty_seaweedfs.inject(Fault(drop=drop))
    with pytest.raises(aiohttp.ClientOSError):
        await client.ask("PUT", key, bytes(200_000))
    assert ((await client.ask("HEAD", key))[0] == 200) is committed


async def test_a_late_request_is_carried_out_although_its_sender_is_gone(
    client: Client, faulty_seaweedfs: FaultyProxy, seaweedfs: Peer, key: str
) -> None:
    faulty_seaweedfs.inject(Fault(late=0.3))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.ask("PUT", key, b"late")
    assert seaweedfs.ask("HEAD", key) == 404
    async with asyncio.timeout(10):
        await faulty_seaweedfs.seen[-1].answered.wait()
    assert seaweedfs.ask("HEAD", key) == 200


async def test_an_injected_answer_never_reaches_the_server(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str
) -> None:
    faulty_seaweedfs.inject(SLOW_DOWN, times=2, when=lambda head: head.method == "PUT")
    for _ in range(2):
        status, body, _ = await client.ask("PUT", key, b"value")
        assert (status, b"<Code>SlowDown</Code>" in body) == (503, True)
    assert (await client.ask("HEAD", key))[0] == 404
    assert (await client.ask("PUT", key, b"value"))[0] == 200


@pytest.mark.parametrize("shorten", [False, True])
async def test_truncation_is_seen_only_when_the_length_is_told_right(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str, shorten: bool
) -> None:
    await client.ask("PUT", key, bytes(100_000))
    faulty_seaweedfs.inject(Fault(truncate=1000, shorten=shorten))
    if shorten:
        assert (await client.ask("GET", key))[1] == bytes(1000)
    else:
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.ask("GET", key)


async def test_rate_slows_the_answer(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str
) -> None:
    await client.ask("PUT", key, bytes(100))
    faulty_seaweedfs.inject(Fault(rate=1000, delay=0.05))
    start = time.monotonic()
    assert (await client.ask("GET", key))[1] == bytes(100)
    assert time.monotonic() - start > 0.13


async def test_stripped_conditions_let_every_writer_win(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str
) -> None:
    await client.ask("PUT", key, b"first")
    assert (await client.ask("PUT", key, b"second", If_None_Match="*"))[0] == 412
    faulty_seaweedfs.inject(Fault(strip_conditions=True), times=math.inf)
    assert (await client.ask("PUT", key, b"third", If_None_Match="*"))[0] == 200
    assert (await client.ask("GET", key))[1] == b"third"


async def test_swapped_etags_differ_and_agree_with_each_other(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str
) -> None:
    true = (await client.ask("PUT", key, b"value"))[2]
    faulty_seaweedfs.inject(Fault(swap_etag=True), times=math.inf)
    swapped = (await client.ask("HEAD", key))[2]
    assert swapped not in ("", true)
    listing = (await client.ask("GET", key.removesuffix("/key")))[1].decode()
    assert swapped.strip('"') in listing


async def test_a_partition_cuts_open_connections_and_heals(
    client: Client, faulty_seaweedfs: FaultyProxy, key: str
) -> None:
    await client.ask("PUT", key, b"value")
    faulty_seaweedfs.cut(Partition.REFUSED)
    with pytest.raises(aiohttp.ClientOSError):
        await client.ask("GET", key)
    faulty_seaweedfs.cut(Partition.SILENT)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.ask("GET", key)
    faulty_seaweedfs.heal()
    assert (await client.ask("GET", key))[1] == b"value"


async def test_the_same_seed_draws_the_same_faults(seaweedfs: Peer) -> None:
    drawn = []
    for _ in range(2):
        async with (
            FaultyProxy(seaweedfs, seed=7, chaos={SLOW_DOWN: 0.5}) as proxy,
            aiohttp.ClientSession() as session,
        ):
            client = Client(session, proxy.peer)
            drawn.append([(await client.ask("GET", "/"))[0] for _ in range(20)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {200, 503}
