import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.checksums import hasher
from s3d.agent.storage.blocks import (
    BLOCK,
    BlockSums,
    StoredDataCorrupt,
    VerifiedBlocks,
    block_count,
    block_size,
    crc,
    sum_at,
    sum_count,
    sums_of,
    wrong_blocks,
)

DATA = os.urandom(2 * BLOCK + 5)


def sums(*chunks):
    found = BlockSums()
    for chunk in chunks:
        found.update(chunk)
    return found.digest()


@given(st.lists(st.integers(0, len(DATA)), max_size=6))
def test_the_checksums_do_not_depend_on_how_the_bytes_come(cuts):
    edges = [0, *sorted(cuts), len(DATA)]
    chunks = [DATA[a:b] for a, b in pairwise(edges)]
    found = sums(*chunks)
    assert sum_count(found) == 3
    for block in range(3):
        assert sum_at(found, block) == crc(DATA[block * BLOCK : (block + 1) * BLOCK])


@pytest.mark.parametrize("cut", [0, 5, BLOCK, BLOCK + 5])
def test_a_copy_goes_on_by_itself(cut):
    found = BlockSums()
    found.update(DATA[:cut])
    copied = found.copy()
    found.update(b"other bytes")
    copied.update(DATA[cut:])
    assert copied.digest() == sums(DATA)
    assert found.digest() == sums(DATA[:cut], b"other bytes")


def test_it_is_the_crc32c_that_s3_knows():
    expected = hasher("CRC32C")
    expected.update(b"123456789")
    assert crc(b"123456789") == int.from_bytes(expected.digest()) == 0xE3069283


@pytest.mark.parametrize("data", [b"", b"x", DATA[:BLOCK]])
def test_one_block_has_one_checksum(data):
    assert sums_of(data) == sums(data)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_blocks_make_up_the_whole(size):
    assert sum(block_size(size, block) for block in range(block_count(size))) == size


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda data: data, []),
        (lambda data: data[:5] + bytes([data[5] ^ 1]) + data[6:], [0]),
        (lambda data: data[:-1], [2]),
        (lambda data: data[:BLOCK], [1, 2]),
    ],
)
def test_wrong_blocks_are_found(tmp_path, change, wrong):
    file = tmp_path / "file"
    file.write_bytes(change(DATA))
    known = sums(DATA)
    with file.open("rb") as opened:
        found = wrong_blocks(opened.fileno(), len(DATA), range(3), lambda n: sum_at(known, n))
        assert list(found) == wrong


WHOLE = os.urandom(6 * BLOCK + 5)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    return path


def sums_of_blocks(data=WHOLE):
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
    checks = VerifiedBlocks().of(1, fd, sums_of_blocks())
    assert checks.check(fd, 5, len(WHOLE)) == 4 * BLOCK
    assert checks.is_proven(5, 10)
    assert not checks.is_proven(0, len(WHOLE))
    assert checks.check(fd, 4 * BLOCK, len(WHOLE)) == len(WHOLE)
    monkeypatch.setattr(os, "pread", None)
    assert checks.check(fd, 0, len(WHOLE)) == len(WHOLE)
    os.close(fd)


def test_a_range_checks_the_blocks_that_it_touches(file):
    flip(file, 3 * BLOCK + 1)
    fd = opened(file)
    checks = VerifiedBlocks().of(1, fd, sums_of_blocks())
    assert checks.check(fd, BLOCK, 3 * BLOCK) == 3 * BLOCK
    with pytest.raises(StoredDataCorrupt, match="block 3"):
        checks.check(fd, 3 * BLOCK - 1, 3 * BLOCK + 1)
    os.close(fd)


def test_a_file_that_was_written_to_is_checked_anew(file):
    verified = VerifiedBlocks()
    fd = opened(file)
    verified.of(1, fd, sums_of_blocks()).check(fd, 0, 10)
    assert verified.of(1, fd, sums_of_blocks()).is_proven(0, 10)
    flip(file, 3)
    os.utime(file, ns=(0, 1))  # not the same moment, whatever the clock of the file system
    with pytest.raises(StoredDataCorrupt):
        verified.of(1, fd, sums_of_blocks()).check(fd, 0, 10)
    os.close(fd)


def test_a_file_of_another_size_is_damaged(file):
    os.truncate(file, 2 * BLOCK)
    fd = opened(file)
    with pytest.raises(StoredDataCorrupt, match=str(2 * BLOCK)):
        VerifiedBlocks().of(1, fd, sums_of_blocks())
    os.close(fd)


def test_a_file_of_one_block_is_checked_by_the_bytes_in_hand(file):
    data = WHOLE[:1_000]
    file.write_bytes(data)
    fd = opened(file)
    checks = VerifiedBlocks().of(1, fd, sums_of_blocks(data))
    assert checks.is_whole(0, 1_000)
    assert not checks.is_whole(0, 999)
    with pytest.raises(StoredDataCorrupt):
        checks.check_whole(data[:-1] + bytes([data[-1] ^ 1]))
    checks.check_whole(data)
    assert checks.is_proven(0, 1_000)
    os.close(fd)
