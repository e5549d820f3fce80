"""Versioning: versions, delete markers, the null version.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
"""

from __future__ import annotations

import pytest


async def versions(s3, bucket: str) -> list[tuple[str, str, bool, bool]]:
    """(key, version id, is latest, is a delete marker) of all, markers behind versions."""
    listed = await s3("ListObjectVersions", Bucket=bucket)
    return [
        (entry["Key"], entry["VersionId"], entry["IsLatest"], marker)
        for member, marker in (("Versions", False), ("DeleteMarkers", True))
        for entry in listed.get(member, [])
    ]


async def suspend(s3, bucket: str) -> None:
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


async def test_the_state_of_versioning(s3, bucket):
    assert "Status" not in await s3("GetBucketVersioning", Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        configuration = {"Status": status}
        await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=configuration)
        assert (await s3("GetBucketVersioning", Bucket=bucket))["Status"] == status


@pytest.mark.parametrize("configuration", [{"Status": "On"}, {"Status": "enabled"}, {}])
async def test_a_state_that_is_none_is_refused(s3, bucket, configuration):
    code = await s3.code(
        "PutBucketVersioning", Bucket=bucket, VersioningConfiguration=configuration
    )
    assert code in ("MalformedXML", "IllegalVersioningConfigurationException")
    assert "Status" not in await s3("GetBucketVersioning", Bucket=bucket)


async def test_without_versioning_no_version_id_is_given(s3, bucket):
    put = await s3.put(bucket, "k", b"data")
    got = await s3("GetObject", Bucket=bucket, Key="k")
    deleted = await s3("DeleteObject", Bucket=bucket, Key="k")
    for answer in (put, got, deleted):
        assert "VersionId" not in answer
    assert not deleted.get("DeleteMarker")


async def test_every_put_makes_a_version(s3, versioned):
    ids = [(await s3.put(versioned, "k", body))["VersionId"] for body in (b"1", b"2", b"3")]
    assert len(set(ids)) == 3
    got = await s3("GetObject", Bucket=versioned, Key="k")
    assert (got.body, got["VersionId"]) == (b"3", ids[2])
    for version, body in zip(ids, (b"1", b"2", b"3"), strict=True):
        got = await s3("GetObject", Bucket=versioned, Key="k", VersionId=version)
        assert (got.body, got["VersionId"]) == (body, version)
        head = await s3("HeadObject", Bucket=versioned, Key="k", VersionId=version)
        assert head["VersionId"] == version
    assert await versions(s3, versioned) == [
        ("k", ids[2], True, False),
        ("k", ids[1], False, False),
        ("k", ids[0], False, False),
    ]
    assert await s3.keys(versioned) == ["k"]


async def test_a_delete_puts_a_marker_over_the_versions(s3, versioned):
    version = (await s3.put(versioned, "k", b"data"))["VersionId"]
    deleted = await s3("DeleteObject", Bucket=versioned, Key="k")
    assert deleted["DeleteMarker"] is True
    marker = deleted["VersionId"]
    await s3.refused("NoSuchKey", "GetObject", Bucket=versioned, Key="k")
    await s3.refused("NoSuchKey", "HeadObject", Bucket=versioned, Key="k")
    assert await s3.keys(versioned) == []
    assert await s3.read(versioned, "k", VersionId=version) == b"data"
    assert await versions(s3, versioned) == [
        ("k", version, False, False),
        ("k", marker, True, True),
    ]


async def test_a_marker_itself_cannot_be_read(s3, versioned):
    await s3.put(versioned, "k", b"data")
    marker = (await s3("DeleteObject", Bucket=versioned, Key="k"))["VersionId"]
    for operation in ("GetObject", "HeadObject"):
        error = await s3.refused(
            "MethodNotAllowed", operation, Bucket=versioned, Key="k", VersionId=marker
        )
        assert error.status == 405


async def test_a_marker_is_put_also_where_there_is_nothing_or_a_marker(s3, versioned):
    markers = [(await s3("DeleteObject", Bucket=versioned, Key="k"))["VersionId"] for _ in range(2)]
    assert await versions(s3, versioned) == [
        ("k", markers[1], True, True),
        ("k", markers[0], False, True),
    ]


