import asyncio
import os
import threading

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage import blob_body
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.records import Extent
from tests.contract.client import read

DATA = os.urandom(3_000_000)


@pytest.fixture
async def blob(blobs):
    return (await blobs.receive(BytesBody(DATA), [])).blob


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_it_is_read_in_the_order_of_its_extents(blobs, blob):
    body = blobs.body([Extent(blob, 2_000_000, 900_000), Extent(blob, 0, 1_500_000)])
    assert body.size == 2_400_000
    assert await read(body) == DATA[2_000_000:2_900_000] + DATA[:1_500_000]


async def test_pieces_say_where_the_bytes_lie(blobs, blob):
    body = blobs.body([Extent(blob, 5, 10), Extent(blob, 100, 20)])
    found = [os.pread(piece.fd, piece.size, piece.offset) for piece in body.pieces()]
    assert found == [DATA[5:15], DATA[100:120]]
    await body.aclose()


async def test_a_little_that_lies_in_memory_is_had_at_once(blobs, blob):
    body = blobs.body([Extent(blob, 7, 1_000), Extent(blob, 0, 2)])
    assert body.now() == DATA[7:1_007] + DATA[:2]
    await body.aclose()


async def test_much_is_not_had_at_once(blobs, blob):
    body = blobs.body([Extent(blob, 0, 300_000)])
    assert body.now() is None
    await body.aclose()


async def test_where_the_system_cannot_say_nothing_is_had_at_once(blobs, blob, monkeypatch):
    body = blobs.body([Extent(blob, 0, 10)])
    monkeypatch.setattr(os, "preadv", lambda *_: exec("raise BlockingIOError"))
    assert body.now() is None
    monkeypatch.setattr(blob_body, "_NOWAIT", None)
    assert body.now() is None
    assert await read(body) == DATA[:10]


async def test_no_file_stays_open(blobs, blob):
    before = open_files()
    for extents in ([Extent(blob, 0, 10)], [Extent(blob, 0, 10), Extent(blob, 5, 10)]):
        body = blobs.body(extents)
        body.now()
        async for _ in body:
            break
        await body.aclose()
        await body.aclose()
    assert open_files() == before


async def test_a_file_that_is_gone_is_an_error_at_once(blobs, blob):
    blobs.path(blob).unlink()
    with pytest.raises(S3Error, match="cannot read a file of the store") as refused:
        blobs.body([Extent(blob, 0, 10)])
    assert refused.value.code == "InternalError"
    assert blobs._leases.total() == 0


async def received(blobs, data):
    """The extent of a new file, with its checksums."""
    return (await blobs.receive(BytesBody(data), [], inline=0)).extent


def flip(blobs, extent, at):
    with blobs.path(extent.blob).open("r+b") as file:
        byte = os.pread(file.fileno(), 1, at)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 1]), at)


@pytest.mark.finding("S10")
@pytest.mark.parametrize("size", [1_000, 100_000, 3_000_000])
async def test_a_damaged_file_is_never_read(blobs, size):
    extent = await received(blobs, DATA[:size])
    flip(blobs, extent, size - 1)
    body = blobs.body([extent], "bucket/key")
    if size <= 256 << 10:
        with pytest.raises(StoredDataCorrupt):
            body.now()
    else:
        assert body.now() is None
        with pytest.raises(StoredDataCorrupt):
            await read(body)
    await body.aclose()
    assert list(blobs.damage) == ["bucket/key"]
    assert blobs._leases.total() == 0


@pytest.mark.finding("S10")
async def test_a_range_checks_the_blocks_that_it_touches(blobs):
    extent = await received(blobs, DATA)
    flip(blobs, extent, 2_500_000)
    begin = Extent(extent.blob, 1_000, 2_000_000, extent.sums)
    assert await read(blobs.body([begin])) == DATA[1_000:2_001_000]
    few = Extent(extent.blob, 5, 100, extent.sums)
    assert blobs.body([few]).now() == DATA[5:105]  # its block was checked before
    end = Extent(extent.blob, 2_999_000, 100, extent.sums)
    body = blobs.body([end], "bucket/key")
    assert body.now() is None  # the whole block has to be read, which takes a thread
    with pytest.raises(StoredDataCorrupt):
        await read(body)
    assert list(blobs.damage) == ["bucket/key"]


@pytest.mark.finding("S10")
async def test_a_piece_is_checked_until_it_was_found_right(blobs):
    extent = await received(blobs, DATA)
    body = blobs.body([extent])
    (piece,) = list(body.pieces())
    assert piece.check(0, len(DATA)) == len(DATA)
    await body.aclose()
    body = blobs.body([extent])
    assert next(body.pieces()).check is None
    await body.aclose()


async def test_a_file_that_is_too_short_is_an_error(blobs, blob):
    os.truncate(blobs.path(blob), 5)
    body = blobs.body([Extent(blob, 0, 10)])
    assert body.now() is None
    with pytest.raises(S3Error, match="shorter than expected"):
        await read(body)


async def test_all_pieces_are_held_until_the_body_is_closed(blobs, blob):
    before = open_files()
    body = blobs.body([Extent(blob, 5, 10), Extent(blob, 100, 20), Extent(blob, 0, 3)])
    pieces = body.hold(3)
    assert pieces is not None
    blobs.remove([blob])  # the lease protects it
    found = []
    for piece in reversed(pieces):
        if piece.check is not None:
            assert piece.check(piece.offset, piece.offset + piece.size) == piece.offset + piece.size
        found.append(os.pread(piece.fd, piece.size, piece.offset))
    assert found == [DATA[:3], DATA[100:120], DATA[5:15]]
    await body.aclose()
    assert open_files() == before


async def test_more_pieces_than_may_be_open_are_not_held(blobs, blob):
    body = blobs.body([Extent(blob, 5, 10), Extent(blob, 100, 20)])
    assert body.hold(1) is None
    await body.aclose()


@pytest.mark.parametrize("extents", [1, 2])
async def test_a_file_that_is_closed_while_it_is_checked_is_not_reported(
    blobs, blob, monkeypatch, extents
):
    """A client has gone away, and the thread that reads for it goes on for a moment."""
    draft = await blobs.receive(BytesBody(DATA), [])
    first = await blobs.receive(BytesBody(b"first"), [], inline=0)
    body = blobs.body([*[first.extent] * (extents - 1), draft.extent], "b/k")
    begun, closed, real = threading.Event(), threading.Event(), os.pread

    def pread(fd: int, size: int, offset: int) -> bytes:
        if size > 5 and not closed.is_set():
            begun.set()
            assert closed.wait(20)
        return real(fd, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    reader = asyncio.get_running_loop().create_task(read(body))
    await asyncio.to_thread(begun.wait)
    reader.cancel()
    await asyncio.wait([reader])
    closed.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert blobs.damage == {}
