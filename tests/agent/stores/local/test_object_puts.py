import asyncio
import base64
import errno
import hashlib
import os
import zlib

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, StreamBody, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import sums_of
from s3d.agent.storage.records import Checksum, Extent, Layout
from s3d.agent.stores.local.object_puts import receive
from tests.agent.storage.files import left
from tests.contract.client import chunks

RANDOM = os.urandom(200_000)


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
        yield RANDOM
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
        yield RANDOM
        await s3("DeleteBucket", Bucket=bucket)

    await s3.refused("NoSuchBucket", "PutObject", Bucket=bucket, Key="k", Body=StreamBody(slow()))
    assert await left(tmp_path, 0)


async def test_a_full_disk_refuses_writes_and_takes_deletions(s3, bucket, monkeypatch, tmp_path):
    await s3.put(bucket, "k", RANDOM)
    write = os.write

    def full(fd, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    error = await s3.refused("SlowDown", "PutObject", Bucket=bucket, Key="k", Body=RANDOM[::-1])
    assert "no space left" in error.message
    assert await s3.read(bucket, "k") == RANDOM
    await s3("DeleteObject", Bucket=bucket, Key="k")
    monkeypatch.setattr(os, "write", write)
    await s3.put(bucket, "k", RANDOM)


async def test_a_body_of_unknown_length_in_odd_chunks(s3, bucket):
    cut = [RANDOM[at : at + 777] for at in range(0, len(RANDOM), 777)]
    await s3.put(bucket, "k", StreamBody(chunks(*cut)))
    assert await s3.read(bucket, "k") == RANDOM


async def test_a_body_above_five_gibibytes_is_refused_unread(s3, bucket):
    body = StreamBody(never(), (5 << 30) + 1)
    error = await s3.refused("EntityTooLarge", "PutObject", Bucket=bucket, Key="k", Body=body)
    assert error.detail["MaxSizeAllowed"] == 5 << 30


# Receiving a body

DATA = b"0123456789"
CRC = base64.b64encode(zlib.crc32(DATA).to_bytes(4)).decode()
SHA = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
BIG = DATA * 10_000


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs", ephemeral=True)


class Trailed(StreamBody):
    """A body whose checksum comes behind it."""

    def __init__(self, data, **trailers):
        super().__init__(self.send(data), len(data))
        self.later = {name.replace("_", "-"): value for name, value in trailers.items()}

    async def send(self, data):
        yield data
        self.trailers = self.later


def request(body, wire=(), **members):
    head = WireRequest("PUT", "/b/k", "", tuple(wire)) if wire else None
    body = BytesBody(body) if isinstance(body, bytes) else body
    return S3Request(operations()["PutObject"], members, body, head)


async def refused(blobs, *arguments, **members):
    with pytest.raises(S3Error) as error:
        await receive(blobs, request(*arguments, **members))
    return error.value.code


async def test_the_etag_is_the_md5(blobs):
    for data in (b"", DATA, BIG):
        got = await receive(blobs, request(data))
        assert (got.etag, got.size) == (f'"{hashlib.md5(data).hexdigest()}"', len(data))
        assert got.checksum is None


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"ChecksumCRC32": CRC}, Checksum("CRC32", CRC)),
        ({"ChecksumSHA256": SHA}, Checksum("SHA256", SHA)),
        ({"ChecksumAlgorithm": "SHA256"}, Checksum("SHA256", SHA)),
        ({"ChecksumAlgorithm": "crc32", "ChecksumCRC32": CRC}, Checksum("CRC32", CRC)),
    ],
)
async def test_a_checksum_is_kept_when_it_is_right(blobs, members, expected):
    assert (await receive(blobs, request(DATA, **members))).checksum == expected


async def test_a_trailer_is_checked_like_a_header(blobs):
    wire = [("x-amz-trailer", "x-amz-checksum-crc32")]
    right, wrong = (Trailed(DATA, x_amz_checksum_crc32=value) for value in (CRC, "AAAAAA=="))
    assert (await receive(blobs, request(right, wire))).checksum == Checksum("CRC32", CRC)
    assert await refused(blobs, wrong, wire) == "BadDigest"


async def test_a_trailer_that_nobody_announced_is_refused(blobs):
    assert await refused(blobs, Trailed(DATA, x_amz_checksum_crc32=CRC)) == "InvalidRequest"


@pytest.mark.parametrize("data", [DATA[1:], BIG])
@pytest.mark.parametrize(
    "members",
    [
        {"ContentMD5": base64.b64encode(hashlib.md5(DATA).digest()).decode()},
        {"ChecksumCRC32": CRC},
        {"ChecksumSHA256": SHA},
    ],
)
async def test_bytes_that_were_not_promised_are_refused_and_leave_nothing(
    blobs, tmp_path, data, members
):
    assert await refused(blobs, data, **members) == "BadDigest"
    assert await left(tmp_path, 0)


async def test_a_part_has_the_checksum_of_its_upload(blobs):
    got = await receive(blobs, request(DATA), algorithm="CRC32")
    assert got.checksum == Checksum("CRC32", CRC)
    with pytest.raises(S3Error, match=r"expected checksum Type: crc32, actual.*sha256"):
        await receive(blobs, request(DATA, ChecksumSHA256=SHA), algorithm="CRC32")


async def test_bytes_are_entered_where_they_lie(index, blobs):
    empty, small, large = [await receive(blobs, request(data)) for data in (b"", DATA, BIG)]
    assert await index.write(empty.enter) == Layout()
    assert await index.write(small.enter) == Layout(
        (Extent(small.draft.blob, 0, len(DATA), sums_of(DATA)),), inline=True
    )
    assert await index.write(large.enter) == Layout(
        (Extent(large.draft.blob, 0, len(BIG), sums_of(BIG)),)
    )
    assert index.read_inline(lambda reader: reader.data(small.draft.extent)) == DATA
    assert index.read_inline(lambda reader: reader.data(large.draft.extent)) is None
