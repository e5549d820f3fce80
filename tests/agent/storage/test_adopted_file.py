import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.s3.checksums import BodyHashes
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage import adopted_file
from s3d.agent.storage.adopted_file import AdoptableFile, no_bytes
from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.blocks import BLOCK, BlockSums
from tests.contract.client import read

DATA = os.urandom(INLINE + 1_500_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "staged"
    path.write_bytes(DATA)
    return path


async def test_a_file_becomes_a_blob_without_a_copy(blobs: Blobs, file: Path):
    md5 = hashlib.md5()
    draft = await blobs.receive(AdoptableFile(file, len(DATA)), [md5])
    assert blobs.path(draft.blob).stat().st_ino == file.stat().st_ino
    assert md5.digest() == hashlib.md5(DATA).digest()
    sums = BlockSums()
    sums.update(DATA)
    assert draft.extent.sums == sums.digest()
    file.unlink()
    assert await read(blobs.body([draft.extent])) == DATA


@pytest.mark.parametrize("known", [0, 7, BLOCK + 3, len(DATA)])
@pytest.mark.parametrize("is_known_to", ["all hashes", "one of two hashes"])
async def test_only_bytes_that_nobody_has_hashed_are_hashed(blobs, file, known, is_known_to):
    start = no_bytes("").more(DATA[:known])
    hashes: list[Any] = [BodyHashes("", start.hashes)]
    if is_known_to == "one of two hashes":
        hashes.append(hashlib.md5())
    draft = await blobs.receive(AdoptableFile(file, len(DATA), hashed=start), hashes)
    sums = BlockSums()
    sums.update(DATA)
    assert draft.extent.sums == sums.digest()
    assert hashes[0].md5.digest() == hashlib.md5(DATA).digest()
    assert hashes[-1] is hashes[0] or hashes[-1].digest() == hashlib.md5(DATA).digest()


async def test_known_hashes_are_those_of_a_copy_too(blobs: Blobs, file: Path, monkeypatch):
    def link(*names: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", link)
    start = no_bytes("").more(DATA[:BLOCK])
    hashes = BodyHashes("", start.hashes)
    draft = await blobs.receive(AdoptableFile(file, len(DATA), hashed=start), [hashes])
    assert hashes.md5.digest() == hashlib.md5(DATA).digest()
    assert await read(blobs.body([draft.extent])) == DATA


@pytest.mark.parametrize("fails", [False, True])
async def test_a_large_file_is_synced_while_it_is_hashed(blobs, file, monkeypatch, fails):
    hashing, synced = threading.Event(), threading.Event()

    def sync(blob: int, fd: int) -> None:
        assert hashing.wait(20)
        synced.set()
        if fails:
            raise OSError(errno.EIO, "the disk is broken")

    class Hash:
        """Does not end before the sync."""

        def update(self, data: object) -> None:
            hashing.set()
            assert synced.wait(20)

    monkeypatch.setattr(blobs, "fsync_blob", sync)
    monkeypatch.setattr(adopted_file, "_AT_ONCE", 1 << 20)
    receiving = blobs.receive(AdoptableFile(file, len(DATA)), [Hash()])
    if fails:
        with pytest.raises(S3Error, match="the disk that holds"):
            await receiving
        assert file.stat().st_nlink == 1
    else:
        assert (await receiving).size == len(DATA)


async def test_a_small_file_is_stored_in_the_index(blobs: Blobs, file: Path):
    file.write_bytes(b"small")
    draft = await blobs.receive(AdoptableFile(file, 5), [hashlib.md5()])
    assert draft.data == b"small"


async def test_a_part_of_a_file_is_copied(blobs: Blobs, file: Path):
    part = AdoptableFile(file, INLINE + 1, start=1_000_000)
    draft = await blobs.receive(part, [hashlib.md5()])
    assert blobs.path(draft.blob).read_bytes() == DATA[1_000_000 : 1_000_001 + INLINE]


async def test_a_file_of_another_file_system_is_copied(blobs: Blobs, file: Path, monkeypatch):
    def link(*names: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", link)
    draft = await blobs.receive(AdoptableFile(file, len(DATA)), [hashlib.md5()])
    assert blobs.path(draft.blob).read_bytes() == DATA
    assert blobs.path(draft.blob).stat().st_ino != file.stat().st_ino


async def test_a_full_disk_leaves_no_link(blobs: Blobs, file: Path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(blobs, "fsync_blob", fail)
    with pytest.raises(S3Error, match="SlowDown"):
        await blobs.receive(AdoptableFile(file, len(DATA)), [hashlib.md5()])
    assert file.stat().st_nlink == 1


async def test_a_file_that_has_another_size_is_refused(blobs: Blobs, file: Path):
    with pytest.raises(EOFError, match="has only"):
        await blobs.receive(AdoptableFile(file, len(DATA) + 1), [hashlib.md5()])
