import os
from types import SimpleNamespace

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.local.object_keys import ObjectKeys
from s3d.agent.stores.local.object_reads import look_and_open
from tests.agent.storage.files import files, left
from tests.contract.client import read

BIG = os.urandom(200_000)


async def test_a_reader_keeps_what_is_overwritten_and_deleted_meanwhile(
    local, s3, bucket, tmp_path
):
    await s3.put(bucket, "k", BIG)
    request = S3Request(operations()["GetObject"], {"Bucket": bucket, "Key": "k"})
    early, late = [local.call(request).response.body for _ in range(2)]
    await s3.put(bucket, "k", b"small")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    assert await read(early) == BIG
    assert await read(late) == BIG
    assert await left(tmp_path, 0)


async def test_an_error_of_the_reading_disk_is_an_internal_error(s3, bucket, tmp_path):
    await s3.put(bucket, "k", BIG)
    (blob,) = files(tmp_path)
    (tmp_path / "blobs" / "000" / str(blob)).unlink()
    with pytest.raises(S3Error, match="cannot read") as refused:
        await s3.read(bucket, "k")
    assert refused.value.status == 500


def asked(local, name, **members):
    members = {"Bucket": "bucket", "Key": "k", **members}
    return local.call(S3Request(operations()[name], members)).response


async def test_what_is_asked_again_is_answered_with_what_was_made_before(local, s3, bucket):
    await s3.put(bucket, "k", b"value", ChecksumAlgorithm="SHA256")
    first, second = asked(local, "HeadObject"), asked(local, "GetObject")
    assert first.output is second.output
    assert first.rendered_headers is not None
    assert first.rendered_headers is second.rendered_headers
    with_checksum = asked(local, "HeadObject", ChecksumMode="ENABLED")
    assert "ChecksumSHA256" in with_checksum.output
    assert "ChecksumSHA256" not in asked(local, "HeadObject").output
    assert with_checksum.rendered_headers is not first.rendered_headers


@pytest.mark.parametrize(
    "members",
    [
        {"Range": "bytes=0-1"},
        {"PartNumber": 1},
        {"VersionId": "null"},
        {"IfNoneMatch": '"other"'},
        {"ResponseContentType": "a/b"},
    ],
)
async def test_what_is_asked_in_particular_is_answered_anew(local, s3, bucket, members):
    await s3.put(bucket, "k", b"value")
    plain = dict(asked(local, "GetObject").output)
    assert asked(local, "GetObject", **members).rendered_headers is None
    assert asked(local, "GetObject").output == plain


async def test_an_answer_is_made_anew_after_a_change(local, s3, bucket):
    await s3.put(bucket, "k", b"value")
    old = asked(local, "HeadObject")
    await s3("PutObjectTagging", Bucket=bucket, Key="k", Tagging={"TagSet": [TAG]})
    tagged = asked(local, "HeadObject")
    assert (tagged.output["TagCount"], "TagCount" in old.output) == (1, False)
    enabled = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=enabled)
    assert asked(local, "HeadObject").output["VersionId"] == "null"
    await s3.put(bucket, "k", b"longer value")
    newest = asked(local, "HeadObject")
    assert newest.output["ContentLength"] == 12
    assert not newest.rendered_headers


TAG = {"Key": "a", "Value": "b"}


SEVERAL = bytes(range(256)) * 1_000


def whole(bucket, key):
    def find(reader):
        stored = reader.current(bucket, key)
        return SimpleNamespace(stored=stored, span=(0, stored.record.size))

    return find


async def test_a_record_that_a_commit_overtook_is_looked_up_again(index, local, s3, bucket):
    await s3.put(bucket, "k", b"old")
    index.read_inline(lambda reader: reader.current(bucket, b"k"))  # now it is remembered
    remembered = index._cache.objects.get((bucket, b"k"))
    await s3.put(bucket, "k", b"new")
    # As if the news of the commit were still on its way to the loop.
    index._cache.objects[bucket, b"k"] = remembered
    found, body = look_and_open(index, local._blobs, ObjectKeys(index), whole(bucket, b"k"))
    assert await read(body) == b"new"
    assert found.stored.record.seq > remembered.record.seq


async def test_without_a_span_there_is_no_body(index, local):
    _, body = look_and_open(
        index, local._blobs, ObjectKeys(index), lambda reader: SimpleNamespace(span=None)
    )
    assert body is None


@pytest.mark.parametrize("data", [b"", b"0123456789", SEVERAL])
async def test_a_span_is_cut_out_of_the_bytes(index, local, s3, bucket, data):
    await s3.put(bucket, "k", data)

    def find(reader):
        return SimpleNamespace(stored=reader.current(bucket, b"k"), span=(2, max(0, len(data) - 5)))

    _, body = look_and_open(index, local._blobs, ObjectKeys(index), find)
    assert await read(body) == data[2:-3]
