"""Pushes to a real remote, over a network that loses, breaks and delays."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from s3d.agent.core.clock import Clock
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from s3d.agent.stores.write_queue.push.remote_gate import AWAY
from tests.agent.stores.write_queue.rig import MIB, Rig, open_rig
from tests.contract.client import Client
from tests.peers.proxy import SLOW_DOWN, Drop, Fault, FaultyProxy, Head
from tests.peers.servers import Peer

pytestmark = pytest.mark.slow

HASTE = 50.0
"""Times that waiting goes faster."""

Open = Callable[[Peer], AbstractAsyncContextManager[Rig]]


def hasty() -> Clock:
    return Clock(
        steady=lambda: time.monotonic() * HASTE,
        sleep=lambda seconds: asyncio.sleep(seconds / HASTE),
        random=lambda: 0.0,
    )


@pytest.fixture
def opened(tmp_path: Path, new_bucket: str) -> Open:
    """A rig whose remote is this peer."""

    @asynccontextmanager
    async def make(peer: Peer) -> AsyncIterator[Rig]:
        credentials = CredentialProvider(
            region=peer.region, key=RemoteKey(peer.access_key, peer.secret_key)
        )
        timeouts = Timeouts(connect=1, answer=1, silence=0.5, work=5)
        remote = RemoteStore(Settings(peer.endpoint, timeouts=timeouts), credentials)
        patient = RemoteStore(Settings(peer.endpoint), credentials)
        try:
            async with open_rig(tmp_path, over=remote, clock=hasty()) as rig:
                await rig.staged("CreateBucket", Bucket=new_bucket)
                rig.there = Client(patient)  # what the test asks is not to fail, however busy
                yield rig
        finally:
            await remote.close()
            await patient.close()

    return make


@pytest.fixture
async def rig(opened: Open, seaweedfs: Peer) -> AsyncIterator[Rig]:
    async with opened(seaweedfs) as rig:
        yield rig


@pytest.fixture
async def shaken(opened: Open, faulty_seaweedfs: FaultyProxy) -> AsyncIterator[Rig]:
    """A rig behind faulty_seaweedfs."""
    async with opened(faulty_seaweedfs.peer) as rig:
        yield rig


def is_put(head: Head) -> bool:
    return head.method == "PUT" and "uploadId" not in head.target


async def settled(rig: Rig) -> None:
    async with asyncio.timeout(30):
        while rig.journal.totals().files:
            rig.news.clear()
            await rig.news.wait()


async def put_parts(rig: Rig, bucket: str, key: str, parts: list[bytes]) -> str:
    made = await rig.staged("CreateMultipartUpload", Bucket=bucket, Key=key)
    named = {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]}
    done = []
    for number, data in enumerate(parts, 1):
        part = await rig.staged("UploadPart", **named, PartNumber=number, Body=data)
        done.append({"PartNumber": number, "ETag": part["ETag"]})
    whole = await rig.staged("CompleteMultipartUpload", **named, MultipartUpload={"Parts": done})
    return str(whole["ETag"])


async def test_objects_arrive_with_the_etag_that_was_told(rig: Rig, new_bucket: str) -> None:
    rig.start()
    small = await rig.staged.put(new_bucket, "small", b"value", Metadata={"a": "b"}, Tagging="x=1")
    large = await rig.staged.put(new_bucket, "large", os.urandom(3 * MIB))
    empty = await rig.staged.put(new_bucket, "empty", b"")
    parts = await put_parts(rig, new_bucket, "parts", [os.urandom(5 * MIB), b"end"])
    await settled(rig)
    for key, etag in [
        ("small", small["ETag"]),
        ("large", large["ETag"]),
        ("empty", empty["ETag"]),
        ("parts", parts),
    ]:
        assert (await rig.there("HeadObject", Bucket=new_bucket, Key=key))["ETag"] == etag
    tags = await rig.there("GetObjectTagging", Bucket=new_bucket, Key="small")
    assert tags["TagSet"] == [{"Key": "x", "Value": "1"}]
    await rig.journal.recorder.delete(new_bucket, ["small"])
    await settled(rig)
    assert "small" not in await rig.there.keys(new_bucket)


@pytest.mark.parametrize(
    ("drop", "size"), [*((drop, size) for drop in Drop for size in (0, 4096)), (Drop.UPLOAD, MIB)]
)
async def test_a_broken_push_is_repeated(
    shaken: Rig, faulty_seaweedfs: FaultyProxy, new_bucket: str, size: int, drop: Drop
) -> None:
    value = os.urandom(size)
    faulty_seaweedfs.inject(Fault(drop=drop), when=is_put)
    shaken.start()
    await shaken.staged.put(new_bucket, "k", value)
    await settled(shaken)
    assert await shaken.there.read(new_bucket, "k") == value
    puts = [each.status for each in faulty_seaweedfs.seen if is_put(each.head)]
    landed = drop is Drop.AFTER or (drop is Drop.UPLOAD and not size)
    assert puts.count(200) == 1 if landed else puts[-1] == 200


async def test_a_server_that_never_answers_an_empty_put_is_survived(
    shaken: Rig, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(Fault(delay=3), when=is_put)
    shaken.start()
    await shaken.staged.put(new_bucket, "k", b"")
    await settled(shaken)
    assert await shaken.there.keys(new_bucket) == ["k"]


async def test_etags_of_the_remotes_own_are_no_harm(
    shaken: Rig, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(
        Fault(swap_etag=True),
        times=math.inf,
        when=lambda head: not re.search("uploads|partNumber", head.target),
    )
    shaken.start()
    await shaken.staged.put(new_bucket, "small", b"value")
    await put_parts(shaken, new_bucket, "parts", [os.urandom(5 * MIB), b"end"])
    await settled(shaken)
    assert await shaken.there.read(new_bucket, "small") == b"value"


async def test_in_a_storm_everything_arrives_and_no_upload_is_left(
    shaken: Rig, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.chaos = {
        SLOW_DOWN: 0.1,
        Fault(status=500): 0.05,
        Fault(drop=Drop.BEFORE): 0.05,
        Fault(drop=Drop.UPLOAD): 0.05,
        Fault(drop=Drop.AFTER): 0.1,
    }
    values = {f"k{n:02}": os.urandom(4096) for n in range(40)}
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"end"]
    shaken.start()
    for key, value in values.items():
        await shaken.staged.put(new_bucket, key, value)
    await put_parts(shaken, new_bucket, "parts", parts)
    await settled(shaken)
    faulty_seaweedfs.heal()
    for key, value in values.items():
        assert await shaken.there.read(new_bucket, key) == value
    assert await shaken.there.read(new_bucket, "parts") == b"".join(parts)
    left = await shaken.there("ListMultipartUploads", Bucket=new_bucket)
    assert left.get("Uploads", []) == []


async def test_after_an_outage_it_goes_on_by_itself(
    shaken: Rig, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.cut()
    shaken.start()
    for number in range(20):
        await shaken.staged.put(new_bucket, f"k{number}", b"value")
    async with asyncio.timeout(10):
        while shaken.remote_gate.trouble != AWAY:
            shaken.news.clear()
            await shaken.news.wait()
    spent = sum(write.attempts for write in shaken.journal.pending)
    assert spent <= 5 + shaken.remote_gate.limit
    faulty_seaweedfs.heal()
    await settled(shaken)
    assert len(await shaken.there.keys(new_bucket)) == 20


async def test_a_wrong_key_stops_all_and_parks_nothing(opened: Open, seaweedfs: Peer) -> None:
    stranger = Peer("stranger", seaweedfs.endpoint, seaweedfs.access_key, "wrong")
    async with opened(stranger) as rig:
        rig.start()
        (bucket,) = [each["Name"] for each in (await rig.staged("ListBuckets"))["Buckets"]]
        await rig.staged.put(bucket, "k", b"value")
        async with asyncio.timeout(10):
            await rig.remote_gate.blocked.wait()
        assert rig.pusher.status().trouble == "needs credentials"
        assert not any(rig.journal.pending.in_state(PendingState.FAILED))
