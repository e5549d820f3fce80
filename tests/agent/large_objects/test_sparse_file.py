"""Holes: found, not read, hashed as zeros, and written as holes."""

import hashlib
import os

import pytest

from s3d.agent.large_objects.sparse_file import (
    BLOCK,
    GRAIN,
    blocks,
    feed,
    md5_between,
    md5_of_zeros,
    next_data,
    write_sparse,
)

SIZE = 16 << 20


@pytest.fixture
def sparse(tmp_path):
    """16 MiB with two pieces of data."""
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(SIZE)
        file.seek(2 << 20)
        file.write(b"a" * 5000)
        file.seek(9 << 20)
        file.write(b"b" * (2 << 20))
    fd = os.open(path, os.O_RDWR)
    yield fd
    os.close(fd)


def content(fd):
    return os.pread(fd, SIZE, 0)


def test_blocks_give_the_bytes_of_the_file(sparse):
    assert b"".join(blocks(sparse, 0, SIZE)) == content(sparse)
    assert b"".join(blocks(sparse, 3, SIZE - 5)) == content(sparse)[3:-5]


def test_holes_are_not_read(sparse, monkeypatch):
    read = 0

    def pread(fd, size, at, pread=os.pread):
        nonlocal read
        read += size
        return pread(fd, size, at)

    monkeypatch.setattr(os, "pread", pread)
    assert sum(map(len, blocks(sparse, 0, SIZE))) == SIZE
    assert read <= 6 * BLOCK


def test_a_file_that_ends_early_ends_the_blocks(sparse):
    os.ftruncate(sparse, (2 << 20) + 100)
    assert not feed(sparse, 0, SIZE, [])
    assert sum(map(len, blocks(sparse, 0, SIZE))) == (2 << 20) + 100
    os.ftruncate(sparse, 1 << 20)
    assert not feed(sparse, 0, SIZE, [])


def test_the_md5_of_any_range(sparse):
    for start, stop in ((0, SIZE), (0, 2 << 20), (3 << 20, 9 << 20), (1 << 20, 3 << 20)):
        expected = hashlib.md5(content(sparse)[start:stop]).digest()
        assert md5_between(sparse, start, stop) == expected
    assert md5_between(sparse, 0, SIZE + 1) is None
    assert md5_of_zeros(BLOCK + 3) == hashlib.md5(bytes(BLOCK + 3)).digest()


def test_zeros_are_written_as_holes(tmp_path, sparse):
    data = content(sparse)
    fd = os.open(tmp_path / "copy", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, SIZE)
    for at in range(0, SIZE, 700_001):  # blocks of a network have any size
        write_sparse(fd, data[at : at + 700_001], at)
    assert content(fd) == data
    assert os.fstat(fd).st_blocks * 512 < (2 << 20) + 8 * GRAIN
    os.close(fd)


def test_zeros_replace_what_an_earlier_attempt_has_written(tmp_path):
    fd = os.open(tmp_path / "copy", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 4 * GRAIN)
    os.pwrite(fd, b"x" * GRAIN, GRAIN)
    write_sparse(fd, bytes(4 * GRAIN), 0)
    assert os.pread(fd, 4 * GRAIN, 0) == bytes(4 * GRAIN)
    os.close(fd)


def test_a_file_system_without_holes_has_only_data(sparse, monkeypatch):
    def lseek(fd, at, how):
        raise OSError(22, "invalid argument")

    monkeypatch.setattr(os, "lseek", lseek)
    assert next_data(sparse, 5, SIZE) == 5
    assert b"".join(blocks(sparse, 0, SIZE)) == content(sparse)
