import asyncio
import errno
import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, StreamBody
from s3d.agent.s3.model import operations
from tests.agent.storage.files import files, left
from tests.contract.client import chunks, read

BIG = os.urandom(200_000)


async def never():
    raise AssertionError("the body was read")
    yield b""


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Bucket": "none-such"}, "NoSuchBucket"),
        ({"IfNoneMatch": "*"}, "PreconditionFailed"),
        ({"IfMatch": '"other"'}, "PreconditionFailed"),
        ({"StorageClass": "PLATINUM"}, "InvalidStorageClass"),
        ({"Tagging": "a&a"}, "InvalidArgument"),
        ({"ContentMD5": "short"}, "InvalidDigest"),
        ({"ChecksumCRC32": "short"}, "InvalidRequest"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest"),
    ],
)
async def test_what_cannot_be_stored_is_refused_before_the_body(s3, bucket, members, code):
    await s3.put(bucket, "k")
    await s3.refused(
        code, "PutObject", **{"Bucket": bucket, "Key": "k", "Body": StreamBody(never()), **members}
    )


async def test_a_condition_counts_at_the_end_of_the_body_and_leaves_no_file(s3, bucket, tmp_path):
    async def slow():
        yield BIG
        await s3.put(bucket, "k", b"overtook")

    await s3.refused(
        "PreconditionFailed",
        "PutObject",
        Bucket=bucket,
        Key="k",
        IfNoneMatch="*",
        Body=StreamBody(slow()),
    )
    assert await s3.read(bucket, "k") == b"overtook"
    assert await left(tmp_path, 0)


async def test_of_many_conditional_writes_one_wins(s3, bucket):
    async def put(at):
        return await s3.code(
            "PutObject", Bucket=bucket, Key="k", IfNoneMatch="*", Body=str(at).encode()
        )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(put(at)) for at in range(20)]
    codes = [task.result() for task in tasks]
    assert sorted(codes) == [""] + ["PreconditionFailed"] * 19
    assert await s3.read(bucket, "k") == str(codes.index("")).encode()


async def test_a_bucket_that_goes_while_the_body_comes_takes_nothing(s3, bucket, tmp_path):
    async def slow():
        yield BIG
        await s3("DeleteBucket", Bucket=bucket)

    await s3.refused("NoSuchBucket", "PutObject", Bucket=bucket, Key="k", Body=StreamBody(slow()))
    assert await left(tmp_path, 0)


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


async def test_a_full_disk_refuses_writes_and_takes_deletions(s3, bucket, monkeypatch, tmp_path):
    await s3.put(bucket, "k", BIG)
    write = os.write

    def full(fd, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    error = await s3.refused("SlowDown", "PutObject", Bucket=bucket, Key="k", Body=BIG[::-1])
    assert "no space left" in error.message
    assert await s3.read(bucket, "k") == BIG
    await s3("DeleteObject", Bucket=bucket, Key="k")
    monkeypatch.setattr(os, "write", write)
    await s3.put(bucket, "k", BIG)


async def test_a_body_of_unknown_length_in_odd_chunks(s3, bucket):
    cut = [BIG[at : at + 777] for at in range(0, len(BIG), 777)]
    await s3.put(bucket, "k", StreamBody(chunks(*cut)))
    assert await s3.read(bucket, "k") == BIG


async def test_a_body_above_five_gibibytes_is_refused_unread(s3, bucket):
    body = StreamBody(never(), (5 << 30) + 1)
    error = await s3.refused("EntityTooLarge", "PutObject", Bucket=bucket, Key="k", Body=body)
    assert error.detail["MaxSizeAllowed"] == 5 << 30


async def test_one_bad_key_of_delete_objects_does_not_spoil_the_others(s3, bucket):
    for key in ("a", "b"):
        await s3.put(bucket, key)
    objects = [
        {"Key": "a", "ETag": '"other"'},
        {"Key": "b"},
        {"Key": "c", "VersionId": "nonsense"},
        {"Key": "k" * 1_025},
    ]
    answer = await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": objects})
    assert answer.names("Deleted", "Key") == ["b"]
    assert answer.names("Errors", "Code") == [
        "PreconditionFailed",
        "InvalidArgument",
        "KeyTooLongError",
    ]
    assert await s3.keys(bucket) == ["a"]


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
