"""notifications: the configuration of a bucket, and which events its changes enter."""

from __future__ import annotations

from functools import partial

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.lifecycle import DAY
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.event_rows import event_page, waiting_events
from s3d.agent.stores.local.store import LocalStore
from tests.agent.manual_clock import ManualClock
from tests.contract.client import Client

JOBS, HOOK = "arn:s3d:sqs:::jobs", "arn:s3d:webhook:::hook"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_700_000_000.0)


@pytest.fixture
def local(index, tmp_path, clock) -> LocalStore:
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    return LocalStore(index, blobs, clock=clock, target_arns=[JOBS, HOOK])


@pytest.fixture
def s3(local) -> Client:
    return Client(local)


async def configure(s3, *queues, **options) -> None:
    configuration = {"QueueConfigurations": list(queues)} if queues else {}
    await s3(
        "PutBucketNotificationConfiguration",
        Bucket="bucket",
        NotificationConfiguration=configuration,
        **{"SkipDestinationValidation": True, **options},
    )


def queue(*events: str, arn: str = JOBS, **members):
    return {"QueueArn": arn, "Events": list(events), **members}


def entered(index, target: str = "jobs") -> list[tuple[str, str]]:
    rows = index.read_inline(partial(event_page, target=target, after=0, limit=100))
    return [(row.event.name, row.event.key) for row in rows]


async def test_a_configuration_is_returned_with_ids(s3, bucket):
    await configure(s3, queue("s3:ObjectCreated:*"), queue("s3:ObjectRemoved:*", Id="mine"))
    got = await s3("GetBucketNotificationConfiguration", Bucket=bucket)
    one, other = got["QueueConfigurations"]
    assert one["Id"]
    assert other == queue("s3:ObjectRemoved:*", Id="mine")
    await configure(s3)
    got = await s3("GetBucketNotificationConfiguration", Bucket=bucket)
    assert "QueueConfigurations" not in got


async def test_an_unknown_target_is_refused_and_nothing_changes(s3, bucket, index):
    with pytest.raises(S3Error, match="Unable to validate") as caught:
        await configure(s3, queue("s3:ObjectCreated:*", arn="arn:aws:sqs:us-east-1:1:jobs"))
    assert caught.value.code == "InvalidArgument"
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    assert index.read_inline(waiting_events) == {}


async def test_a_test_message_follows_a_configuration(s3, bucket, index):
    await configure(s3, queue("s3:ObjectCreated:*"), SkipDestinationValidation=False)
    assert entered(index) == [("TestEvent", "")]


async def test_event_bridge_is_stored_only(s3, bucket, index):
    await s3(
        "PutBucketNotificationConfiguration",
        Bucket=bucket,
        NotificationConfiguration={"EventBridgeConfiguration": {}},
    )
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    got = await s3("GetBucketNotificationConfiguration", Bucket=bucket)
    assert got["EventBridgeConfiguration"] == {}
    assert index.read_inline(waiting_events) == {}


async def test_a_bucket_without_configuration_enters_nothing(s3, bucket, index):
    await configure(s3, queue("s3:ObjectCreated:*"))
    await configure(s3)
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    assert index.read_inline(waiting_events) == {}


async def test_filters_select_keys(s3, bucket, index):
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]
    await configure(s3, queue("s3:ObjectCreated:*", Filter={"Key": {"FilterRules": rules}}))
    for key in ("in/a.jpg", "in/a.png", "a.jpg"):
        await s3("PutObject", Bucket=bucket, Key=key, Body=b"1")
    assert entered(index) == [("ObjectCreated:Put", "in/a.jpg")]


async def test_two_targets_get_the_same_sequencer(s3, bucket, index):
    await configure(s3, queue("s3:ObjectCreated:Put"), queue("s3:ObjectRemoved:*", arn=HOOK))
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    assert entered(index) == [("ObjectCreated:Put", "k")]
    assert entered(index, "hook") == [("ObjectRemoved:Delete", "k")]


async def test_versions_and_markers_have_their_own_events(s3, bucket, index):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    await configure(s3, queue("s3:ObjectRemoved:*"))
    put = await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    marker = await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3("DeleteObject", Bucket=bucket, Key="k", VersionId=put["VersionId"])
    rows = index.read_inline(partial(event_page, target="jobs", after=0, limit=9))
    assert [(row.event.name, row.event.version_id) for row in rows] == [
        ("ObjectRemoved:DeleteMarkerCreated", marker["VersionId"]),
        ("ObjectRemoved:Delete", put["VersionId"]),
    ]


async def test_a_multipart_upload_and_a_batch_of_deletions(s3, bucket, index):
    await configure(s3, queue("s3:ObjectCreated:*", "s3:ObjectRemoved:*"))
    upload = (await s3("CreateMultipartUpload", Bucket=bucket, Key="k"))["UploadId"]
    part = await s3("UploadPart", Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"1")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await s3(
        "CompleteMultipartUpload", Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts
    )
    await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": [{"Key": "k"}, {"Key": "l"}]})
    assert entered(index) == [
        ("ObjectCreated:CompleteMultipartUpload", "k"),
        ("ObjectRemoved:Delete", "k"),
    ]


async def test_what_expires_is_an_event_of_its_own(s3, bucket, index, local, clock):
    await configure(s3, queue("s3:LifecycleExpiration:*"), queue("s3:ObjectRemoved:*", arn=HOOK))
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    rule = {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    await s3(
        "PutBucketLifecycleConfiguration",
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [rule]},
    )
    clock.now += 3 * DAY
    await local.expiration.apply()
    assert entered(index) == [("LifecycleExpiration:Delete", "k")]
    assert entered(index, "hook") == []


@pytest.mark.rule("EVENT-1")
async def test_a_write_that_fails_enters_nothing(s3, bucket, index):
    await configure(s3, queue("s3:ObjectCreated:*"))
    await s3("PutObject", Bucket=bucket, Key="k", Body=b"1")
    with pytest.raises(S3Error, match="PreconditionFailed"):
        await s3("PutObject", Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert len(entered(index)) == 1
