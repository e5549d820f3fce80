"""What is hashed while a file is written are the first bytes that the file has in the end."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3d.agent.frontends.fuse import hash_ahead
from s3d.agent.frontends.fuse.hash_ahead import HashProgress, HashThread
from s3d.agent.frontends.fuse.staged_file import FrozenFile, StagedFile, StagingFolder
from s3d.agent.s3 import checksums
from s3d.agent.s3.checksums import BodyHashes
from s3d.agent.storage.adopted_file import AdoptableFile, HashedStart
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import BlockSums
from tests.agent.frontends.fuse.store_thread import until

CHECKSUM = "CRC64NVME"
MIB = 1 << 20
IDS = itertools.count(1_000_000)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of ten bytes, from a size of twenty on, of the first hundred bytes."""
    for name, size in (("PIECE", 10), ("FIRST", 20), ("MAX_HASHED_AHEAD", 100)):
        monkeypatch.setattr(hash_ahead, name, size)


def check(hashed: HashedStart | None, data: bytes) -> None:
    """The hashes are those of the first bytes of the data."""
    if hashed is None:
        return
    start = data[: hashed.size]
    assert len(start) == hashed.size
    checksum, sums = checksums.hasher(CHECKSUM), BlockSums()
    checksum.update(start)
    sums.update(start)
    assert hashed.hashes.md5.digest() == hashlib.md5(start).digest()
    assert hashed.hashes.checksum is not None
    assert hashed.hashes.checksum.digest() == checksum.digest()
    assert hashed.sums.copy().digest() == sums.digest()


NEW = st.binary(min_size=1, max_size=40)
PLACES = st.integers(0, 130)
STEP = st.one_of(
    st.tuples(st.sampled_from(["write", "write", "truncate"]), PLACES, NEW),
    st.tuples(st.sampled_from(["append", "empty", "begin", "end"]), st.just(0), NEW),
    st.tuples(st.sampled_from(["append", "begin", "end"]), st.just(0), NEW),
)
PATIENT = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PATIENT
@given(st.lists(STEP, min_size=10, max_size=40))
def test_the_hashes_are_those_of_the_bytes_whatever_is_written_meanwhile(small, steps):
    """A piece is claimed with "begin", and read and published with "end"."""
    progress, data, claim = HashProgress(CHECKSUM, is_empty=True), bytearray(), None
    for name, place, new in [("append", 0, bytes(range(60))), *steps]:
        if name in ("write", "append"):
            start = place if name == "write" else len(data)
            progress.change(start)
            data.extend(bytes(max(0, start - len(data))))
            data[start : start + len(new)] = new
            progress.wrote(start, start + len(new))
        elif name in ("truncate", "empty"):
            progress.change(place)
            data[place:] = bytes(max(0, place - len(data)))
            progress.cut(place)
        elif name == "begin" and claim is None:
            claim = progress.claim()
        elif name == "end" and claim is not None:
            piece = data[claim.start : claim.start + hash_ahead.PIECE]
            progress.publish(claim, claim.before.more(piece))
            claim = None
        check(progress.hashed, bytes(data))


def all_pieces(progress: HashProgress, data: bytes) -> int:
    """Hash what can be; how many bytes are hashed then."""
    while (claim := progress.claim()) is not None:
        piece = data[claim.start : claim.start + hash_ahead.PIECE]
        progress.publish(claim, claim.before.more(piece))
    return 0 if progress.hashed is None else progress.hashed.size


DATA = bytes(range(200))


def written(*ends: int, algorithm: str | None = CHECKSUM, is_empty: bool = True) -> HashProgress:
    """The progress of a file that was written in order."""
    progress = HashProgress(algorithm, is_empty=is_empty)
    for start, end in itertools.pairwise((0, *ends)):
        progress.change(start)
        progress.wrote(start, end)
    return progress


