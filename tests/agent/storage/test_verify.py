import os

import pytest

from s3d.agent.storage.blocks import BLOCK, BlockSums, StoredDataCorrupt
from s3d.agent.storage.verify import VerifiedBlocks

DATA = os.urandom(6 * BLOCK + 5)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def sums(data=DATA):
    found = BlockSums()
    found.update(data)
    return found.digest()


def flip(path, at):
    with path.open("r+b") as file:
        byte = os.pread(file.fileno(), 1, at)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 1]), at)


def opened(path):
    return os.open(path, os.O_RDONLY)


def test_a_file_without_checksums_is_not_checked(file):
    fd = opened(file)
    assert VerifiedBlocks().of(1, fd, b"") is None
    os.close(fd)


def test_blocks_are_checked_some_at_once_and_each_once(file, monkeypatch):
    fd = opened(file)
    checks = VerifiedBlocks().of(1, fd, sums())
    assert checks.check(fd, 5, len(DATA)) == 4 * BLOCK
    assert checks.is_proven(5, 10)
    assert not checks.is_proven(0, len(DATA))
    assert checks.check(fd, 4 * BLOCK, len(DATA)) == len(DATA)
    monkeypatch.setattr(os, "pread", None)
    assert checks.check(fd, 0, len(DATA)) == len(DATA)
    os.close(fd)


def test_a_range_checks_the_blocks_that_it_touches(file):
    flip(file, 3 * BLOCK + 1)
    fd = opened(file)
    checks = VerifiedBlocks().of(1, fd, sums())
    assert checks.check(fd, BLOCK, 3 * BLOCK) == 3 * BLOCK
    with pytest.raises(StoredDataCorrupt, match="block 3"):
        checks.check(fd, 3 * BLOCK - 1, 3 * BLOCK + 1)
    os.close(fd)


def test_a_file_that_was_written_to_is_checked_anew(file):
    verified = VerifiedBlocks()
    fd = opened(file)
    verified.of(1, fd, sums()).check(fd, 0, 10)
    assert verified.of(1, fd, sums()).is_proven(0, 10)
    flip(file, 3)
    os.utime(file, ns=(0, 1))  # not the same moment, whatever the clock of the file system
    with pytest.raises(StoredDataCorrupt):
        verified.of(1, fd, sums()).check(fd, 0, 10)
    os.close(fd)


def test_a_file_of_another_size_is_damaged(file):
    os.truncate(file, 2 * BLOCK)
    fd = opened(file)
    with pytest.raises(StoredDataCorrupt, match=str(2 * BLOCK)):
        VerifiedBlocks().of(1, fd, sums())
    os.close(fd)


def test_a_file_of_one_block_is_checked_by_the_bytes_in_hand(file):
    data = DATA[:1_000]
    file.write_bytes(data)
    fd = opened(file)
    checks = VerifiedBlocks().of(1, fd, sums(data))
    assert checks.is_whole(0, 1_000)
    assert not checks.is_whole(0, 999)
    with pytest.raises(StoredDataCorrupt):
        checks.check_whole(data[:-1] + bytes([data[-1] ^ 1]))
    checks.check_whole(data)
    assert checks.is_proven(0, 1_000)
    os.close(fd)
