"""What the remote says of its buckets, and for how long that holds."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Response
from s3d.agent.stores.write_queue.push.push_plan import SimpleCall
from s3d.agent.stores.write_queue.push.remote_buckets import (
    DISTRUST,
    KNOWN_FOR,
    RETRY_AFTER,
    KeyRules,
    KnownBuckets,
    RemoteConditions,
)
from tests.agent.stores.write_queue.rig import ALL_CONDITIONS, Remote, Time, refusal, unreachable
from tests.contract.client import Client
from tests.contract.queued import queue_before


class VersioningRemote:
    """Answers GetBucketVersioning with an output or an error."""

    def __init__(self, answer):
        self.answer, self.asked, self.now, self.away = answer, 0, 0.0, False
        self.unversioned = set()
        self.known = KnownBuckets(self, self.unversioned, lambda: self.now, lambda: self.away)

    async def call(self, request):
        assert request.op.name == "GetBucketVersioning"
        self.asked += 1
        if isinstance(self.answer, S3Error):
            raise self.answer
        return S3Response(self.answer)


async def test_an_answer_holds_for_a_while():
    remote = VersioningRemote({})
    await remote.known.check("bbb")
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (1, {"bbb"})
    remote.now, remote.answer = KNOWN_FOR + 1, {"Status": "Enabled"}
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (2, set())


async def test_absence_is_believed_for_a_short_while():
    remote = VersioningRemote(S3Error("NoSuchBucket"))
    for _ in range(2):
        with pytest.raises(S3Error, match="NoSuchBucket"):
            await remote.known.check("bbb")
    assert remote.asked == 1
    remote.now, remote.answer = RETRY_AFTER + 1, {}
    await remote.known.check("bbb")


async def test_a_bucket_of_a_remote_that_is_away_passes():
    remote = VersioningRemote(S3Error("ServiceUnavailable"))
    await remote.known.check("bbb")
    assert remote.unversioned == set()


async def test_what_is_known_stays_known_while_the_remote_is_away():
    remote = VersioningRemote({})
    await remote.known.check("bbb")
    remote.now, remote.away = KNOWN_FOR + 1, True
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (1, {"bbb"})


@pytest.mark.parametrize(
    ("code", "unversioned"), [("NotImplemented", {"bbb"}), ("AccessDenied", set())]
)
async def test_a_bucket_that_does_not_say_is_there(code, unversioned):
    remote = VersioningRemote(S3Error(code))
    await remote.known.check("bbb")
    remote.now = KNOWN_FOR - 1
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (1, unversioned)


async def test_a_bucket_that_was_touched_is_asked_again():
    remote = VersioningRemote({})
    await remote.known.check("bbb")
    remote.known.forget("bbb")
    assert remote.unversioned == set()
    await remote.known.check("bbb")
    assert remote.asked == 2


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
    assert before_disk.journal.pending.writes(bucket, DOTTED) == []


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
    for at in (0.0, KNOWN_FOR - 1, KNOWN_FOR, KNOWN_FOR + 1):
        now = at
        with pytest.raises(S3Error, match="does not accept keys"):
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


async def test_a_bucket_that_rejects_a_correct_condition_gets_none_for_an_hour():
    time, delete = Time(), SimpleCall("DeleteObject", {})
    conditions = RemoteConditions(time.clock, lambda _: ALL_CONDITIONS, None)
    conditions.distrust("bbb")
    assert await conditions.are_supported("other", delete)
    time.advance(DISTRUST - 1)
    assert not await conditions.are_supported("bbb", delete)
    time.advance(1)
    assert await conditions.are_supported("bbb", delete)


async def test_a_bucket_that_denies_headobject_gets_none_for_an_hour():
    time = Time()
    conditions = RemoteConditions(time.clock, lambda _: None, None)
    conditions.note_head_denied("bbb")
    time.advance(DISTRUST - 1)
    assert conditions.is_head_denied("bbb")
    assert not conditions.is_head_denied("other")
    time.advance(1)
    assert not conditions.is_head_denied("bbb")
