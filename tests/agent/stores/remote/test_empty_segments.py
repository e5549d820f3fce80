"""Before SeaweedFS, which stores `x//y` as `x/y`, and before a store that keeps them apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.core.failures import FailureClass, Refusal, Refused, classify
from s3d.agent.core.path_names import new_probe_key
from s3d.agent.core.store import Layer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.capability_probe import LEFT_AFTER
from s3d.agent.stores.remote.empty_segments import EmptySegments, has_empty_segment
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.agent.stores.write_queue.rig import Remote, refusal, unreachable
from tests.contract.client import Client

pytestmark = pytest.mark.finding("D28")

BUCKET = "bbb"


class Refusing(Layer):
    """A store whose errors are those of a remote."""

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        try:
            return await self.inner.call(request)
        except S3Error as error:
            error.failure = Refused(Refusal(error.status, error.code))
            raise


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Embedded]:
    store = open_embedded(tmp_path / "there", ephemeral=True)
    yield store
    store.close()


@pytest.fixture
async def keeping(there: Embedded) -> Remote:
    """A remote that keeps such keys."""
    remote = Remote(Refusing(there.local))
    remote.gate.set()
    await Client(there.local)("CreateBucket", Bucket=BUCKET)
    return remote


@pytest.mark.parametrize(
    ("key", "expected"),
    [("x//y", True), ("/x", True), ("x//", True), ("x/y", False), ("x/", False), ("x", False)],
)
def test_an_empty_segment(key: str, expected: bool) -> None:
    assert has_empty_segment(key) is expected


@pytest.mark.slow
async def test_nothing_is_lost_before_a_server_that_merges_slashes(
    remote: RemoteStore, new_bucket: str
) -> None:
    quirks = RemoteQuirks()
    s3 = Client(EmptySegments(remote, quirks))
    await s3.put(new_bucket, "x/y", b"one")
    for name, members in (
        ("PutObject", {"Body": b"two"}),
        ("CreateMultipartUpload", {}),
        ("CopyObject", {"CopySource": f"{new_bucket}/x/y"}),
    ):
        error = await s3.refused("InvalidURI", name, Bucket=new_bucket, Key="x//y", **members)
        assert classify(error) is FailureClass.PERMANENT
        assert "x/y" in error.message
    for name in ("GetObject", "HeadObject", "GetObjectTagging"):
        await s3.refused("NoSuchKey", name, Bucket=new_bucket, Key="x//y")
    await s3("DeleteObject", Bucket=new_bucket, Key="x//y")
    batch = {"Objects": [{"Key": "x//y"}]}
    await s3.refused("InvalidURI", "DeleteObjects", Bucket=new_bucket, Delete=batch)
    await s3.refused(
        "NoSuchKey", "CopyObject", Bucket=new_bucket, Key="c", CopySource=f"{new_bucket}/x//y"
    )
    assert await s3.read(new_bucket, "x/y") == b"one"
    assert await s3.keys(new_bucket) == ["x/y"], "the probe leaves nothing behind"
    assert quirks.limitations == ["empty_segments"]


async def test_a_server_that_keeps_them_gets_them(keeping: Remote) -> None:
    s3 = Client(EmptySegments(keeping, RemoteQuirks()))
    for _ in range(2):
        await s3.put(BUCKET, "x//y", b"two")
    assert await s3.read(BUCKET, "x//y") == b"two"
    assert len([m for m in keeping.of("PutObject") if "probe-" in m["Key"]]) == 1
    found = await Client(keeping.inner)("ListObjectVersions", Bucket=BUCKET)
    assert found.names("Versions", "Key") == ["x//y"]


async def test_no_version_of_a_probe_is_left(keeping: Remote) -> None:
    there = Client(keeping.inner)
    enabled = {"Status": "Enabled"}
    await there("PutBucketVersioning", Bucket=BUCKET, VersioningConfiguration=enabled)
    await Client(EmptySegments(keeping, RemoteQuirks())).put(BUCKET, "x//y", b"two")
    found = await there("ListObjectVersions", Bucket=BUCKET)
    assert found.names("Versions", "Key") + found.names("DeleteMarkers", "Key") == ["x//y"]


async def test_a_probe_removes_what_an_interrupted_one_has_left(tmp_path: Path) -> None:
    now = 1_000_000.0
    with closing(open_embedded(tmp_path / "there", ephemeral=True, clock=lambda: now)) as store:
        there = Client(store.local)
        await there("CreateBucket", Bucket=BUCKET)
        await there.put(BUCKET, new_probe_key().replace("/", "//"), b"probe")
        now += LEFT_AFTER
        await Client(EmptySegments(Refusing(store.local), RemoteQuirks())).put(BUCKET, "x//y", b"")
        assert await there.keys(BUCKET) == ["x//y"]


async def test_while_nothing_is_known_reads_pass_and_writes_do_not(keeping: Remote) -> None:
    await Client(keeping.inner)("PutObject", Bucket=BUCKET, Key="x//y", Body=b"data")
    quirks = RemoteQuirks()
    s3 = Client(EmptySegments(keeping, quirks, may_probe=False))
    assert await s3.read(BUCKET, "x//y") == b"data"
    await s3.refused("NoSuchKey", "GetObject", Bucket=BUCKET, Key="z//y")
    for name, members in (("PutObject", {"Body": b"1"}), ("DeleteObject", {})):
        await s3.refused("InvalidURI", name, Bucket=BUCKET, Key="x//y", **members)
    assert quirks.keeps_empty_segments is None
    assert await s3.read(BUCKET, "x//y") == b"data"


@pytest.mark.slow
async def test_what_a_listing_shows_is_not_believed(remote: RemoteStore, new_bucket: str) -> None:
    """SeaweedFS shows the prefix that it was asked for."""
    quirks = RemoteQuirks()
    s3 = Client(EmptySegments(remote, quirks))
    await s3.put(new_bucket, "x/y", b"one")
    listed = await s3("ListObjectsV2", Bucket=new_bucket, Prefix="x//y")
    assert listed.names("Contents", "Key") == ["x//y"]
    await s3("DeleteObject", Bucket=new_bucket, Key="x//y")
    assert await s3.read(new_bucket, "x/y") == b"one"
    assert quirks.keeps_empty_segments is False


async def test_a_bucket_with_object_lock_is_not_written_to(keeping: Remote) -> None:
    await Client(keeping.inner)("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    s3 = Client(EmptySegments(keeping, RemoteQuirks()))
    error = await s3.refused("InvalidURI", "PutObject", Bucket="locked", Key="a//b", Body=b"1")
    assert "is unknown" in error.message
    assert not keeping.of("PutObject")
    await s3.put(BUCKET, "a//b", b"1")


async def test_a_remote_that_is_away_says_nothing_of_its_keys(keeping: Remote) -> None:
    quirks = RemoteQuirks()
    s3 = Client(EmptySegments(keeping, quirks))
    keeping.fail("PutObject", unreachable())
    with pytest.raises(S3Error, match="ServiceUnavailable"):
        await s3.put(BUCKET, "a//b", b"1")
    assert quirks.keeps_empty_segments is None
    keeping.fail("PutObject", refusal(403, "AccessDenied"))
    await s3.refused("InvalidURI", "PutObject", Bucket=BUCKET, Key="a//b", Body=b"1")
    await s3.put(BUCKET, "a//b", b"1")
