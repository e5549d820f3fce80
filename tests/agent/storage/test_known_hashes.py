"""Hashes that another process has computed, and what a store makes of them."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.s3.checksums import ALGORITHMS, BodyHashes, hasher
from s3d.agent.storage.adopted_file import AdoptableFile, HashedStart, no_bytes
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import BLOCK, BlockSums
from s3d.agent.storage.known_hashes import complete_hashes, decode_hashes, encode_hashes
from tests.agent.storage.files import left
from tests.contract.client import Client

DATA = os.urandom(2 * BLOCK + 12_345)
MD5 = hashlib.md5(DATA)


def sums_of(data: bytes) -> bytes:
    sums = BlockSums()
    sums.update(data)
    return sums.digest()


def crossed(hashed: HashedStart) -> HashedStart:
    """The hashes in the other process."""
    encoded = msgspec.msgpack.encode(encode_hashes(hashed))
    return decode_hashes(msgspec.msgpack.decode(encoded))


def known(file: AdoptableFile) -> AdoptableFile:
    """The same file, whose hashes another process has completed."""
    hashed = complete_hashes(file)
    assert hashed is not None
    return AdoptableFile(file.path, file.size, start=file.start, hashed=crossed(hashed))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "staged"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize("algorithm", ["", *ALGORITHMS])
def test_they_are_those_of_the_file(file, algorithm):
    start = no_bytes(algorithm).more(DATA[:1000])
    complete = complete_hashes(AdoptableFile(file, len(DATA), hashed=start))
    assert complete is not None
    hashed = crossed(complete)
    assert (hashed.size, hashed.hashes.algorithm) == (len(DATA), algorithm)
    assert hashed.hashes.md5.digest() == MD5.digest()
    assert hashed.hashes.md5.hexdigest() == MD5.hexdigest()
    assert hashed.sums.digest() == hashed.sums.copy().digest() == sums_of(DATA)
    if not algorithm:
        assert hashed.hashes.checksum is None
        return
    whole = hasher(algorithm)
    whole.update(DATA)
    assert hashed.hashes.checksum is not None
    assert hashed.hashes.checksum.digest() == whole.digest()
    assert hashed.hashes.checksum.b64() == hashed.hashes.checksum.copy().b64() == whole.b64()


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, len(DATA)])
def test_what_is_hashed_already_is_not_read_again(file, size):
    with file.open("r+b") as opened:
        opened.write(bytes(size))  # other bytes than those that were hashed
    start = no_bytes("SHA256").more(DATA[:size])
    complete = complete_hashes(AdoptableFile(file, len(DATA), hashed=start))
    assert complete is not None
    assert complete.hashes.md5.digest() == MD5.digest()
    assert start.size == size, "hashes do not change"


def test_hashes_of_a_part_of_a_file(file):
    start, size = 100, BLOCK + 7
    part = DATA[start : start + size]
    hashed = no_bytes("").more(part[:50])
    complete = complete_hashes(AdoptableFile(file, size, start=start, hashed=hashed))
    assert complete is not None
    assert complete.hashes.md5.digest() == hashlib.md5(part).digest()
    assert complete.sums.digest() == sums_of(part)


def test_a_file_that_nobody_has_begun_to_hash_is_left_to_the_store(file):
    assert complete_hashes(AdoptableFile(file, len(DATA))) is None


def test_a_file_that_is_too_short(file):
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(EOFError, match="has only"):
        complete_hashes(AdoptableFile(file, len(DATA) + 1, hashed=no_bytes("")))
    file.unlink()
    with pytest.raises(FileNotFoundError):
        complete_hashes(AdoptableFile(file, len(DATA), hashed=no_bytes("")))
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_bytes_that_the_disk_has_not_taken_are_an_error(file, monkeypatch):
    """The kernel reports it once, so the store would not learn of it."""

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fdatasync", fail)
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="the disk is broken"):
        complete_hashes(AdoptableFile(file, len(DATA), hashed=no_bytes("")))
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_nothing_can_be_added(file):
    complete = complete_hashes(AdoptableFile(file, len(DATA), hashed=no_bytes("SHA1")))
    assert complete is not None
    hashed = crossed(complete)
    for each in (hashed.hashes.md5, hashed.hashes.checksum, hashed.sums):
        assert each is not None
        each.update(b"")
        with pytest.raises(ValueError, match="bytes follow"):
            each.update(b"x")
    with pytest.raises(ValueError, match="bytes follow"):
        hashed.more(b"x")
    following = BodyHashes("SHA1", hashed.hashes)
    following.update(DATA)  # passed over
    with pytest.raises(ValueError, match="bytes follow"):
        following.update(b"x")


# ---------------------------------------------------------------- in a store


@pytest.fixture
def elsewhere(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same file on another file system than the store's."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if os.stat(folder).st_dev == file.stat().st_dev:

            def refuse(*names: object) -> None:
                raise OSError(errno.EXDEV, "another file system")

            monkeypatch.setattr(os, "link", refuse)
        path = Path(folder) / "staged"
        path.write_bytes(DATA)
        yield path


SHOWN = ("ETag", "ContentLength", "ChecksumCRC64NVME", "ChecksumSHA256", "ServerSideEncryption")


@pytest.mark.parametrize("encrypt", ["", "sse-s3"])
@pytest.mark.parametrize("place", ["file", "elsewhere"])
@pytest.mark.parametrize(
    ("algorithm", "asked"), [("CRC64NVME", ""), ("SHA256", ""), ("CRC64NVME", "SHA256")]
)
async def test_a_store_makes_the_same_of_them(request, tmp_path, place, encrypt, algorithm, asked):
    """asked: the checksum that the request wants, if not that which was computed."""
    path: Path = request.getfixturevalue(place)
    embedded = open_embedded(tmp_path / "store", ephemeral=True, encrypt=encrypt)
    try:
        s3 = Client(embedded.local)
        await s3("CreateBucket", Bucket="bbb")
        wanted = {"ChecksumAlgorithm": asked} if asked else {}
        found = {}
        plain = AdoptableFile(path, len(DATA))
        begun = AdoptableFile(path, len(DATA), hashed=no_bytes(algorithm).more(DATA[:5000]))
        for key, body in {"plain": plain, "begun": begun, "known": known(begun)}.items():
            await s3.put("bbb", key, body, **wanted)
            head = await s3("HeadObject", Bucket="bbb", Key=key, ChecksumMode="ENABLED")
            assert await s3.read("bbb", key) == DATA
            found[key] = [head.get(name) for name in SHOWN]
            if not encrypt:  # else they are those of bytes that are encrypted with a key each
                found[key].append(_sums(embedded, key))
        assert found["plain"] == found["begun"] == found["known"]
        assert found["known"][0] == f'"{MD5.hexdigest()}"'
    finally:
        embedded.close()


def _sums(embedded: Embedded, key: str) -> bytes:
    stored = embedded.index.read_inline(lambda reader: reader.current("bbb", key.encode()))
    assert stored is not None
    (extent,) = stored.layout.extents
    return extent.sums


async def test_a_file_is_linked_without_being_read(file, tmp_path, monkeypatch):
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    body = known(AdoptableFile(file, len(DATA), hashed=no_bytes("").more(DATA[:5])))
    assert body.hashed is not None
    read = []
    monkeypatch.setattr(os, "pread", lambda fd, size, at: read.append(at) or b"")
    hashes = BodyHashes("", body.hashed.hashes)
    draft = await blobs.receive(body, [hashes])
    assert blobs.path(draft.blob).stat().st_ino == file.stat().st_ino
    assert read == [len(DATA)], "only whether it has grown"
    assert hashes.md5.digest() == MD5.digest()
    assert draft.extent.sums == sums_of(DATA)


async def test_a_promised_digest_is_compared(file, tmp_path):
    embedded = open_embedded(tmp_path / "store", ephemeral=True)
    try:
        s3 = Client(embedded.local)
        await s3("CreateBucket", Bucket="bbb")
        hashed = no_bytes("SHA256").more(DATA[:5])
        body = known(AdoptableFile(file, len(DATA), hashed=hashed))
        right = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
        wrong = base64.b64encode(hashlib.sha256(b"").digest()).decode()
        await s3.put("bbb", "k", body, ChecksumSHA256=right)
        await s3.refused(
            "BadDigest", "PutObject", Bucket="bbb", Key="l", Body=body, ChecksumSHA256=wrong
        )
        bad = base64.b64encode(hashlib.md5(b"").digest()).decode()
        await s3.refused("BadDigest", "PutObject", Bucket="bbb", Key="l", Body=body, ContentMD5=bad)
        assert await left(tmp_path / "store", 1)
    finally:
        embedded.close()


@pytest.mark.parametrize("place", ["file", "elsewhere"])
async def test_a_file_that_has_grown_is_never_stored_with_the_old_hashes(request, tmp_path, place):
    path: Path = request.getfixturevalue(place)
    embedded = open_embedded(tmp_path / "store", ephemeral=True)
    try:
        s3 = Client(embedded.local)
        await s3("CreateBucket", Bucket="bbb")
        body = known(AdoptableFile(path, len(DATA), hashed=no_bytes("").more(b"")))
        with path.open("ab") as opened:
            opened.write(b"more")
        await s3.put("bbb", "k", body)
        assert await s3.read("bbb", "k") == DATA
    finally:
        embedded.close()
