import pytest

from s3d.agent.storage.records import Layout, ObjectRecord, Stored


async def test_a_page_is_a_thousand_at_most_and_says_so(s3, bucket, index):
    def fill(tx):
        for at in range(1_001):
            tx.put_current(bucket, Stored(ObjectRecord(f"{at:04d}"), Layout()), None)

    await index.write(fill)
    page = await s3("ListObjectsV2", Bucket=bucket, MaxKeys=5_000)
    assert (page["MaxKeys"], page["KeyCount"], page["IsTruncated"]) == (1_000, 1_000, True)
    token = page["NextContinuationToken"]
    rest = await s3("ListObjectsV2", Bucket=bucket, ContinuationToken=token)
    assert rest.names("Contents", "Key") == ["1000"]


@pytest.mark.parametrize("name", ["ListObjects", "ListObjectsV2", "ListObjectVersions"])
async def test_a_size_below_nothing_is_refused(s3, bucket, name):
    await s3.refused("InvalidArgument", name, Bucket=bucket, MaxKeys=-1)


@pytest.mark.parametrize(
    "name", ["ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"]
)
async def test_an_unknown_encoding_is_refused(s3, bucket, name):
    await s3.refused("InvalidArgument", name, Bucket=bucket, EncodingType="base64")


async def test_the_next_marker_of_version_1_comes_with_a_delimiter_only(s3, bucket):
    for key in ("a/1", "a/2", "b"):
        await s3.put(bucket, key)
    assert "NextMarker" not in await s3("ListObjects", Bucket=bucket, MaxKeys=1)
    page = await s3("ListObjects", Bucket=bucket, MaxKeys=1, Delimiter="/")
    assert page["NextMarker"] == "a/"
    rest = await s3("ListObjects", Bucket=bucket, Delimiter="/", Marker="a/")
    assert (rest.names("Contents", "Key"), rest.get("CommonPrefixes")) == (["b"], None)
