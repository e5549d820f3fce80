"""One exchange before a real server; test_remote_connection.py has those before a bad network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.messages import StreamBody
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.forward import UNSIGNED
from s3d.agent.stores.remote.http_client import CONTINUE_SIZE, HttpClient
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_connection import RequestSigner
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.peers.proxy import Drop, Fault, FaultyProxy


@pytest.fixture
async def client(faulty_seaweedfs: FaultyProxy) -> AsyncIterator[HttpClient]:
    import time

    peer = faulty_seaweedfs.peer
    key = RemoteKey(peer.access_key, peer.secret_key)
    settings = Settings(peer.endpoint)
    signer = RequestSigner(settings, CredentialProvider(region=peer.region, key=key))
    client = HttpClient(settings, lambda request: signer.sign(request, time.time()))
    yield client
    await client.close()


async def pieces(size: int) -> AsyncIterator[bytes]:
    yield bytes(size)


def request(method: str, bucket: str, key: str = "k") -> RemoteRequest:
    names = {"GET": "GetObject", "PUT": "PutObject"}
    return RemoteRequest(operations()[names[method]], method, bucket, key)


async def test_an_error_is_read_whole(client: HttpClient, new_bucket: str) -> None:
    response = await client.exchange(request("GET", new_bucket, "missing"), 10)
    assert response.status == 404
    assert response.refusal is not None
    assert response.refusal.code == "NoSuchKey"
    assert b"<Error>" in response.document


@pytest.mark.parametrize("size", [1, CONTINUE_SIZE])
async def test_a_streamed_body_arrives(client: HttpClient, new_bucket: str, size: int) -> None:
    put = request("PUT", new_bucket)
    put.body, put.length, put.payload = StreamBody(pieces(size), size), size, UNSIGNED
    assert (await client.exchange(put, 10)).status == 200
    got = await client.exchange(request("GET", new_bucket), 10)
    assert await got.body.read(2 * size) == bytes(size)


async def test_a_lost_response_is_not_requested_again(
    client: HttpClient, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(Fault(drop=Drop.AFTER))
    seen = len(faulty_seaweedfs.seen)
    with pytest.raises(Unreachable) as caught:
        await client.exchange(request("GET", new_bucket), 10, reuse=False)
    assert caught.value.sent
    assert len(faulty_seaweedfs.seen) == seen + 1
