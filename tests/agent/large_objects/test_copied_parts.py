"""Copies in parts, which the store makes itself."""

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects import copied_parts
from s3d.agent.large_objects.copied_parts import CopySource, copy_in_parts, needs_parts
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.large_objects.conftest import BUCKET, PART, PLACE, SIZE, away_at, uploads_of


async def copy(transfers, store, etag):
    source = CopySource(BUCKET, "source", SIZE, etag)
    moved = []
    await copy_in_parts(
        transfers, "t1", source, PLACE,
        condition={"IfNoneMatch": "*"}, moved=moved.append, client=S3Client(store),
    )  # fmt: skip
    return sum(moved)


async def test_a_copy_goes_on_with_the_parts_that_are_missing(transfers, store, data, monkeypatch):
    monkeypatch.setattr(copied_parts, "COPIED_PART", PART)
    client = S3Client(store.inner)
    etag = (await client.put(BUCKET, "source", BytesBody(data))).etag
    store.fails = away_at("UploadPartCopy", 5)
    with pytest.raises(S3Error):
        await copy(transfers, store, etag)
    store.fails = lambda request: None
    store.calls.clear()
    assert await copy(transfers, store, etag) == SIZE
    assert store.calls.count("UploadPartCopy") < 6
    info, body = await client.get(BUCKET, "film.mkv")
    assert (b"".join([chunk async for chunk in body]), info.size) == (data, SIZE)


async def test_a_source_that_was_replaced_is_not_copied(transfers, store, data):
    client = S3Client(store.inner)
    etag = (await client.put(BUCKET, "source", BytesBody(data))).etag
    await client.put(BUCKET, "source", BytesBody(b"newer"))
    with pytest.raises(S3Error) as caught:
        await copy(transfers, store, etag)
    assert (caught.value.code, await uploads_of(store)) == ("PreconditionFailed", [])


@pytest.mark.finding("COPY-SSE")
@pytest.mark.parametrize("has_default", [False, True])
async def test_it_stays_encrypted_where_the_bucket_does_not_encrypt(
    transfers, store, data, has_default
):
    """AWS always has a default, which must decide: it may name another key."""
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1", "BucketKeyEnabled": True}
    client = S3Client(store.inner)
    source = {"Bucket": BUCKET, "Key": "source", **kms}
    etag = (await client.output("PutObject", source, BytesBody(data)))["ETag"]
    if has_default:
        apply = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        setting = {"ServerSideEncryptionConfiguration": {"Rules": [apply]}}
        await client.output("PutBucketEncryption", {"Bucket": BUCKET, **setting})
    await copy(transfers, store, etag)
    head = await client.output("HeadObject", PLACE)
    assert (kms.items() <= head.items()) is not has_default


def test_one_request_copies_up_to_five_gib():
    assert not needs_parts(5 << 30)
    assert needs_parts((5 << 30) + 1)
