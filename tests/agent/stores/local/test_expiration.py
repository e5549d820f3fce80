"""expiration: lifecycle rules are carried out, and shown in x-amz-expiration."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from s3d.agent.s3.lifecycle import DAY
from s3d.agent.storage.blobs import Blobs
from s3d.agent.stores.local.store import LocalStore
from tests.agent.manual_clock import ManualClock
from tests.contract.client import Client

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def local(index, tmp_path, clock) -> LocalStore:
    return LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True), clock=clock)


@pytest.fixture
def s3(local) -> Client:
    return Client(local)


async def put_rules(s3, bucket, *rules):
    rules = [{"Status": "Enabled", "Filter": {}, **rule} for rule in rules]
    configuration = {"Rules": rules}
    await s3("PutBucketLifecycleConfiguration", Bucket=bucket, LifecycleConfiguration=configuration)


async def keys(s3, bucket) -> list[str]:
    return (await s3("ListObjectsV2", Bucket=bucket)).names("Contents", "Key")


async def versions(s3, bucket) -> list[tuple[str, str]]:
    listed = await s3("ListObjectVersions", Bucket=bucket)
    rows = [("object", each) for each in listed.get("Versions", [])]
    rows += [("marker", each) for each in listed.get("DeleteMarkers", [])]
    return [(kind, each["Key"]) for kind, each in rows]


@pytest.mark.finding("s3-cases: lifecycle expiration header put")
@pytest.mark.finding("s3-cases: lifecycle expiration header tags head")
async def test_responses_show_when_an_object_expires(s3, bucket):
    tagged = {"Filter": {"Tag": {"Key": "tmp", "Value": "yes"}}}
    await put_rules(s3, bucket, {"ID": "days", **tagged, "Expiration": {"Days": 2}})
    header = 'expiry-date="Wed, 02 Dec 2026 00:00:00 GMT", rule-id="days"'
    put = await s3.put(bucket, "k", Tagging="tmp=yes")
    assert put["Expiration"] == header
    for operation in ("HeadObject", "GetObject", "HeadObject"):
        assert (await s3(operation, Bucket=bucket, Key="k"))["Expiration"] == header
    assert "Expiration" not in await s3.put(bucket, "other")
    copied = await s3(
        "CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", TaggingDirective="COPY"
    )
    assert copied["Expiration"] == header
    await s3("DeleteBucketLifecycle", Bucket=bucket)
    assert "Expiration" not in await s3("HeadObject", Bucket=bucket, Key="k")


async def test_a_completed_upload_shows_it_too(s3, bucket):
    await put_rules(s3, bucket, {"ID": "days", "Expiration": {"Days": 1}})
    place = {"Bucket": bucket, "Key": "large"}
    place["UploadId"] = (await s3("CreateMultipartUpload", **place))["UploadId"]
    etag = (await s3("UploadPart", PartNumber=1, Body=b"data", **place))["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    done = await s3("CompleteMultipartUpload", MultipartUpload=parts, **place)
    assert 'rule-id="days"' in done["Expiration"]


async def test_objects_expire_at_midnight_after_their_days(s3, bucket, local, clock):
    await put_rules(s3, bucket, {"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}})
    for key in ("keep", "tmp/a", "tmp/b"):
        await s3.put(bucket, key)
    clock.now = NOON + DAY
    assert await local.expiration.apply() == 0
    await s3.put(bucket, "tmp/b")  # replaced: its days begin anew
    clock.now = NOON + 1.5 * DAY
    assert await local.expiration.apply() == 1
    assert await keys(s3, bucket) == ["keep", "tmp/b"]
    assert await local.expiration.apply() == 0


async def test_with_versioning_objects_are_hidden_and_old_versions_removed(
    s3, bucket, local, clock
):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    await put_rules(
        s3,
        bucket,
        {"ID": "hide", "Expiration": {"Days": 10}},
        {"ID": "old", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
    )
    for content in (b"1", b"2", b"3"):
        await s3.put(bucket, "k", content)
        clock.now += 60
    clock.now = NOON + 2 * DAY
    assert await local.expiration.apply() == 2
    assert (await s3("GetObject", Bucket=bucket, Key="k")).body == b"3"
    clock.now = NOON + 11 * DAY
    assert await local.expiration.apply() == 1
    assert await versions(s3, bucket) == [("object", "k"), ("marker", "k")]
    clock.now = NOON + 13 * DAY
    assert await local.expiration.apply() == 1
    assert await versions(s3, bucket) == [("marker", "k")]
    clock.now = NOON + 23 * DAY
    assert await local.expiration.apply() == 1
    assert await versions(s3, bucket) == []


async def test_the_newest_noncurrent_versions_stay(s3, bucket, local, clock):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    limits = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}
    await put_rules(s3, bucket, {"NoncurrentVersionExpiration": limits})
    for number in range(5):
        await s3.put(bucket, "k", str(number).encode())
    clock.now = NOON + 9 * DAY
    assert await local.expiration.apply() == 2
    listed = await s3("ListObjectVersions", Bucket=bucket)
    contents = [
        (await s3("GetObject", Bucket=bucket, Key="k", VersionId=each["VersionId"])).body
        for each in listed["Versions"]
    ]
    assert contents == [b"4", b"3", b"2"]


async def test_a_version_under_object_lock_stays(s3, local, clock):
    await s3("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    await put_rules(s3, "locked", {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    await s3.put("locked", "k", b"1", ObjectLockLegalHoldStatus="ON")
    await s3.put("locked", "k", b"2")
    clock.now = NOON + 9 * DAY
    assert await local.expiration.apply() == 0
    assert len(await versions(s3, "locked")) == 2


@pytest.mark.finding("user-6")
async def test_an_upload_shows_when_it_is_aborted(s3, bucket):
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    await put_rules(s3, bucket, {"ID": "abort", "Filter": {"Prefix": "a/"}, **abort})
    date = datetime(2026, 12, 1, tzinfo=UTC)
    place = {"Bucket": bucket, "Key": "a/k"}
    upload = await s3("CreateMultipartUpload", **place)
    assert (upload["AbortDate"], upload["AbortRuleId"]) == (date, "abort")
    parts = await s3("ListParts", UploadId=upload["UploadId"], **place)
    assert (parts["AbortDate"], parts["AbortRuleId"]) == (date, "abort")
    assert "AbortDate" not in await s3("CreateMultipartUpload", Bucket=bucket, Key="b/k")


async def test_unfinished_uploads_are_aborted(s3, bucket, local, clock):
    await put_rules(s3, bucket, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    place = {"Bucket": bucket, "Key": "large"}
    upload = await s3("CreateMultipartUpload", **place)
    await s3("UploadPart", PartNumber=1, Body=b"data", UploadId=upload["UploadId"], **place)
    clock.now = NOON + DAY
    assert await local.expiration.apply() == 0
    clock.now = NOON + 2 * DAY
    assert await local.expiration.apply() == 1
    await s3.refused("NoSuchUpload", "ListParts", UploadId=upload["UploadId"], **place)


async def test_a_round_goes_on_over_many_pages(s3, bucket, local, clock, monkeypatch):
    monkeypatch.setattr("s3d.agent.stores.local.expiration._PAGE", 3)
    monkeypatch.setattr("s3d.agent.stores.local.expiration._COMMIT", 2)
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in "abcde":
        for content in (b"1", b"2"):
            await s3.put(bucket, key, content)
    await s3("DeleteObject", Bucket=bucket, Key="c")
    await put_rules(s3, bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
                    {"Expiration": {"ExpiredObjectDeleteMarker": True}})  # fmt: skip
    clock.now = NOON + 9 * DAY
    assert await local.expiration.apply() == 6
    assert await versions(s3, bucket) == [*(("object", key) for key in "abde"), ("marker", "c")]
    assert await local.expiration.apply() == 1
    assert await keys(s3, bucket) == list("abde")


@pytest.mark.finding("s3-cases: lifecycle expiration days0")
@pytest.mark.finding("s3-cases: lifecycle set invalid date")
@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"Expiration": {"Days": 0}}, "InvalidArgument"),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 0}}, "InvalidArgument"),
        ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}, "InvalidArgument"),
        ({"Expiration": {"Date": datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)}}, "InvalidArgument"),
        ({"Expiration": {"Date": datetime(2026, 1, 1, tzinfo=UTC), "Days": 1}}, "MalformedXML"),
    ],
)
async def test_a_rule_that_s3_refuses(s3, bucket, action, code):
    configuration = {"Rules": [{"Status": "Enabled", "Filter": {}, **action}]}
    name = "PutBucketLifecycleConfiguration"
    await s3.refused(code, name, Bucket=bucket, LifecycleConfiguration=configuration)
