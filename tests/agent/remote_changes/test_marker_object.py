"""marker_object: one object at a real store. What agents do with it: test_marker_exchange.py."""

from __future__ import annotations

import pytest

from s3d.agent.core.path_names import MARKER
from s3d.agent.remote_changes.marker_format import Change, Marker, MarkerUnusable
from s3d.agent.remote_changes.marker_object import MarkerObject, MarkerRefused, Raced, WatchedPrefix
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.remote_changes.conftest import BUCKET

ONE = Marker(agents={"a": 1}, changes=(Change("a", 1, "x"),))


@pytest.fixture
def markers(remote):
    """Of two agents."""
    return [MarkerObject(remote.client, WatchedPrefix(BUCKET, "")) for _ in "ab"]


async def test_it_is_read_once_and_then_only_when_it_has_changed(markers):
    one, other = markers
    assert await one.read() == Marker()
    assert not one.exists
    await one.write(ONE)
    assert one.exists
    assert await one.read() is None
    assert await other.read() == ONE
    assert await other.read() is None


async def test_the_second_of_two_writers_is_refused(markers):
    one, other = markers
    await one.write(ONE)
    with pytest.raises(Raced):
        await other.write(Marker())
    assert await other.read() == ONE
    await other.write(Marker())
    with pytest.raises(Raced):
        await one.write(ONE)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDenied", MarkerRefused),
        ("NotImplemented", MarkerRefused),
        ("ServiceUnavailable", S3Error),
        ("InvalidAccessKeyId", S3Error),
    ],
)
async def test_a_refusal_is_told_from_an_outage(remote, markers, code, error):
    remote.refused = {"GetObject": code, "PutObject": code}
    for request in (markers[0].read(), markers[0].write(ONE)):
        with pytest.raises(error):
            await request


async def test_a_marker_of_a_newer_s3d_is_not_read(remote, markers):
    await remote.client.store(BUCKET, MARKER, BytesBody(b'{"format": 9}'))
    with pytest.raises(MarkerUnusable):
        await markers[0].read()


async def test_versions_that_may_not_be_removed_are_a_refusal(remote, markers):
    status = {"VersioningConfiguration": {"Status": "Enabled"}}
    await remote.client.output("PutBucketVersioning", {"Bucket": BUCKET, **status})
    await markers[0].write(ONE)
    remote.refused["DeleteObject"] = "AccessDenied"
    with pytest.raises(MarkerRefused, match="noncurrent"):
        await markers[0].write(Marker())


async def test_object_lock_is_seen(remote, markers):
    assert not await markers[0].locked()
    await remote.client.output(
        "CreateBucket", {"Bucket": "locked", "ObjectLockEnabledForBucket": True}
    )
    assert await MarkerObject(remote.client, WatchedPrefix("locked", "")).locked()
