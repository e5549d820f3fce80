"""The blocks of encrypted blobs: every range comes back, and nothing that was moved or cut does."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.encrypted_blocks import (
    BLOCK,
    KEY,
    TAG,
    BlobDecryptor,
    BlobEncryptor,
    KeyUnavailable,
    stored_extent,
    stored_size,
)
from s3d.agent.storage.records import DataKey, Extent

WRAPPING_KEY = os.urandom(KEY)
DATA = os.urandom(3 * BLOCK + 1_000)
BORDERS = [at + step for at in range(0, len(DATA), BLOCK) for step in (-1, 0, 1) if at + step >= 0]


def encrypt(data: bytes, chunk: int = 1 << 20, part: int = 0) -> tuple[bytes, DataKey]:
    encryptor = BlobEncryptor(WRAPPING_KEY, part)
    stored = [encryptor.update(data[at : at + chunk]) for at in range(0, len(data), chunk)]
    return b"".join([*stored, encryptor.finish()]), encryptor.data_key()


def decrypt(stored: bytes, key: DataKey, start: int, size: int) -> bytes:
    run = stored_extent(Extent(1, start, size, b"", key))
    piece = stored[run.offset : run.offset + run.size]
    return BlobDecryptor(WRAPPING_KEY, key).decrypt(piece, start, size)


@pytest.mark.parametrize("size", [1, 1_000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, len(DATA)])
@pytest.mark.parametrize("chunk", [7_919, BLOCK, BLOCK + 1, 1 << 20])
def test_what_is_encrypted_comes_back(size, chunk):
    stored, key = encrypt(DATA[:size], chunk)
    assert len(stored) == stored_size(size)
    assert key.size == size
    assert DATA[:100] not in stored
    assert decrypt(stored, key, 0, size) == DATA[:size]


def test_a_blob_without_bytes_stores_none():
    assert encrypt(b"")[0] == b""
    assert stored_size(0) == 0


STORED, DATA_KEY = encrypt(DATA)


@given(st.sampled_from(BORDERS) | st.integers(0, len(DATA) - 1), st.integers(1, 2 * BLOCK))
@settings(max_examples=200, deadline=None)
def test_a_range_is_that_of_the_plain_bytes(start, size):
    start = min(start, len(DATA) - 1)
    size = min(size, len(DATA) - start)
    assert decrypt(STORED, DATA_KEY, start, size) == DATA[start : start + size]


def blocks() -> list[bytes]:
    size = BLOCK + TAG
    return [STORED[at : at + size] for at in range(0, len(STORED), size)]


def damaged(kind: str) -> bytes:
    one, two, three, last = blocks()
    other = encrypt(DATA)[0]
    return {
        "reordered": two + one + three + last,
        "repeated": one + one + three + last,
        "a block of another blob": other[: BLOCK + TAG] + two + three + last,
        "a flipped bit": bytes([one[0] ^ 1]) + one[1:] + two + three + last,
        "a flipped bit of a tag": one[:-1] + bytes([one[-1] ^ 1]) + two + three + last,
        "without the last block": one + two + three,
        "without the last byte": STORED[:-1],
        "empty": b"",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "reordered",
        "repeated",
        "a block of another blob",
        "a flipped bit",
        "a flipped bit of a tag",
        "without the last block",
        "without the last byte",
        "empty",
    ],
)
def test_damaged_blocks_are_refused(kind):
    with pytest.raises(StoredDataCorrupt):
        decrypt(damaged(kind), DATA_KEY, 0, len(DATA))


def test_a_blob_cannot_be_cut_at_a_block():
    """Even if the size that the index names is cut, too: the flag of the last block is missing."""
    one, two, _, _ = blocks()
    shorter = DataKey(DATA_KEY.id, DATA_KEY.part, 2 * BLOCK, DATA_KEY.wrapped)
    with pytest.raises(StoredDataCorrupt):
        decrypt(one + two, shorter, 0, 2 * BLOCK)


def test_a_part_cannot_take_the_place_of_another():
    stored, key = encrypt(DATA, part=1)
    moved = DataKey(key.id, 2, key.size, key.wrapped)
    with pytest.raises(StoredDataCorrupt):
        decrypt(stored, moved, 0, key.size)


def test_another_wrapping_key_is_not_damage():
    with pytest.raises(KeyUnavailable, match="another key"):
        BlobDecryptor(os.urandom(KEY), DATA_KEY)


def test_the_same_bytes_are_never_stored_alike():
    assert encrypt(DATA)[0][:BLOCK] != encrypt(DATA)[0][:BLOCK]
    assert WRAPPING_KEY not in DATA_KEY.wrapped


def test_an_agent_that_encrypts_nothing_does_without_the_library():
    code = "import sys, s3d.agent.app.embedded; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
