"""What the bytes of a whole object are held against."""

from __future__ import annotations

import base64
import hashlib
import random

import pytest

from s3d.agent.s3.checksums import hasher
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import BLOCK, crc, mask
from s3d.agent.stores.read_cache.catalog.verify import Claim, DigestCheck, EntryFiles, claim_of
from tests.agent.stores.read_cache.catalog.test_entry import entry_of
from tests.contract.client import read

DATA = b"some bytes"
MD5 = hashlib.md5(DATA).hexdigest()
ETAG = f'"{MD5}"'


@pytest.mark.parametrize(
    ("members", "claim"),
    [
        ({"ETag": ETAG}, Claim("MD5", MD5)),
        ({"ETag": ETAG, "ServerSideEncryption": "AES256"}, Claim("MD5", MD5)),
        ({"ETag": ETAG, "ServerSideEncryption": "aws:kms"}, None),
        ({"ETag": ETAG, "SSECustomerAlgorithm": "AES256"}, None),
        ({"ETag": f'"{MD5}-3"'}, None),
        ({"ETag": '"anything"'}, None),
        ({"ETag": ETAG, "ChecksumCRC32": "AAAAAA=="}, Claim("CRC32", "AAAAAA==")),
        ({"ETag": ETAG, "ChecksumCRC32": "AAAAAA==-2"}, Claim("MD5", MD5)),
        (
            {"ETag": ETAG, "ChecksumCRC32": "AAAAAA==", "ChecksumType": "COMPOSITE"},
            Claim("MD5", MD5),
        ),
    ],
)
def test_the_best_test_is_taken(members, claim):
    assert claim_of(members) == claim


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_tells_right_from_wrong(algorithm):
    whole = hasher(algorithm)
    whole.update(DATA)
    for data, holds in ((DATA, True), (DATA[1:], False)):
        digest_check = DigestCheck(Claim(algorithm, whole.b64()))
        digest_check.update(data[:4])
        digest_check.update(data[4:])
        assert (digest_check.holds, digest_check.is_doubtful) == (holds, False)


def test_an_md5_that_is_none_is_doubtful():
    digest_check = DigestCheck(Claim("MD5", MD5))
    digest_check.update(b"other")
    assert (digest_check.holds, digest_check.is_doubtful) == (False, True)
    assert digest_check.computed == hashlib.md5(b"other").hexdigest()


def test_without_a_test_all_is_right():
    digest_check = DigestCheck(None)
    digest_check.update(DATA)
    assert digest_check.holds
    assert base64.b64encode(b"") == b""


BLOCKS = random.Random(1).randbytes(3 * BLOCK)


@pytest.fixture
def files(tmp_path):
    return EntryFiles(Blobs(tmp_path / "blobs", ephemeral=True))


@pytest.fixture
def entry(files):
    """Whole, its file written, nothing verified."""
    entry = entry_of(len(BLOCKS), mask(0, 3))
    entry.blob = files._blobs.new_id()
    with open(files.create(entry.blob), "wb") as file:
        file.write(BLOCKS)
    for block in range(3):
        entry.sums[block] = crc(BLOCKS[block * BLOCK : (block + 1) * BLOCK])
    return entry


def damage(files, entry, at):
    with files._blobs.path(entry.blob).open("r+b") as file:
        file.seek(at)
        file.write(bytes([BLOCKS[at] ^ 1]))


async def test_only_what_was_found_right_is_given_at_once(files, entry):
    assert files.body(entry, 0, 10) is None
    assert await files.prove(entry, 5, 10)
    assert await read(files.body(entry, 5, 10)) == BLOCKS[5:15]
    assert files.body(entry, BLOCK, 10) is None
    assert await files.prove(entry, 0, len(BLOCKS))
    assert await read(files.body(entry, 0, len(BLOCKS))) == BLOCKS


async def test_a_file_that_was_written_to_is_read_again(files, entry):
    await files.prove(entry, 0, len(BLOCKS))
    damage(files, entry, BLOCK + 5)
    assert files.body(entry, 0, 10) is None
    assert await files.prove(entry, 0, BLOCK)
    assert not await files.prove(entry, 0, len(BLOCKS))
    assert [entry.has(block) for block in range(3)] == [True, False, True]
    assert await read(files.body(entry, 0, BLOCK)) == BLOCKS[:BLOCK]


async def test_a_file_that_is_gone_or_short_has_nothing(files, entry):
    files._blobs.path(entry.blob).write_bytes(BLOCKS[: BLOCK + 5])
    assert not await files.prove(entry, 0, len(BLOCKS))
    assert entry.present == 0b001
    files._blobs.path(entry.blob).unlink()
    assert not await files.prove(entry, 0, 10)
    assert (entry.present, files.body(entry, 0, 10)) == (0, None)
