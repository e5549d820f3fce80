"""Keys that a remote cannot have, at each way into the queue."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.key_rules import FRESH, KeyRules
from tests.agent.stores.write_queue.rig import Remote, refusal, unreachable
from tests.contract.client import Client
from tests.contract.queued import queue_before

DOTTED = "a/../b"


class Disk(Remote):
    """A remote that keeps objects as files, and so refuses keys with dot segments."""

    async def call(self, request):
        if "/../" in (request.input.get("Key") or ""):
            raise refusal(400, "InvalidRequest")()
        return await self.inner.call(request)


@pytest.fixture
async def before_disk(remote, bucket, tmp_path):
    async with queue_before(Disk(remote), tmp_path / "queue", lazy=True) as queue:
        yield queue


@pytest.mark.finding("S14")
async def test_each_operation_refuses_a_key_that_the_remote_refuses(before_disk, bucket):
    s3, at = Client(before_disk.store), {"Bucket": bucket, "Key": DOTTED}
    answer = await s3(
        "DeleteObjects",
        Bucket=bucket,
        Delete={
            "Objects": [{"Key": DOTTED}, {"Key": "k"}, {"Key": "a/../../b", "VersionId": "null"}]
        },
    )
    assert answer.names("Errors", "Key") == [DOTTED, "a/../../b"]
    assert answer.names("Errors", "Code") == ["InvalidURI", "InvalidURI"]
    assert answer.names("Deleted", "Key") == ["k"]
    await s3.put(bucket, "from", b"data")
    for name, members in (
        ("PutObject", {}),
        ("DeleteObject", {}),
        ("CreateMultipartUpload", {}),
        ("CopyObject", {"CopySource": f"{bucket}/from"}),
    ):
        await s3.refused("InvalidURI", name, **at, **members)
    assert before_disk.journal.writes(bucket, DOTTED) == []


@pytest.mark.finding("S14")
async def test_each_operation_takes_what_the_remote_takes(s3, there, queue, bucket):
    at = {"Bucket": bucket, "Key": DOTTED}
    await s3.put(bucket, DOTTED, b"data")
    await queue.pusher.push_now(bucket, timeout=5)
    assert await there.read(bucket, DOTTED) == b"data"
    answer = await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": [{"Key": DOTTED}]})
    assert answer.names("Deleted", "Key") == [DOTTED]
    await s3("CreateMultipartUpload", **at)


async def test_the_remote_is_asked_once_in_a_while(remote, bucket):
    now = 0.0
    disk = Disk(remote)
    disk.gate.set()
    rules = KeyRules(disk, lambda: now)
    for at in (0.0, FRESH - 1, FRESH, FRESH + 1):
        now = at
        with pytest.raises(S3Error, match="does not take keys"):
            await rules.check(bucket, DOTTED)
        await rules.check(bucket, "a.b/c..d")


async def test_what_the_remote_does_not_say_is_left_to_the_push(remote, bucket):
    away = Remote(remote)
    away.gate.set()
    rules = KeyRules(away, lambda: 0.0)
    for error in (unreachable(), refusal(403, "AccessDenied"), refusal(400, "ExpiredToken")):
        away.fail("GetObject", error)
        await rules.check(bucket, DOTTED)
    assert away.names() == ["GetObject"] * 3
    await rules.check(bucket, DOTTED)
    await rules.check(bucket, DOTTED)
    assert away.names() == ["GetObject"] * 4
