import os

import pytest

from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.decrypted_body import DecryptedBody
from s3d.agent.storage.encrypted_blocks import (
    BLOCK,
    KEY,
    BlobEncryptor,
    KeyUnavailable,
    stored_size,
)
from s3d.agent.storage.records import cut
from tests.agent.storage.files import files, left
from tests.contract.client import read

WRAPPING_KEY = os.urandom(KEY)
ONE, TWO = os.urandom(20 * BLOCK + 5), os.urandom(BLOCK)


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs", ephemeral=True)


@pytest.fixture
async def extents(blobs):
    """Two blobs, as those of two parts."""
    drafts = [
        await blobs.receive(
            BytesBody(data), (), inline=0, encryptor=BlobEncryptor(WRAPPING_KEY, part)
        )
        for part, data in enumerate((ONE, TWO), 1)
    ]
    return tuple(draft.extent for draft in drafts)


async def test_blobs_in_order(blobs, extents):
    assert [blobs.path(each.blob).stat().st_size for each in extents] == [
        stored_size(len(ONE)),
        stored_size(len(TWO)),
    ]
    body = DecryptedBody(blobs, extents, WRAPPING_KEY)
    assert body.size == len(ONE) + len(TWO)
    assert await read(body) == ONE + TWO


@pytest.mark.parametrize(
    ("start", "size"),
    [(0, 1), (BLOCK - 1, 2), (len(ONE) - 1, 2), (len(ONE), BLOCK), (17 * BLOCK + 3, 4 * BLOCK)],
)
async def test_a_range_that_ends_in_another_blob(blobs, extents, start, size):
    body = DecryptedBody(blobs, cut(extents, start, size), WRAPPING_KEY)
    assert await read(body) == (ONE + TWO)[start : start + size]


async def test_a_wrong_key_is_an_error_before_the_first_byte(blobs, extents):
    with pytest.raises(KeyUnavailable):
        DecryptedBody(blobs, extents, os.urandom(KEY))
    assert not blobs.is_leased(extents[0].blob)


async def test_a_reader_keeps_the_file_until_it_is_closed(blobs, extents, tmp_path):
    body = DecryptedBody(blobs, extents[:1], WRAPPING_KEY)
    chunks = aiter(body)
    first = await anext(chunks)
    blobs.remove([each.blob for each in extents])
    rest = [chunk async for chunk in chunks]
    assert first + b"".join(rest) == ONE
    assert extents[0].blob in files(tmp_path)
    await body.aclose()
    assert await left(tmp_path, 0)


async def test_a_damaged_file_names_its_object(blobs, extents):
    path = blobs.path(extents[0].blob)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoredDataCorrupt):
        await read(DecryptedBody(blobs, extents, WRAPPING_KEY, "bucket/key"))
    assert "bucket/key" in blobs.damage