async def test_deleting_the_marker_brings_the_object_back(s3, versioned):
    version = (await s3.put(versioned, "k", b"data"))["VersionId"]
    marker = (await s3("DeleteObject", Bucket=versioned, Key="k"))["VersionId"]
    undone = await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=marker)
    assert undone["DeleteMarker"] is True
    assert undone["VersionId"] == marker
    assert await s3.read(versioned, "k") == b"data"
    assert await versions(s3, versioned) == [("k", version, True, False)]


async def test_deleting_a_version_removes_it_for_good(s3, versioned):
    one = (await s3.put(versioned, "k", b"1"))["VersionId"]
    two = (await s3.put(versioned, "k", b"2"))["VersionId"]
    deleted = await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=two)
    assert deleted["VersionId"] == two
    assert "DeleteMarker" not in deleted
    assert await s3.read(versioned, "k") == b"1"
    await s3.refused("NoSuchVersion", "GetObject", Bucket=versioned, Key="k", VersionId=two)
    again = await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=two)
    assert again.status == 204
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=one)
    assert await versions(s3, versioned) == []
    await s3.refused("NoSuchKey", "GetObject", Bucket=versioned, Key="k")


async def test_an_older_version_goes_without_touching_the_latest(s3, versioned):
    ids = [(await s3.put(versioned, "k", body))["VersionId"] for body in (b"1", b"2", b"3")]
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=ids[1])
    assert [entry[1] for entry in await versions(s3, versioned)] == [ids[2], ids[0]]
    assert await s3.read(versioned, "k") == b"3"


async def test_what_was_there_before_versioning_is_the_null_version(s3, bucket):
    await s3.put(bucket, "k", b"old")
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert await s3.read(bucket, "k") == b"old"
    new = (await s3.put(bucket, "k", b"new"))["VersionId"]
    assert await s3.read(bucket, "k", VersionId="null") == b"old"
    assert [entry[1] for entry in await versions(s3, bucket)] == [new, "null"]
    await s3("DeleteObject", Bucket=bucket, Key="k", VersionId="null")
    assert [entry[1] for entry in await versions(s3, bucket)] == [new]


async def test_while_suspended_a_put_replaces_the_null_version_alone(s3, versioned):
    kept = (await s3.put(versioned, "k", b"kept"))["VersionId"]
    await suspend(s3, versioned)
    for body in (b"null 1", b"null 2"):
        put = await s3.put(versioned, "k", body)
        assert put.get("VersionId", "null") == "null"
    assert await s3.read(versioned, "k") == b"null 2"
    assert [entry[1] for entry in await versions(s3, versioned)] == ["null", kept]
    assert await s3.read(versioned, "k", VersionId=kept) == b"kept"


async def test_while_suspended_a_delete_puts_a_null_marker_in_place_of_the_null_version(
    s3, versioned
):
    kept = (await s3.put(versioned, "k", b"kept"))["VersionId"]
    await suspend(s3, versioned)
    await s3.put(versioned, "k", b"null")
    deleted = await s3("DeleteObject", Bucket=versioned, Key="k")
    assert (deleted["DeleteMarker"], deleted["VersionId"]) == (True, "null")
    assert await versions(s3, versioned) == [
        ("k", kept, False, False),
        ("k", "null", True, True),
    ]
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId="null")
    assert await s3.read(versioned, "k") == b"kept"


async def test_each_page_of_versions_can_be_removed_before_the_next(s3, versioned):
    for key in ("k", "k", "k", "l"):
        await s3.put(versioned, key, b"kept")
    after = {}
    for left in (3, 2, 1, 0):
        page = await s3("ListObjectVersions", Bucket=versioned, MaxKeys=1, **after)
        assert page["IsTruncated"] is (left > 0)
        (found,) = page["Versions"]
        at = {"Bucket": versioned, "Key": found["Key"], "VersionId": found["VersionId"]}
        await s3("DeleteObject", **at)
        after = {n: page.get(f"Next{n}") for n in ("KeyMarker", "VersionIdMarker")}
    assert await versions(s3, versioned) == []


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("GetObject", {}),
        ("HeadObject", {}),
        ("GetObjectTagging", {}),
        ("GetObjectAttributes", {"ObjectAttributes": ["ETag"]}),
    ],
)
async def test_a_version_that_never_was(s3, versioned, operation, members):
    await s3.put(versioned, "k", b"data")
    other = (await s3.put(versioned, "other", b"data"))["VersionId"]
    at = {"Bucket": versioned, "Key": "k", **members}
    await s3.refused("NoSuchVersion", operation, VersionId=other, **at)


