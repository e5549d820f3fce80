"""Whether the remote answers at all: RemoteStore.check_answering()."""

import time
from contextlib import asynccontextmanager

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.peers.proxy import Fault, Partition

pytestmark = pytest.mark.finding("D4")


def keys_of(peer):
    key = RemoteKey(peer.access_key, peer.secret_key)
    return CredentialProvider(region=peer.region, key=key)


@asynccontextmanager
async def store_of(peer):
    store = RemoteStore(Settings(peer.endpoint), keys_of(peer))
    yield store
    await store.close()


async def check(peer, seconds=10.0):
    async with store_of(peer) as store:
        await store.check_answering(seconds, time.monotonic())


@pytest.mark.parametrize("fault", [None, Fault(status=403, code="AccessDenied")])
async def test_every_answer_of_the_remote_is_one(faulty_seaweedfs, fault):
    if fault is not None:
        faulty_seaweedfs.inject(fault)
    await check(faulty_seaweedfs.peer)


@pytest.mark.parametrize("partition", list(Partition))
async def test_no_answer_is_an_error(faulty_seaweedfs, partition):
    faulty_seaweedfs.cut(partition)
    with pytest.raises(S3Error) as caught:
        await check(faulty_seaweedfs.peer, 0.05)
    assert isinstance(caught.value.failure, Unreachable)


async def test_after_a_check_in_vain_requests_fail_at_once(faulty_seaweedfs):
    faulty_seaweedfs.cut(Partition.SILENT)
    async with store_of(faulty_seaweedfs.peer) as store:
        with pytest.raises(S3Error, match="cannot be reached"):
            await store.check_answering(0.05, time.monotonic())
        with pytest.raises(S3Error) as caught:
            await S3Client(store).head("bucket", "key")
    assert isinstance(caught.value.failure, Unreachable)
    assert (caught.value.failure.reason, caught.value.failure.sent) == (Reason.TIMEOUT, False)


async def test_a_remote_that_has_just_answered_is_there(faulty_seaweedfs):
    async with store_of(faulty_seaweedfs.peer) as store:
        began = time.monotonic()
        await S3Client(store).buckets()
        faulty_seaweedfs.cut(Partition.SILENT)
        await store.check_answering(0.05, began)
