"""update_metadata: another description for a version that is there, and nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.lookup import find_bucket
from s3d.agent.stores.local.update_metadata import update_metadata


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
