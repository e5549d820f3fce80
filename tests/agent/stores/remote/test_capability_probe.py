from __future__ import annotations

import math

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.capabilities import (
    Capabilities,
    Level,
    evaluate,
)
from s3d.agent.stores.remote.capability_probe import probe
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.agent.stores.remote.conftest import Open
from tests.contract.client import Client
from tests.peers.proxy import SLOW_DOWN, Fault, FaultyProxy
from tests.peers.servers import Peer

real = pytest.mark.slow


async def probed(store: RemoteStore, bucket: str) -> Capabilities:
    found = evaluate(store.url, bucket, await probe(store, bucket, prefix="work/"), 0.0)
    assert await Client(store).keys(bucket) == [], "the probe leaves nothing behind"
    return found


@real
async def test_seaweedfs_is_level_a(remote: RemoteStore, new_bucket: str) -> None:
    found = await probed(remote, new_bucket)
    assert found.level is Level.A
    assert found.delete_if_match
    assert found.complete_if_absent
    assert found.complete_if_match
    assert {"MD5", "CRC32", "SHA256"} <= set(found.checksums)
    assert found.listing_order == "other"
    assert found.versioning == ""


@real
async def test_a_probe_leaves_no_empty_folder(remote: RemoteStore, new_bucket: str) -> None:
    """SeaweedFS would go on to list it."""
    await probe(remote, new_bucket)
    listed = await Client(remote)("ListObjectsV2", Bucket=new_bucket, Delimiter="/")
    assert listed.get("CommonPrefixes", []) == []


@real
async def test_a_server_that_ignores_conditions_is_found_out(
    open_remote: Open, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(Fault(strip_conditions=True), times=math.inf)
    found = await probed(open_remote(faulty_seaweedfs.peer), new_bucket)
    assert found.level is Level.C
    assert not found.put_if_absent
    assert not found.delete_if_match
    assert found.if_match_on_absent == ""


@real
async def test_versions_make_level_b(
    open_remote: Open, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(Fault(strip_conditions=True), times=math.inf)
    store = open_remote(faulty_seaweedfs.peer)
    enabled = {"Status": "Enabled"}
    await Client(store)("PutBucketVersioning", Bucket=new_bucket, VersioningConfiguration=enabled)
    found = await probed(store, new_bucket)
    assert (found.level, found.versioning) == (Level.B, "Enabled")


@pytest.fixture
def rclone(open_remote: Open, rclone_s3: Peer) -> RemoteStore:
    return open_remote(rclone_s3)


@real
async def test_rclone_is_level_c(rclone: RemoteStore, rclone_s3: Peer, bucket_name: str) -> None:
    assert rclone_s3.ask("PUT", f"/{bucket_name}") == 200
    found = await probed(rclone, bucket_name)
    assert found.level is Level.C
    assert found.checksums == ("MD5",)


@real
async def test_a_remote_that_is_away_proves_nothing(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(SLOW_DOWN, times=math.inf)
    with pytest.raises(S3Error, match="SlowDown"):
        await probe(faulty, new_bucket)


@real
async def test_a_bucket_that_is_not_there_proves_nothing(
    remote: RemoteStore, bucket_name: str
) -> None:
    with pytest.raises(S3Error, match="NoSuchBucket"):
        await probe(remote, bucket_name)
