from __future__ import annotations

import pytest
from msgspec.structs import replace

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.lookup import find_bucket, find_upload, find_version, update_metadata


async def refused(index, function, *arguments):
    with pytest.raises(S3Error) as error:
        index.read_inline(lambda reader: function(reader, *arguments))
    return error.value


async def test_what_is_not_there_is_named(index, bucket):
    error = await refused(index, find_bucket, "none")
    assert (error.code, error.detail) == ("NoSuchBucket", {"BucketName": "none"})
    record = index.read_inline(lambda reader: find_bucket(reader, bucket))
    error = await refused(index, find_version, record, "k")
    assert (error.code, error.detail) == ("NoSuchKey", {"Key": "k"})
    error = await refused(index, find_version, record, "k", "0" * 16)
    assert (error.code, error.detail["VersionId"]) == ("NoSuchVersion", "0" * 16)
    error = await refused(index, find_version, record, "k", "what")
    assert (error.code, error.detail["ArgumentName"]) == ("InvalidArgument", "versionId")
    error = await refused(index, find_upload, bucket, "k", "u")
    assert (error.code, error.detail) == ("NoSuchUpload", {"UploadId": "u"})


async def test_a_delete_marker_says_that_it_is_one(index, s3, bucket):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = (await s3("DeleteObject", Bucket=bucket, Key="k"))["VersionId"]
    record = index.read_inline(lambda reader: find_bucket(reader, bucket))
    hidden = await refused(index, find_version, record, "k")
    named = await refused(index, find_version, record, "k", marker)
    assert (hidden.code, named.code) == ("NoSuchKey", "MethodNotAllowed")
    for error in (hidden, named):
        assert (error.detail["DeleteMarker"], error.detail["VersionId"]) == ("true", marker)


async def revised(index, bucket, key, version_id=None):
    def change(description):
        return replace(description, metadata={"revised": "yes"})

    return await index.write(
        lambda tx: update_metadata(tx, find_bucket(tx, bucket), key, version_id, change)
    )


async def test_data_number_and_time_stay(s3, bucket, index):
    await s3.put(bucket, "k", b"data", Metadata={"a": "b"})
    before = index.read_inline(lambda reader: reader.current(bucket, b"k"))
    totals = await index.read_in_thread(lambda reader: reader.totals(bucket))
    record = await revised(index, bucket, "k")
    after = index.read_inline(lambda reader: reader.current(bucket, b"k"))
    assert after.record == record
    assert record.description.metadata == {"revised": "yes"}
    assert replace(record, description=before.record.description) == before.record
    assert after.layout == before.layout
    assert await index.read_in_thread(lambda reader: reader.totals(bucket)) == totals
    assert await s3.read(bucket, "k") == b"data"


async def test_an_older_version_stays_in_its_place(s3, bucket, index):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = (await s3.put(bucket, "k", b"old"))["VersionId"]
    await s3.put(bucket, "k", b"new", Metadata={"n": "2"})
    totals = await index.read_in_thread(lambda reader: reader.totals(bucket))
    await revised(index, bucket, "k", old)
    head = await s3("HeadObject", Bucket=bucket, Key="k", VersionId=old)
    assert head["Metadata"] == {"revised": "yes"}
    assert (await s3("HeadObject", Bucket=bucket, Key="k"))["Metadata"] == {"n": "2"}
    assert await index.read_in_thread(lambda reader: reader.totals(bucket)) == totals
    listed = await s3("ListObjectVersions", Bucket=bucket)
    assert [entry["IsLatest"] for entry in listed["Versions"]] == [True, False]


@pytest.mark.parametrize(("version_id", "code"), [(None, "NoSuchKey"), ("null", "NoSuchVersion")])
async def test_what_is_not_there_cannot_be_revised(bucket, index, version_id, code):
    with pytest.raises(S3Error, match=code):
        await revised(index, bucket, "none", version_id)