@pytest.mark.parametrize(("ends", "hashed"), [((19,), 0), ((5, 20), 20), ((27, 39), 30)])
def test_a_file_that_is_written_in_order_is_hashed_up_to_its_last_piece(small, ends, hashed):
    assert all_pieces(written(*ends), DATA) == hashed


def test_no_more_than_a_part_of_a_larger_file_is_hashed(small):
    assert all_pieces(written(150, 190), DATA) == 100


def test_bytes_behind_a_gap_are_not_hashed_until_it_is_filled(small):
    progress = written(25)
    progress.wrote(40, 60)
    assert all_pieces(progress, DATA) == 20
    progress.wrote(25, 60)
    assert all_pieces(progress, DATA) == 60


def test_bytes_that_nobody_has_hashed_can_be_written_again(small):
    progress = written(35)
    assert all_pieces(progress, DATA) == 30
    progress.change(30)
    progress.wrote(30, 50)
    assert all_pieces(progress, DATA) == 50
    progress.change(29)
    assert (progress.hashed, all_pieces(progress, DATA)) == (None, 0)


def test_an_emptied_file_begins_anew_and_one_that_was_stopped_does_not(small):
    progress = written(35)
    assert all_pieces(progress, DATA) == 30
    for stop, hashed in ((False, 20), (True, 0)):
        if stop:
            progress.stop()
        progress.change(0)
        progress.cut(0)
        progress.wrote(0, 22)
        assert all_pieces(progress, DATA[::-1]) == hashed
    check(written(35).hashed, DATA)


@pytest.mark.parametrize(("algorithm", "is_empty"), [(None, True), (CHECKSUM, False)])
def test_a_file_that_has_bytes_or_is_not_to_be_hashed_is_not(small, algorithm, is_empty):
    assert written(40, algorithm=algorithm, is_empty=is_empty).claim() is None


def test_a_piece_is_claimed_once_the_one_before_it_is_published(small):
    progress = written(40)
    claim = progress.claim()
    assert claim is not None
    assert progress.claim() is None
    progress.publish(claim, claim.before.more(DATA[:10]))
    following = progress.claim()
    assert following is not None
    assert following.start == 10


# The file and the thread


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "blobs"
    folder.mkdir()
    return folder


@pytest.fixture
def thread() -> Iterator[HashThread]:
    thread = HashThread(CHECKSUM)
    yield thread
    thread.stop()


def staged(folder: Path, thread: HashThread) -> StagedFile:
    return StagedFile(StagingFolder(folder, lambda: next(IDS), thread))


async def stored(blobs: Blobs, frozen: FrozenFile, data: bytes) -> None:
    """The store takes the file, and computes the hashes of its bytes."""
    hashes = BodyHashes(CHECKSUM, None if frozen.hashed is None else frozen.hashed.hashes)
    body = AdoptableFile(frozen.path, frozen.size, data=frozen.data, hashed=frozen.hashed)
    draft = await blobs.receive(body, (hashes,))
    sums = BlockSums()
    sums.update(data)
    assert (hashes.md5.digest(), draft.extent.sums) == (hashlib.md5(data).digest(), sums.digest())
    if draft.data is None:
        assert blobs.path(draft.blob).read_bytes() == data


@pytest.mark.parametrize("seed", range(6))
async def test_a_file_that_is_hashed_while_it_is_written_has_its_hashes(
    folder, thread, blobs, monkeypatch, seed
):
    """Writes in order, in the middle and with gaps, truncations and snapshots, while the thread
    follows. A part of the steps lets the thread catch up."""
    monkeypatch.setattr(hash_ahead, "PIECE", 4_096)
    monkeypatch.setattr(hash_ahead, "FIRST", 8_192)
    chooser, data, file = random.Random(seed), bytearray(), staged(folder, thread)
    followed = 0
    for _ in range(25):
        for _ in range(chooser.randrange(40)):
            new, start = chooser.randbytes(chooser.randrange(1, 9_000)), len(data)
            if chooser.random() < 0.02:
                start = chooser.randrange(len(data) + 5_000)
            data.extend(bytes(max(0, start - len(data))))
            data[start : start + len(new)] = new
            file.write(new, start if chooser.random() < 0.5 or start != len(data) else None)
        if chooser.random() < 0.3:
            until(lambda: not file.hashing.is_due)
        if chooser.random() < 0.4:
            size = chooser.choice((0, 0, chooser.randrange(len(data) + 5_000)))
            data[size:] = bytes(max(0, size - len(data)))
            file.truncate(size)
        frozen = file.freeze()
        check(frozen.hashed, bytes(data))
        followed += frozen.hashed is not None
        await stored(blobs, frozen, bytes(data))
    assert followed
    file.close()


