"""Bodies that one end of a channel offers, and the other reads."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.held_file import arriving_file, hold_file
from s3d.agent.frontends.fuse.process import bodies as bodies_module
from s3d.agent.frontends.fuse.process.bodies import (
    FileThatArrives,
    HeldBody,
    OfferedBodies,
    TakenBody,
    close_offered,
    take_body,
)
from s3d.agent.frontends.fuse.process.channel import Message
from s3d.agent.frontends.fuse.process.frame_socket import ChannelClosed
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Body, BytesBody, StreamBody, at_once
from s3d.agent.storage.adopted_file import AdoptableFile, no_bytes
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import BLOCK, VerifiedBlocks
from s3d.agent.storage.decrypted_body import DecryptedBody
from s3d.agent.storage.encrypted_blocks import KEY, BlobEncryptor
from s3d.agent.storage.records import Extent, cut
from s3d.agent.stores.read_cache.fill.partial_body import FillBody
from tests.agent.frontends.fuse.process.pairs import (
    Pair,
    connected,
    quiet,
    turns,
    until,
)
from tests.agent.stores.read_cache.rig import PIECE, open_rig
from tests.contract.client import chunks, read

DATA = os.urandom(3 * BLOCK + 54_321)


@dataclass
class Crossing:
    """The offering end is the far one."""

    pair: Pair
    offered: OfferedBodies
    offering: list[Body]

    async def take(self, body: Body) -> Body:
        """What the near end has of it."""
        self.offering.append(body)
        return take_body(self.pair.near, await self.pair.near.call("give"))

    async def is_over(self) -> bool:
        """Whether nothing is open any more."""
        await until(lambda: not self.offered._bodies)
        return True


@asynccontextmanager
async def crossing() -> AsyncIterator[Crossing]:
    offered, offering = OfferedBodies(), []

    async def give(message: Message) -> Message:
        return await offered.offer(offering.pop())

    async with connected({**offered.handlers(), "give": give}) as pair:
        yield Crossing(pair, offered, offering)
        await quiet(pair.near, pair.far)
        assert offered._bodies == {}
        await offered.close()


@pytest.fixture
async def cross() -> AsyncIterator[Crossing]:
    async with crossing() as made:
        yield made


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", ephemeral=True)


async def stored(blobs: Blobs, data: bytes) -> Extent:
    draft = await blobs.receive(BytesBody(data), [], inline=0)
    return draft.extent


class Watched:
    """A stream that notes its end; it raises `error` after its chunks."""

    def __init__(self, *data: bytes, size: int | None = None, error: Exception | None = None):
        self.data, self.size, self.error = data, size, error
        self.trailers = NO_TRAILERS
        self.closes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.data:
            yield chunk
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        self.closes += 1


# ---------------------------------------------------------------- each form


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(1000)], ids=len)
async def test_bytes(cross, data):
    body = await cross.take(BytesBody(data))
    assert isinstance(body, BytesBody)
    assert (await read(body), body.size) == (data, len(data))


async def test_a_small_file_that_is_in_memory_crosses_as_bytes(cross, blobs):
    extent = await stored(blobs, DATA[:5000])
    body = await cross.take(blobs.body([extent]))
    assert at_once(body) == DATA[:5000]
    assert not blobs.is_leased(extent.blob)


@pytest.mark.parametrize("known", [None, 0, 5, BLOCK + 1, len(DATA)])
async def test_a_file_that_is_to_be_stored(cross, tmp_path, known):
    path = tmp_path / "staged ä"
    path.write_bytes(DATA)
    hashed = None if known is None else no_bytes("SHA1").more(DATA[:known])
    body = await cross.take(AdoptableFile(path, len(DATA), hashed=hashed))
    assert isinstance(body, AdoptableFile)
    assert (body.path, body.size, body.start, body.data) == (path, len(DATA), 0, None)
    if known is None:
        assert body.hashed is None
    else:
        assert body.hashed is not None
        whole = no_bytes("SHA1").more(DATA).hashes
        assert (body.hashed.size, body.hashed.hashes.algorithm) == (len(DATA), "SHA1")
        assert body.hashed.hashes.md5.digest() == whole.md5.digest()
    assert await read(body) == DATA


async def test_a_part_of_a_file_and_one_whose_bytes_are_in_memory(cross, tmp_path):
    path = tmp_path / "staged"
    path.write_bytes(DATA)
    assert await read(await cross.take(AdoptableFile(path, 1000, start=77))) == DATA[77:1077]
    body = await cross.take(AdoptableFile(tmp_path / "nonesuch", 3, data=b"abc"))
    assert await read(body) == b"abc"


async def test_a_file_that_is_cut_while_it_is_hashed(cross, tmp_path):
    path = tmp_path / "staged"
    path.write_bytes(DATA[:-1])
    with pytest.raises(EOFError, match="has only"):
        await cross.take(AdoptableFile(path, len(DATA), hashed=no_bytes("")))


@pytest.mark.parametrize("is_proven", [False, True])
async def test_a_file_of_the_store(cross, blobs, is_proven):
    extent = await stored(blobs, DATA)
    if is_proven:
        await read(blobs.body([extent]))
    body = await cross.take(blobs.body([extent]))
    assert isinstance(body, HeldBody)
    assert [piece.check is None for piece in body.pieces()] == [is_proven]
    assert (body.size, at_once(body), body.trailers) == (len(DATA), None, NO_TRAILERS)
    assert blobs.is_leased(extent.blob)
    assert b"".join([chunk async for chunk in body]) == DATA
    await body.aclose()
    await body.aclose()
    assert await cross.is_over()
    assert not blobs.is_leased(extent.blob)


@pytest.mark.parametrize("start", [0, 1, BLOCK - 1, BLOCK, len(DATA) - 1, len(DATA) + 10])
async def test_a_range_of_several_files_of_the_store(cross, blobs, start):
    extents = [await stored(blobs, each) for each in (DATA, DATA[: BLOCK + 5], b"end")]
    whole = DATA + DATA[: BLOCK + 5] + b"end"
    size = len(whole) - start
    body = await cross.take(blobs.body(cut(extents, start, size)))
    assert await read(body) == whole[start:]


async def test_a_thread_reads_a_file_of_the_store(cross, blobs):
    """As a thread of a mount does."""
    extents = [await stored(blobs, each) for each in (DATA, DATA[:BLOCK])]
    body = await cross.take(blobs.body(extents))
    held = hold_file(body)
    assert held is not None
    assert held.size == len(DATA) + BLOCK
    at = len(DATA) - 5000
    assert await asyncio.to_thread(held.read, 1 << 30, at) == DATA[-5000:] + DATA[:BLOCK]
    await body.aclose()


async def test_a_body_of_many_files_is_a_stream(cross, blobs, monkeypatch):
    monkeypatch.setattr(bodies_module, "_MAX_PIECES", 3)
    extents = [await stored(blobs, DATA[each:][:100_000]) for each in range(4)]
    body = await cross.take(blobs.body(extents))
    assert type(body) is TakenBody
    assert body.size == 400_000
    assert await read(body) == b"".join(DATA[each:][:100_000] for each in range(4))
    assert await cross.is_over()
    assert not any(blobs.is_leased(each.blob) for each in extents)


async def test_an_encrypted_object_is_decrypted_where_it_is_stored(cross, blobs):
    key = os.urandom(KEY)
    draft = await blobs.receive(BytesBody(DATA), [], inline=0, encryptor=BlobEncryptor(key, 1))
    body = await cross.take(DecryptedBody(blobs, cut([draft.extent], 5, len(DATA) - 9), key))
    assert type(body) is TakenBody
    assert body.size == len(DATA) - 9
    assert await read(body) == DATA[5:-4]
    assert await cross.is_over()
    assert not blobs.is_leased(draft.blob)


@pytest.mark.parametrize("size", [None, 5])
async def test_a_stream(cross, size):
    watched = Watched(b"ab", b"", b"c", bytearray(b"de"), size=size)
    body = await cross.take(watched)
    assert (body.size, body.trailers) == (size, NO_TRAILERS)
    assert [chunk async for chunk in body] == [b"ab", b"", b"c", b"de"]
    await body.aclose()
    await body.aclose()
    assert await cross.is_over()
    assert watched.closes == 1


async def test_an_empty_stream(cross):
    assert await read(await cross.take(StreamBody(chunks()))) == b""


# ---------------------------------------------------------------- files that are being fetched


async def test_a_file_that_is_being_fetched(cross, tmp_path):
    async with open_rig(tmp_path) as rig:
        await rig.there.put("bbb", "k", DATA)
        await rig.s3.read("bbb", "k", Range="bytes=0-9")
        await rig.quiet()
        entry = rig.cache.catalog.peek("bbb", "k")
        start, size = 77, len(DATA) - 100
        rig.remote.gate.clear()
        body = await cross.take(FillBody(rig.cache.fills, entry, start, size))
        assert isinstance(body, FileThatArrives)
        arriving = arriving_file(body)
        assert arriving is not None
        assert (arriving.size, body.size) == (size, size)
        arrivals = arriving.arrivals()
        first = await anext(arrivals)
        assert 0 < first < size
        assert await asyncio.to_thread(arriving.read, first, 0) == DATA[77 : 77 + first]
        rig.remote.gate.set()
        assert [until async for until in arrivals][-1] == size
        assert await asyncio.to_thread(arriving.read, size, 0) == DATA[77 : 77 + size]
        await body.aclose()
        await body.aclose()
        assert await cross.is_over()
        assert not rig.cache.catalog.blobs.is_leased(entry.blob)
        again = await cross.take(FillBody(rig.cache.fills, entry, start, size))
        assert await read(again) == DATA[77 : 77 + size]


async def test_a_fetch_that_fails_in_the_middle(cross, tmp_path):
    async with open_rig(tmp_path) as rig:
        await rig.there.put("bbb", "k", DATA)
        await rig.s3.read("bbb", "k", Range="bytes=0-9")
        await rig.quiet()
        entry = rig.cache.catalog.peek("bbb", "k")
        rig.remote.truncate = PIECE + 5
        body = await cross.take(FillBody(rig.cache.fills, entry, 0, len(DATA)))
        with pytest.raises(S3Error, match=r"InternalError|ServiceUnavailable"):
            await read(body)
        assert await cross.is_over()
        assert not rig.cache.catalog.blobs.is_leased(entry.blob)


# ---------------------------------------------------------------- faults


async def test_a_stream_that_fails_in_the_middle(cross):
    watched = Watched(b"begin", error=S3Error("ServiceUnavailable", "lost", Key="k"))
    body = await cross.take(watched)
    reader = aiter(body)
    assert await anext(reader) == b"begin"
    with pytest.raises(S3Error, match="lost") as raised:
        await anext(reader)
    assert raised.value.detail == {"Key": "k"}
    await body.aclose()
    assert await cross.is_over()
    assert watched.closes == 1


@pytest.mark.parametrize("reader", ["iteration", "thread"])
async def test_damage_on_the_disk_is_found_and_reported(cross, blobs, reader):
    extent = await stored(blobs, DATA)
    with blobs.path(extent.blob).open("r+b") as file:
        file.seek(BLOCK + 5)
        file.write(bytes([DATA[BLOCK + 5] ^ 1]))
    body = await cross.take(blobs.body([extent], "b/k"))
    if reader == "iteration":
        reading = read(body)
    else:
        held = hold_file(body)
        assert held is not None
        assert await asyncio.to_thread(held.read, 100, 0) == DATA[:100]
        reading = asyncio.to_thread(held.read, 100, BLOCK)
    with pytest.raises(S3Error, match="block 1 does not have its checksum"):
        await reading
    assert list(blobs.damage) == ["b/k"]
    await body.aclose()
    assert await cross.is_over()


async def test_a_file_that_was_cut(cross, blobs):
    extent = await stored(blobs, DATA)
    await read(blobs.body([extent]))  # nothing has to be checked any more
    body = await cross.take(blobs.body([extent]))
    os.truncate(blobs.path(extent.blob), BLOCK)
    with pytest.raises(S3Error, match="shorter than its record"):
        await read(body)


async def test_a_file_that_is_missing_is_an_error_of_the_offer(cross, blobs):
    extents = [await stored(blobs, each) for each in (DATA, DATA)]
    blobs.path(extents[1].blob).unlink()
    with pytest.raises(S3Error, match="No such file"):
        await cross.take(blobs.body(extents))
    assert not any(blobs.is_leased(each.blob) for each in extents)
    assert cross.offered._bodies == {}


async def test_a_file_that_is_cut_before_it_is_taken(cross, blobs):
    extent = await stored(blobs, DATA)
    cross.offering.append(blobs.body([extent]))
    answer = await cross.pair.near.call("give")
    os.truncate(blobs.path(extent.blob), BLOCK)
    with pytest.raises(S3Error, match=f"its file has {BLOCK} bytes"):
        take_body(cross.pair.near, answer)
    assert await cross.is_over()
    assert not blobs.is_leased(extent.blob)


async def test_what_was_checked_once_is_not_checked_again(cross, blobs):
    extent, verified = await stored(blobs, DATA), VerifiedBlocks()
    for number in range(2):
        cross.offering.append(blobs.body([extent]))
        answer = await cross.pair.near.call("give")
        body = take_body(cross.pair.near, answer, verified)
        assert isinstance(body, HeldBody)
        assert [piece.check is None for piece in body.pieces()] == [number == 1]
        assert await read(body) == DATA


async def test_a_body_is_not_closed_while_it_is_checked(cross, blobs, monkeypatch):
    """Its file would be found damaged in another way, which is reported to users."""
    extent = await stored(blobs, DATA)
    with blobs.path(extent.blob).open("r+b") as file:
        file.write(bytes([DATA[0] ^ 1]))
    begun, may_end, report = threading.Event(), threading.Event(), blobs.report_damage

    def report_late(name: str, why: str) -> None:
        begun.set()
        assert may_end.wait(20)
        report(name, why)

    monkeypatch.setattr(blobs, "report_damage", report_late)
    body = await cross.take(blobs.body([extent], "b/k"))
    reader = asyncio.get_running_loop().create_task(read(body))
    await asyncio.to_thread(begun.wait)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await turns(50)
    assert blobs.is_leased(extent.blob)
    may_end.set()
    assert await cross.is_over()
    assert not blobs.is_leased(extent.blob)
    assert list(blobs.damage.values()) == [
        "the stored bytes of this object are damaged: block 0 does not have its checksum"
    ]


# ---------------------------------------------------------------- ends


class Stuck:
    """A stream that waits after its first chunk for what runs in a task of its own."""

    size = None
    trailers = NO_TRAILERS

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = 0

    async def _wait(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await turns(3)

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            async with asyncio.TaskGroup() as group:
                group.create_task(self._wait())
        finally:
            self.ended += 1

    def body(self) -> StreamBody:
        return StreamBody(self._chunks())


async def test_a_reader_that_is_cancelled_while_it_waits_for_the_next_chunk(cross):
    stuck = Stuck()
    reader = asyncio.get_running_loop().create_task(read(await cross.take(stuck.body())))
    await stuck.begun.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await cross.is_over()
    assert stuck.ended == 1


async def test_a_body_that_is_closed_while_it_is_read(cross):
    stuck = Stuck()
    body = await cross.take(stuck.body())
    reader = asyncio.get_running_loop().create_task(_all(body))
    await stuck.begun.wait()
    await body.aclose()
    with pytest.raises(S3Error, match="closed before its end"):
        await reader
    assert await cross.is_over()
    assert stuck.ended == 1


@pytest.mark.parametrize("form", ["stream", "held"])
async def test_a_body_that_is_closed_has_no_end(cross, blobs, form):
    """What is left of it must not be missed without an error."""
    extent = await stored(blobs, DATA)
    body = await cross.take(Watched(b"a", b"b") if form == "stream" else blobs.body([extent]))
    reader = aiter(body)
    await anext(reader)
    await body.aclose()
    with pytest.raises(S3Error, match="closed before its end"):
        await anext(reader)


async def _all(body: Body) -> list[bytes]:
    return [chunk async for chunk in body]


@pytest.mark.parametrize("is_reading", [False, True])
async def test_bodies_are_closed_when_their_reader_has_ended(blobs, is_reading):
    extent = await stored(blobs, DATA)
    watched, stuck = Watched(b"a", b"b"), Stuck()
    async with crossing() as cross:
        bodies = [
            await cross.take(blobs.body([extent])),
            await cross.take(watched),
            await cross.take(stuck.body()),
        ]
        readers = []
        if is_reading:
            readers = [asyncio.get_running_loop().create_task(_all(each)) for each in bodies]
            await stuck.begun.wait()
        cross.pair.near.close()
        for reader in readers:
            await asyncio.wait([reader])
            assert isinstance(reader.exception(), (ChannelClosed, type(None)))
        with pytest.raises(ChannelClosed):
            await anext(aiter(bodies[1]))
        await until(lambda: cross.pair.far.is_closed)
        await cross.offered.close()
        assert not blobs.is_leased(extent.blob)
        assert (watched.closes, stuck.ended) == (1, int(is_reading))
        late = Watched(b"")
        with pytest.raises(ChannelClosed):
            await cross.offered.offer(late)
        assert late.closes == 1
        for each in bodies:
            await each.aclose()


async def test_a_body_that_cannot_be_closed_keeps_no_other_open(cross, caplog):
    class Broken(Watched):
        async def aclose(self) -> None:
            raise RuntimeError("broken")

    other = Watched(b"")
    await cross.take(Broken(b""))
    await cross.take(other)
    await cross.offered.close()
    assert other.closes == 1
    assert [record.message for record in caplog.records] == [
        "a body of the mounts cannot be closed"
    ]
    cross.offered._bodies.clear()


async def test_a_body_that_nobody_takes_is_closed(cross, blobs):
    extent = await stored(blobs, DATA)
    for body in (blobs.body([extent]), Watched(b""), BytesBody(b"x")):
        cross.offering.append(body)
        answer = await cross.pair.near.call("give")
        for each in answer.descriptors:
            os.close(each)
        close_offered(cross.pair.near, answer.value)
    assert await cross.is_over()
    assert not blobs.is_leased(extent.blob)


async def test_a_body_that_is_withdrawn_is_closed_once(cross):
    watched = Watched(b"a")
    message = await cross.offered.offer(watched)
    await asyncio.gather(*(cross.offered.withdraw(message.value) for _ in range(2)))  # noqa: TID251
    await cross.offered.withdraw((await cross.offered.offer(BytesBody(b"x"))).value)
    assert watched.closes == 1


async def test_what_was_not_offered_is_refused():
    async with connected() as pair:
        with pytest.raises(ValueError, match="no offered body"):
            take_body(pair.near, Message({"nonesuch": 1}))
