"""Annotations: their limits, conditions and errors, and what becomes of them."""

from __future__ import annotations

import hashlib

import pytest

TEXT = '{"label": "ü"}'.encode()


@pytest.fixture
async def at(s3, bucket) -> dict[str, str]:
    await s3.put(bucket, "k", b"data")
    return {"Bucket": bucket, "Key": "k"}


async def put(s3, at, name="n", body=TEXT, **members):
    return await s3("PutObjectAnnotation", AnnotationName=name, Body=body, **at, **members)


async def names(s3, at, **members):
    listed = await s3("ListObjectAnnotations", **at, **members)
    assert listed["AnnotationCount"] == len(listed["Annotations"])
    return listed.names("Annotations", "AnnotationName")


async def test_an_annotation_is_put_read_listed_and_deleted(s3, at):
    done = await put(s3, at, ChecksumAlgorithm="SHA256")
    assert (done["Key"], done["AnnotationName"]) == ("k", "n")
    assert done["ETag"] == f'"{hashlib.md5(TEXT).hexdigest()}"'
    got = await s3("GetObjectAnnotation", AnnotationName="n", ChecksumMode="ENABLED", **at)
    assert (got.body, got["ContentLength"], got["ETag"]) == (TEXT, len(TEXT), done["ETag"])
    assert got["ChecksumSHA256"] == done["ChecksumSHA256"]
    (entry,) = (await s3("ListObjectAnnotations", **at))["Annotations"]
    assert (entry["Size"], entry["ChecksumAlgorithm"]) == (len(TEXT), ["SHA256"])
    for _ in range(2):
        await s3("DeleteObjectAnnotation", AnnotationName="n", **at)
    assert await names(s3, at) == []
    await s3.refused("NoSuchAnnotation", "GetObjectAnnotation", AnnotationName="n", **at)


async def test_an_annotation_is_replaced_and_the_object_stays(s3, at):
    before = await s3("HeadObject", **at)
    await put(s3, at)
    await put(s3, at, body=b"new")
    assert (await s3("GetObjectAnnotation", AnnotationName="n", **at)).body == b"new"
    after = await s3("HeadObject", **at)
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


async def test_pages_of_a_prefix(s3, at):
    for name in ("a", "b1", "b2", "bü", "c"):
        await put(s3, at, name)
    assert await names(s3, at, AnnotationPrefix="b") == ["b1", "b2", "bü"]
    found, token = [], None
    while True:
        members = {} if token is None else {"ContinuationToken": token}
        page = await s3("ListObjectAnnotations", MaxAnnotationResults=2, **members, **at)
        found += page.names("Annotations", "AnnotationName")
        token = page.get("NextContinuationToken")
        if token is None:
            break
    assert found == ["a", "b1", "b2", "bü", "c"]


@pytest.mark.parametrize(
    ("code", "name", "body"),
    [
        ("InvalidAnnotationName", "", TEXT),
        ("InvalidAnnotationName", "a\nb", TEXT),
        ("AnnotationNameTooLong", "ü" * 257, TEXT),
        ("InvalidRequest", "n", b""),
        ("EntityTooLarge", "n", b"x" * ((1 << 20) + 1)),
        ("UnsupportedMediaType", "n", b"\xff"),
    ],
)
async def test_what_can_be_no_annotation(s3, at, code, name, body):
    members = {"AnnotationName": name, "Body": body, **at}
    await s3.refused(code, "PutObjectAnnotation", **members)
    assert await names(s3, at) == []


async def test_the_longest_name_and_the_largest_payload(s3, at):
    name, body = "ü" * 256, b"x" * (1 << 20)
    await put(s3, at, name, body)
    assert (await s3("GetObjectAnnotation", AnnotationName=name, **at)).body == body


async def test_conditions_and_checksums(s3, at):
    etag = (await s3("HeadObject", **at))["ETag"]
    members = {"AnnotationName": "n", "Body": TEXT, **at}
    await s3.refused("PreconditionFailed", "PutObjectAnnotation", ObjectIfMatch='"x"', **members)
    await s3.refused("BadDigest", "PutObjectAnnotation", ChecksumCRC32="AAAAAA==", **members)
    await put(s3, at, ObjectIfMatch=etag)
    del members["Body"]
    await s3.refused("PreconditionFailed", "DeleteObjectAnnotation", ObjectIfMatch='"x"', **members)
    await s3("DeleteObjectAnnotation", ObjectIfMatch=etag, **members)


async def test_an_object_that_is_not_there(s3, bucket):
    at = {"Bucket": bucket, "Key": "none", "AnnotationName": "n"}
    await s3.refused("NoSuchKey", "PutObjectAnnotation", Body=TEXT, **at)
    for operation in ("GetObjectAnnotation", "DeleteObjectAnnotation"):
        await s3.refused("NoSuchKey", operation, **at)
    await s3.refused("NoSuchKey", "ListObjectAnnotations", Bucket=bucket, Key="none")
    await s3.refused("NoSuchBucket", "ListObjectAnnotations", Bucket="no-bucket", Key="k")


async def test_no_more_than_a_thousand(s3, at, monkeypatch):
    monkeypatch.setattr("s3d.agent.stores.local.annotations.MAX_ANNOTATIONS", 2)
    for name in "ab":
        await put(s3, at, name)
    members = {"AnnotationName": "c", "Body": TEXT, **at}
    await s3.refused("AnnotationLimitExceeded", "PutObjectAnnotation", **members)
    await put(s3, at, "a", b"again")


async def test_annotations_belong_to_a_version(s3, at):
    await s3(
        "PutBucketVersioning",
        Bucket=at["Bucket"],
        VersioningConfiguration={"Status": "Enabled"},
    )
    await put(s3, at)
    new = await s3.put(at["Bucket"], "k", b"new")
    assert await names(s3, at) == []
    assert await names(s3, at, VersionId="null") == ["n"]
    done = await put(s3, at, "other", VersionId="null")
    assert done["ObjectVersionId"] == "null"
    assert await names(s3, at, VersionId=new["VersionId"]) == []
    await s3("DeleteObject", VersionId=new["VersionId"], **at)
    assert await names(s3, at) == ["n", "other"]


async def test_they_go_with_the_object(s3, at):
    await put(s3, at)
    await s3("RenameObject", Bucket=at["Bucket"], Key="r", RenameSource="k")
    renamed = at | {"Key": "r"}
    assert await names(s3, renamed) == ["n"]
    await s3.put(at["Bucket"], "r", b"more", WriteOffsetBytes=4)
    assert await names(s3, renamed) == ["n"]
    copy = {"Bucket": at["Bucket"], "CopySource": f"{at['Bucket']}/r"}
    await s3("CopyObject", Key="c", **copy)
    assert await names(s3, at | {"Key": "c"}) == ["n"]
    await s3("CopyObject", Key="e", AnnotationDirective="EXCLUDE", **copy)
    assert await names(s3, at | {"Key": "e"}) == []
    await s3("CopyObject", Key="r", MetadataDirective="REPLACE", **copy)
    assert await names(s3, renamed) == ["n"]


async def test_nothing_is_left_of_objects_that_are_gone(s3, at, index):
    def rows(reader):
        return reader.select("SELECT count(*) FROM annotations", ()).fetchone()[0]

    await put(s3, at)
    assert index.read_inline(rows) == 1
    await s3.put(at["Bucket"], "k", b"new")
    assert index.read_inline(rows) == 0
    await put(s3, at)
    await s3("DeleteObject", **at)
    assert index.read_inline(rows) == 0