async def test_null_names_the_object_of_a_bucket_without_versioning(s3, bucket):
    await s3.put(bucket, "k", b"data")
    assert await s3.read(bucket, "k", VersionId="null") == b"data"
    assert await versions(s3, bucket) == [("k", "null", True, False)]
    await s3("DeleteObject", Bucket=bucket, Key="k", VersionId="null")
    assert await s3.keys(bucket) == []


async def test_versions_keep_their_own_headers_and_tags(s3, versioned):
    one = await s3.put(versioned, "k", b"1", Metadata={"n": "1"}, Tagging="n=1")
    two = await s3.put(versioned, "k", b"2", Metadata={"n": "2"}, Tagging="n=2")
    for answer, number in ((one, "1"), (two, "2")):
        at = {"Bucket": versioned, "Key": "k", "VersionId": answer["VersionId"]}
        assert (await s3("HeadObject", **at))["Metadata"] == {"n": number}
        assert (await s3("GetObjectTagging", **at))["TagSet"] == [{"Key": "n", "Value": number}]


async def test_tags_of_an_older_version_can_be_changed(s3, versioned):
    one = (await s3.put(versioned, "k", b"1"))["VersionId"]
    await s3.put(versioned, "k", b"2", Tagging="n=2")
    at = {"Bucket": versioned, "Key": "k"}
    tags = {"TagSet": [{"Key": "x", "Value": "y"}]}
    put = await s3("PutObjectTagging", VersionId=one, Tagging=tags, **at)
    assert put["VersionId"] == one
    assert (await s3("GetObjectTagging", VersionId=one, **at))["TagSet"] == tags["TagSet"]
    assert (await s3("GetObjectTagging", **at))["TagSet"] == [{"Key": "n", "Value": "2"}]
    assert [entry[1] for entry in await versions(s3, versioned)][1] == one


async def test_a_version_can_be_copied_and_made_the_latest_again(s3, versioned):
    one = (await s3.put(versioned, "k", b"1"))["VersionId"]
    await s3.put(versioned, "k", b"2")
    copied = await s3(
        "CopyObject", Bucket=versioned, Key="k", CopySource=f"{versioned}/k?versionId={one}"
    )
    assert copied["CopySourceVersionId"] == one
    assert copied["VersionId"] not in (None, one)
    assert await s3.read(versioned, "k") == b"1"
    assert len(await versions(s3, versioned)) == 3


async def test_a_delete_marker_cannot_be_copied(s3, versioned):
    await s3.put(versioned, "k", b"1")
    marker = (await s3("DeleteObject", Bucket=versioned, Key="k"))["VersionId"]
    copy = {"Bucket": versioned, "Key": "to"}
    await s3.refused("NoSuchKey", "CopyObject", CopySource=f"{versioned}/k", **copy)
    await s3.refused(
        "InvalidRequest", "CopyObject", CopySource=f"{versioned}/k?versionId={marker}", **copy
    )


async def test_a_multipart_upload_makes_a_version(s3, versioned):
    before = (await s3.put(versioned, "k", b"before"))["VersionId"]
    upload = (await s3("CreateMultipartUpload", Bucket=versioned, Key="k"))["UploadId"]
    at = {"Bucket": versioned, "Key": "k", "UploadId": upload}
    part = await s3("UploadPart", PartNumber=1, Body=b"after", **at)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    completed = await s3("CompleteMultipartUpload", MultipartUpload=parts, **at)
    listed = [entry[1] for entry in await versions(s3, versioned)]
    assert listed == [completed["VersionId"], before]


async def test_delete_objects_names_versions_and_markers(s3, versioned):
    one = (await s3.put(versioned, "a", b"1"))["VersionId"]
    await s3.put(versioned, "b", b"1")
    deleted = await s3(
        "DeleteObjects",
        Bucket=versioned,
        Delete={"Objects": [{"Key": "a", "VersionId": one}, {"Key": "b"}]},
    )
    by_key = {entry["Key"]: entry for entry in deleted["Deleted"]}
    assert by_key["a"]["VersionId"] == one
    assert by_key["b"]["DeleteMarker"] is True
    assert by_key["b"]["DeleteMarkerVersionId"]
    assert [entry[0] for entry in await versions(s3, versioned)] == ["b", "b"]
