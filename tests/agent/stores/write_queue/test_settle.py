"""The settle rule."""

import time
from typing import Any

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, WireRequest
from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.s3.routing import unknown_operation
from s3d.agent.stores.write_queue.journal.journal_history import EtagAlias, UnresolvedPush
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from s3d.agent.stores.write_queue.object_writes import requires_remote
from s3d.agent.stores.write_queue.settle import places_of, with_remote_etags

AT = {"Bucket": "bbb", "Key": "k"}


def request(name, **members):
    return S3Request(operations()[name] if name else UNKNOWN, members)


@pytest.mark.parametrize(
    ("name", "members", "places"),
    [
        ("ListBuckets", {}, []),
        ("HeadBucket", {"Bucket": "bbb"}, []),
        ("GetBucketPolicy", {"Bucket": "bbb"}, []),
        ("ListObjectVersions", {"Bucket": "bbb"}, [("bbb", "")]),
        ("PutBucketPolicy", {"Bucket": "bbb"}, [("bbb", "")]),
        ("PutObjectAcl", AT, [("bbb", "k")]),
        ("GetObject", {**AT, "VersionId": "1"}, []),
        ("GetObject", {**AT, "VersionId": "null"}, [("bbb", "k")]),
        ("DeleteObject", {**AT, "VersionId": "1"}, [("bbb", "k")]),
        ("CopyObject", {**AT, "CopySource": "other/x"}, [("bbb", "k"), ("other", "x")]),
        ("RenameObject", {**AT, "RenameSource": "/x"}, [("bbb", "k"), ("bbb", "x")]),
        ("", AT, [("bbb", "k")]),
    ],
)
def test_where_a_request_depends_on_what_is_pending(name, members, places):
    assert places_of(request(name, **members)) == places


def test_writes_with_conditions_locks_and_keys_are_judged_by_the_remote():
    assert requires_remote(request("PutObject", **AT, IfNoneMatch="*"))
    assert requires_remote(request("PutObject", **AT, ObjectLockMode="GOVERNANCE"))
    assert not requires_remote(request("PutObject", **AT, IfMatch=None, ContentType="a/b"))


def test_writes_that_the_stage_would_not_keep_whole_are_carried_out_by_the_remote():
    assert requires_remote(request("PutObject", **AT, SSEKMSEncryptionContext="e30="))
    assert requires_remote(request("PutObject", **AT, RequestPayer="requester"))
    assert requires_remote(request("PutObject", **AT, ACL="bucket-owner-full-control"))
    assert not requires_remote(request("PutObject", **AT, ACL="public-read"))


async def test_without_anything_pending_the_request_goes_as_it_came(s3, queue, bucket):
    answer = queue.store.call(request("HeadBucket", Bucket=bucket))
    assert answer.response.output["BucketRegion"]


async def test_a_paused_queue_says_so(s3, queue, bucket):
    await queue.journal.control.pause()
    await s3.put(bucket, "k", b"data")
    error = await s3.refused("ServiceUnavailable", "GetObjectAcl", Bucket=bucket, Key="k")
    assert "paused" in error.message


OURS, THEIRS = "0" * 32, "f" * 32


def alias_of(bucket: str, key: str) -> EtagAlias | None:
    return EtagAlias(OURS, THEIRS) if (bucket, key) == ("bbb", "k") else None


def asked(name: str = "GetObject", key: str = "k", **conditions: Any) -> S3Request[Any]:
    wire = WireRequest("GET", f"/bbb/{key}", "", ())
    return S3Request(operations()[name], {"Bucket": "bbb", "Key": key, **conditions}, wire=wire)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (f'"{OURS}"', f'"{THEIRS}"'),
        (OURS, THEIRS),
        (f'"1", "{OURS}"', f'"1", "{THEIRS}"'),
    ],
)
def test_a_condition_names_the_remotes_etag(said: str, meant: str) -> None:
    for member in ("IfMatch", "IfNoneMatch"):
        request = with_remote_etags(asked(**{member: said}), alias_of)
        assert (request.input[member], request.wire) == (meant, None)


def test_a_condition_on_the_source_of_a_copy_too() -> None:
    given = asked("CopyObject", "other", CopySource="bbb/k", CopySourceIfMatch=OURS, IfMatch=OURS)
    input = with_remote_etags(given, alias_of).input
    assert (input["CopySourceIfMatch"], input["IfMatch"]) == (THEIRS, OURS)


@pytest.mark.parametrize(
    "request_",
    [asked(), asked(IfMatch="*"), asked(IfMatch=f'"{THEIRS}"'), asked(key="other", IfMatch=OURS)],
)
def test_other_requests_stay_untouched(request_: S3Request[Any]) -> None:
    assert with_remote_etags(request_, alias_of) is request_


@pytest.mark.finding("F13", "F14")
@pytest.mark.parametrize("op", [UNKNOWN, unknown_operation(operations()["GetObject"])])
async def test_a_request_that_is_not_understood_is_never_answered_by_the_queue(
    s3, there, queue, bucket, op
):
    await s3.put(bucket, "k", b"data")
    with pytest.raises(S3Error, match="NotImplemented"):  # what the remote says to it
        await queue.store.call(S3Request(op, {"Bucket": bucket, "Key": "k"}))
    assert await there.read(bucket, "k") == b"data"


async def verify(s3, queue, bucket):
    """A pushed write that an older request may still replace at the remote."""
    push = UnresolvedPush(time.time() + 900, None)
    queue.journal._writes.unresolved.add((bucket, "k"), "another", push)
    await s3.put(bucket, "k", b"1")
    await queue.pusher.push_now(bucket, "k", timeout=5)
    return queue.journal.pending.newest(bucket, "k")


@pytest.mark.finding("S3")
@pytest.mark.rule("ORD-3")
async def test_a_read_at_the_remote_does_not_end_the_verification_of_a_write(s3, queue, bucket):
    write = await verify(s3, queue, bucket)
    assert write.state is PendingState.VERIFYING
    await s3("GetObjectAcl", Bucket=bucket, Key="k")
    assert queue.journal.pending.newest(bucket, "k") is write


async def test_a_write_at_the_remote_takes_the_place_of_one_that_is_verified(s3, queue, bucket):
    await verify(s3, queue, bucket)
    etag = (await s3("HeadObject", Bucket=bucket, Key="k"))["ETag"]
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    assert queue.journal.pending.newest(bucket, "k") is None
    assert await s3.read(bucket, "k") == b"2"
