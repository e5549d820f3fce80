from __future__ import annotations

import math

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.capabilities import (
    Capabilities,
    Level,
    Observations,
    judge,
    probe,
)
from s3d.agent.stores.remote.store import RemoteStore
from tests.agent.stores.remote.conftest import Open
from tests.contract.client import Client
from tests.peers.proxy import SLOW_DOWN, Fault, FaultyProxy
from tests.peers.servers import Peer

GOOD = dict.fromkeys(
    ("put_if_absent", "put_if_match", "delete_if_match", "complete_if_absent"), "PreconditionFailed"
)


def judged(winners: int = 1, versioning: str = "", **changes: str) -> Capabilities:
    codes = GOOD | changes
    seen = Observations(codes, dict.fromkeys(codes, True), winners, versioning)
    return judge("http://remote", "bucket", seen, 5.0)


def test_compare_and_swap_is_level_a() -> None:
    found = judged()
    assert (found.level, found.probed) == (Level.A, 5.0)
    assert found.put_if_absent
    assert found.delete_if_match
    assert not found.complete_if_match, "what was not tried is not there"


@pytest.mark.parametrize("ignored", ["put_if_absent", "put_if_match"])
def test_one_ignored_condition_of_a_put_is_no_compare_and_swap(ignored: str) -> None:
    assert judged(**{ignored: ""}).level is Level.C
    assert judged(versioning="Enabled", **{ignored: ""}).level is Level.B
    assert judged(versioning="Suspended", **{ignored: ""}).level is Level.C


@pytest.mark.parametrize("winners", [0, 2, 4])
def test_a_race_with_other_than_one_winner_is_no_condition(winners: int) -> None:
    found = judged(winners)
    assert not found.put_if_absent
    assert found.level is Level.C


def test_a_refusal_that_changed_the_object_all_the_same_is_no_condition() -> None:
    seen = Observations(dict(GOOD), {"put_if_match": False}, 1)
    assert judge("r", "b", seen, 0).level is Level.C


def test_a_condition_that_is_not_known_is_none() -> None:
    assert judged(put_if_match="NotImplemented").level is Level.C


def test_a_checksum_counts_when_its_wrong_value_is_refused() -> None:
    found = judged(checksum_SHA256="BadDigest", checksum_CRC32="", checksum_MD5="InvalidDigest")
    assert found.checksums == ("SHA256", "MD5")


@pytest.mark.finding("F4")
def test_a_remote_that_does_not_take_a_checksum_does_not_compare_it() -> None:
    assert (
        judged(checksum_SHA256="InvalidArgument", checksum_CRC32="NotImplemented").checksums == ()
    )


# ------------------------------------------------------------------ with real remotes

real = pytest.mark.slow


async def probed(store: RemoteStore, bucket: str) -> Capabilities:
    found = judge(store.url, bucket, await probe(store, bucket, prefix="work/"), 0.0)
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
