"""What the bytes of a whole object are held against."""

from __future__ import annotations

import base64
import hashlib

import pytest

from s3d.agent.s3.checksums import hasher
from s3d.agent.stores.read_cache.verify import Claim, Proof, claim_of

DATA = b"some bytes"
MD5 = hashlib.md5(DATA).hexdigest()
ETAG = f'"{MD5}"'


@pytest.mark.parametrize(
    ("said", "claim"),
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
def test_the_best_test_is_taken(said, claim):
    assert claim_of(said) == claim


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_tells_right_from_wrong(algorithm):
    whole = hasher(algorithm)
    whole.update(DATA)
    for data, holds in ((DATA, True), (DATA[1:], False)):
        proof = Proof(Claim(algorithm, whole.b64()))
        proof.update(data[:4])
        proof.update(data[4:])
        assert (proof.holds, proof.is_doubtful) == (holds, False)


def test_an_md5_that_is_none_is_doubtful():
    proof = Proof(Claim("MD5", MD5))
    proof.update(b"other")
    assert (proof.holds, proof.is_doubtful) == (False, True)
    assert proof.found == hashlib.md5(b"other").hexdigest()


def test_without_a_test_all_is_right():
    proof = Proof(None)
    proof.update(DATA)
    assert proof.holds
    assert base64.b64encode(b"") == b""
