import pytest

from s3d.agent.storage.records import Checksum, Layout, ObjectRecord, Stored
from s3d.agent.stores.local.listings import row


def test_a_row_has_the_standard_storage_class_and_whole_seconds():
    record = ObjectRecord("k", modified=1_700_000_000.9, checksum=Checksum("SHA1", "x"))
    members = row(record)
    assert members["StorageClass"] == "STANDARD"
    assert members["LastModified"].timestamp() == 1_700_000_000.0
    assert members["ChecksumAlgorithm"] == ["SHA1"]


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


async def begin(s3, bucket, *keys):
    ids = []
    for key in keys:
        upload = await s3("CreateMultipartUpload", Bucket=bucket, Key=key)
        ids.append(upload["UploadId"])
    return ids


async def test_uploads_of_one_key_are_paged_in_the_order_of_their_beginning(s3, bucket):
    ids = await begin(s3, bucket, "k", "k", "k", "a")
    expected = [ids[3], ids[0], ids[1], ids[2]]
    found, marker = [], {}
    while True:
        page = await s3("ListMultipartUploads", Bucket=bucket, MaxUploads=1, **marker)
        found += page.names("Uploads", "UploadId")
        if not page["IsTruncated"]:
            break
        marker = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
    assert found == expected


async def test_a_key_marker_alone_stands_behind_all_uploads_of_its_key(s3, bucket):
    ids = await begin(s3, bucket, "k", "k", "l")
    page = await s3("ListMultipartUploads", Bucket=bucket, KeyMarker="k")
    assert page.names("Uploads", "UploadId") == [ids[2]]


async def test_an_upload_id_marker_without_a_key_is_ignored_as_aws_does(s3, bucket):
    ids = await begin(s3, bucket, "k")
    page = await s3("ListMultipartUploads", Bucket=bucket, UploadIdMarker="~")
    assert page.names("Uploads", "UploadId") == ids


async def test_an_upload_is_found_by_bucket_key_and_id_together(s3, bucket):
    (id,) = await begin(s3, bucket, "k")
    await s3.refused("NoSuchUpload", "ListParts", Bucket=bucket, Key="other", UploadId=id)
    await s3("CreateBucket", Bucket="other")
    await s3.refused("NoSuchUpload", "ListParts", Bucket="other", Key="k", UploadId=id)
    assert "Parts" not in await s3("ListParts", Bucket=bucket, Key="k", UploadId=id)


async def test_an_empty_continuation_token_is_the_first_page(s3, bucket):
    await s3.put(bucket, "k")
    page = await s3("ListObjectsV2", Bucket=bucket, ContinuationToken="")
    assert (page.names("Contents", "Key"), page["ContinuationToken"]) == (["k"], "")
