import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody
from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.records import Extent
from tests.contract.client import chunks, read

BIG = os.urandom(3 * INLINE + 7)


def files(blobs: Blobs) -> set[int]:
    return {int(path.name) for path in blobs.folder.glob("*/*")}


async def gone(blobs: Blobs, blob: int) -> None:
    """Wait until a file that may go has gone."""
    async with asyncio.timeout(10):
        while blob in files(blobs):
            await asyncio.to_thread(files, blobs)


async def receive(blobs: Blobs, data: bytes):
    md5 = hashlib.md5()
    draft = await blobs.receive(BytesBody(data), [md5])
    assert md5.digest() == hashlib.md5(data).digest()
    return draft


@pytest.mark.parametrize("size", [0, 1, INLINE])
async def test_a_small_body_stays_in_memory(blobs, size):
    draft = await receive(blobs, BIG[:size])
    assert draft.data == BIG[:size]
    assert files(blobs) == set()


async def test_a_larger_body_is_a_file_of_its_bytes(blobs):
    draft = await receive(blobs, BIG)
    assert (draft.data, draft.size) == (None, len(BIG))
    assert blobs.path(draft.blob).read_bytes() == BIG
    assert blobs.path(draft.blob).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [1, 4_096, 65_537, 700_001, 2_500_000])
async def test_the_size_of_the_chunks_does_not_matter(blobs, size):
    data = os.urandom(2_500_000)
    cut = [data[at : at + size] for at in range(0, len(data), size)] if size > 1 else [data]
    md5 = hashlib.md5()
    draft = await blobs.receive(StreamBody(chunks(*cut)), [md5])
    assert blobs.path(draft.blob).read_bytes() == data
    assert md5.digest() == hashlib.md5(data).digest()


async def test_numbers_increase_and_go_on_behind_the_highest_known(tmp_path):
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    first = await receive(blobs, BIG)
    second = await receive(blobs, b"inline")
    assert second.blob == first.blob + 1
    again = Blobs(tmp_path / "blobs", ephemeral=True)
    again.reserve_ids_above(2_500)
    third = await receive(again, BIG)
    assert third.blob == 2_501
    assert again.path(third.blob).parent.name == "002"
    assert (await receive(Blobs(tmp_path / "blobs", ephemeral=True), b"")).blob == 2_502


async def broken(*data: bytes) -> AsyncIterator[bytes]:
    for chunk in data:
        yield chunk
    raise S3Error("IncompleteBody")


@pytest.mark.parametrize("count", [0, 1, 30])
async def test_a_body_that_breaks_off_leaves_nothing_behind(blobs, count):
    with pytest.raises(S3Error, match="IncompleteBody"):
        await blobs.receive(StreamBody(broken(*[BIG] * count)), [])
    await gone(blobs, 1)
    assert files(blobs) == set()


async def test_an_upload_that_is_cancelled_leaves_nothing_behind(blobs):
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield BIG
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(blobs.receive(StreamBody(endless()), []))
        await begun.wait()
        task.cancel()
    await gone(blobs, 1)
    assert files(blobs) == set()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "open", "fdatasync"])
async def test_an_error_of_the_disk_is_slow_down_and_leaves_nothing_behind(
    tmp_path, monkeypatch, call, number
):
    blobs = Blobs(tmp_path / "blobs")
    failing = getattr(os, call)

    def fail(target, *arguments):
        if call == "open" and not str(target).endswith("/1"):
            return failing(target, *arguments)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(S3Error) as refused:
        await receive(blobs, BIG)
    assert refused.value.code == "SlowDown"
    assert str(blobs.folder) in refused.value.message
    monkeypatch.undo()
    await gone(blobs, 1)
    assert (await receive(blobs, BIG)).blob == 2


async def test_a_body_larger_than_the_disk_is_refused_before_it_is_read(blobs):
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(S3Error, match="no space left"):
        await blobs.receive(StreamBody(never(), 1 << 60), [])


async def test_a_file_on_lease_goes_when_it_is_given_back(blobs):
    draft = await receive(blobs, BIG)
    one = blobs.body([Extent(draft.blob, 0, 10), Extent(draft.blob, 20, 10)])
    other = blobs.body([Extent(draft.blob, 0, len(BIG))])
    draft.discard()
    assert await read(one) == BIG[:10] + BIG[20:30]
    assert files(blobs) == {draft.blob}
    assert await read(other) == BIG
    await gone(blobs, draft.blob)


async def test_a_file_that_cannot_be_removed_is_logged_and_left_to_the_next_sweep(
    blobs, monkeypatch, caplog
):
    draft = await receive(blobs, BIG)

    def fail(path, **_):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr("pathlib.Path.unlink", fail)
    await asyncio.to_thread(blobs.unlink, [draft.blob])
    assert "cannot remove a blob" in caplog.text


async def test_a_durable_file_is_synced_with_its_name_before_it_is_given(tmp_path, monkeypatch):
    synced: list[str] = []

    def note(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    monkeypatch.setattr(os, "fdatasync", note)
    monkeypatch.setattr(os, "fsync", note)
    blobs = Blobs(tmp_path / "blobs")
    draft = await receive(blobs, BIG)
    path = blobs.path(draft.blob)
    assert synced == [str(blobs.folder), str(path), str(path.parent)]
    await receive(blobs, BIG)
    assert str(blobs.folder) not in synced[3:]


def test_with_many_uploads_each_has_a_smaller_buffer(blobs):
    blobs._receiving = 1
    assert blobs._buffer() == 1 << 20
    blobs._receiving = 200
    assert 200 * 2 * blobs._buffer() <= 64 << 20
