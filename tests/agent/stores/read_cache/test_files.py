"""Files of entries are believed as far as they were read and found right."""

from __future__ import annotations

import random

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import BLOCK, crc, mask
from s3d.agent.stores.read_cache.files import Files
from tests.agent.stores.read_cache.test_entry import entry_of
from tests.contract.client import read

DATA = random.Random(1).randbytes(3 * BLOCK)


@pytest.fixture
def files(tmp_path):
    return Files(Blobs(tmp_path / "blobs", ephemeral=True))


@pytest.fixture
def entry(files):
    """Whole, its file written, nothing proven."""
    entry = entry_of(len(DATA), mask(0, 3))
    entry.blob = files._blobs.new_id()
    with open(files.create(entry.blob), "wb") as file:
        file.write(DATA)
    for block in range(3):
        entry.sums[block] = crc(DATA[block * BLOCK : (block + 1) * BLOCK])
    return entry


def damage(files, entry, at):
    with files._blobs.path(entry.blob).open("r+b") as file:
        file.seek(at)
        file.write(bytes([DATA[at] ^ 1]))


async def test_only_what_was_found_right_is_given_at_once(files, entry):
    assert files.body(entry, 0, 10) is None
    assert await files.prove(entry, 5, 10)
    assert await read(files.body(entry, 5, 10)) == DATA[5:15]
    assert files.body(entry, BLOCK, 10) is None
    assert await files.prove(entry, 0, len(DATA))
    assert await read(files.body(entry, 0, len(DATA))) == DATA


async def test_a_file_that_was_written_to_is_read_again(files, entry):
    await files.prove(entry, 0, len(DATA))
    damage(files, entry, BLOCK + 5)
    assert files.body(entry, 0, 10) is None
    assert await files.prove(entry, 0, BLOCK)
    assert not await files.prove(entry, 0, len(DATA))
    assert [entry.has(block) for block in range(3)] == [True, False, True]
    assert await read(files.body(entry, 0, BLOCK)) == DATA[:BLOCK]


async def test_a_file_that_is_gone_or_short_has_nothing(files, entry):
    files._blobs.path(entry.blob).write_bytes(DATA[: BLOCK + 5])
    assert not await files.prove(entry, 0, len(DATA))
    assert entry.present == 0b001
    files._blobs.path(entry.blob).unlink()
    assert not await files.prove(entry, 0, 10)
    assert (entry.present, files.body(entry, 0, 10)) == (0, None)
