import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.checksums import hasher
from s3d.agent.storage.blocks import (
    BLOCK,
    BlockSums,
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
