import base64
import hashlib
import zlib
from types import SimpleNamespace

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, StreamBody, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import sums_of
from s3d.agent.storage.records import Checksum, Extent, Layout
from s3d.agent.stores.local.object_bodies import look_and_open, receive
from s3d.agent.stores.local.object_keys import ObjectKeys
from tests.agent.storage.files import left
from tests.contract.client import read

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
