"""Annotations of encrypted objects are encrypted as their object is."""

import pytest

from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.storage.annotation_rows import all_annotations
from tests.agent.stores.local.keys import SOURCE, customer
from tests.agent.stores.local.test_object_keys import stored_bytes
from tests.contract.client import Client

pytestmark = pytest.mark.finding("ANNOTATION-SSE")

SECRET = b"a secret that is long enough to be found"
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"}
WAYS = {
    "plain": ({}, None),
    "sse-s3": ({"ServerSideEncryption": "AES256"}, "AES256"),
    "sse-kms": (KMS, "aws:kms"),
    "dsse-kms": (KMS | {"ServerSideEncryption": "aws:kms:dsse"}, "aws:kms:dsse"),
    "sse-c": (customer(), "AES256"),
}
"""Members of a write, and what responses about an annotation of the object show."""


async def annotate(s3, key="k", name="n"):
    place = {"Bucket": "bucket", "Key": key, "AnnotationName": name}
    return await s3("PutObjectAnnotation", Body=SECRET, **place)


async def shown(s3, key="k", name="n"):
    """The encryption of an annotation, which must be readable."""
    place = {"Bucket": "bucket", "Key": key, "AnnotationName": name}
    got = await s3("GetObjectAnnotation", **place)
    assert (got.body, got["ContentLength"]) == (SECRET, len(SECRET))
    return got.get("ServerSideEncryption")


def key_ids(index, key="k"):
    """The keys of the key ring that the annotations of an object need."""

    def look(reader):
        record = reader.current("bucket", key.encode()).record
        return {each.encryption and each.encryption.key_id for each, _ in
                all_annotations(reader, "bucket", record)}  # fmt: skip

    return index.read_inline(look)


@pytest.mark.parametrize("way", WAYS)
async def test_it_is_encrypted_as_the_object_is(s3, bucket, tmp_path, way):
    members, expected = WAYS[way]
    await s3.put(bucket, "k", b"data", **members)
    put = await annotate(s3)
    assert put.get("ServerSideEncryption") == expected == await shown(s3)
    assert (SECRET in stored_bytes(tmp_path)) is (way == "plain")


@pytest.mark.parametrize("target", WAYS)
@pytest.mark.parametrize("source", WAYS)
async def test_a_copy_has_them_with_its_own_encryption(local, bucket, index, source, target):
    s3 = Client(local, ANONYMOUS)  # the agent's own copies keep the encryption of the source
    members, _ = WAYS[source]
    await s3.put(bucket, "k", b"data", **members)
    await annotate(s3)
    await annotate(s3, name="m")
    asked, expected = WAYS[target]
    of_source = customer(prefix=SOURCE) if source == "sse-c" else {}
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k"}
    await s3("CopyObject", **copy, **of_source, **asked)
    for name in ("n", "m"):
        assert await shown(s3, "copy", name) == expected
    assert len(key_ids(index, "copy")) == 1
    await s3("DeleteObject", Bucket=bucket, Key="k")
    assert await shown(s3, "copy") == expected


async def test_another_key_of_the_object_is_theirs(s3, bucket, index):
    await s3.put(bucket, "k", b"data", ServerSideEncryption="AES256")
    await annotate(s3)
    before = key_ids(index)
    arn = "arn:aws:kms:us-east-1:111122223333:key/other"
    changed = {"SSEKMS": {"KMSKeyArn": arn}}
    await s3("UpdateObjectEncryption", Bucket=bucket, Key="k", ObjectEncryption=changed)
    assert await shown(s3) == "aws:kms"
    assert key_ids(index).isdisjoint(before)


async def test_appended_and_renamed_objects_keep_them(s3, bucket):
    await s3.put(bucket, "k", b"data", **KMS)
    await annotate(s3)
    await s3.put(bucket, "k", b"more", WriteOffsetBytes=4)
    assert await shown(s3) == "aws:kms"
    await s3("RenameObject", Bucket=bucket, Key="new", RenameSource=f"{bucket}/k")
    assert await shown(s3, "new") == "aws:kms"


async def test_the_number_of_copied_annotations_is_that_of_the_copy(s3, bucket, local, monkeypatch):
    """The source loses one after the copy has looked at it and before it is committed."""
    await s3.put(bucket, "k", b"data")
    await annotate(s3)
    await annotate(s3, name="m")
    write = local._index.write
    calls = iter([True])

    async def delayed(action, *rest, **more):
        if next(calls, False):
            await s3("DeleteObjectAnnotation", Bucket=bucket, Key="k", AnnotationName="m")
        return await write(action, *rest, **more)

    monkeypatch.setattr(local._index, "write", delayed)
    await s3("CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    monkeypatch.undo()
    listed = await s3("ListObjectAnnotations", Bucket=bucket, Key="copy")
    assert listed.names("Annotations", "AnnotationName") == ["n"]
    await s3("DeleteObjectAnnotation", Bucket=bucket, Key="copy", AnnotationName="n")
    assert local._index.read_inline(
        lambda reader: reader.current(bucket, b"copy").record.annotations == 0
    )