def test_a_file_that_was_frozen_is_left_to_the_store(folder, thread):
    thread.stop()
    file = staged(folder, thread)
    file.write(os.urandom(6 * MIB), 0)
    buffer = bytearray(MIB)
    assert file.hashing.hash_piece(buffer)
    assert file.freeze().hashed.size == MIB
    assert not file.hashing.hash_piece(buffer)
    file.write(b"x", None)
    assert file.hashing.hash_piece(buffer)
    assert file.freeze().hashed.size == 2 * MIB
    file.close()


def test_nothing_of_a_removed_or_closed_file_is_hashed(folder, thread):
    thread.stop()
    buffer = bytearray(MIB)
    for end in (lambda file: file.hashing.stop(), StagedFile.close):
        file = staged(folder, thread)
        file.write(os.urandom(6 * MIB), 0)
        assert file.hashing.hash_piece(buffer)
        end(file)
        assert not file.hashing.hash_piece(buffer)
    file.close()


def test_a_file_that_cannot_be_read_is_left_to_the_store_and_others_are_not(folder, thread, caplog):
    broken, whole = staged(folder, thread), staged(folder, thread)
    with broken._lock:  # so that the thread waits
        broken.write(bytes(6 * MIB), 0)
        os.ftruncate(broken._content.fd, MIB // 2)
    whole.write(bytes(6 * MIB), 0)
    until(lambda: not whole.hashing.is_due)
    until(lambda: "cannot be hashed" in caplog.text)
    assert broken.hashing.hashed is None
    until(lambda: whole.freeze().hashed.size == 6 * MIB)
    broken.close()
    whole.close()


def test_a_file_that_is_cut_while_it_is_read_begins_anew_and_nothing_is_wrong(
    folder, thread, monkeypatch
):
    thread.stop()
    file, buffer, dup = staged(folder, thread), bytearray(MIB), os.dup
    file.write(bytes(6 * MIB), 0)

    def cut_and_dup(fd: int) -> int:
        file.truncate(0)
        return dup(fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "dup", cut_and_dup)
        assert not file.hashing.hash_piece(buffer)
    data = os.urandom(5 * MIB)
    file.write(data, 0)
    while file.hashing.hash_piece(buffer):
        pass
    check(file.freeze().hashed, data)
    assert file.freeze().hashed.size == 5 * MIB
    file.close()


def test_the_thread_is_started_by_the_first_large_file_and_has_no_descriptors(
    folder, thread, small
):
    def threads() -> int:
        return sum(each.name == "s3d mount hashes" for each in threading.enumerate())

    def descriptors() -> int:
        """Of staged files, which are in memory yet: others come and go in this process."""
        count = 0
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                count += os.readlink(f"/proc/self/fd/{name}").startswith("/memfd:")
        return count

    before = descriptors(), threads()
    files = [staged(folder, thread) for _ in range(20)]
    for file in files:
        file.write(bytes(19), 0)
    assert threads() == before[1]
    for file in files:
        file.write(b"x" * 41, None)
    assert threads() == before[1] + 1
    until(lambda: not any(file.hashing.is_due for file in files))
    thread.stop()
    assert descriptors() == before[0] + len(files)
    assert threads() == before[1]
    for file in files:
        file.close()
    assert descriptors() == before[0]
