import base64
import hashlib
import zlib

import pytest
from awscrt import checksums as crt
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3 import checksums
from s3d.agent.s3.errors import S3Error

CHECK = b"123456789"
DIGESTS = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "SHA512": (
        "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d"
        "73d499c95455b6b5bb503acf574fba8ffe85"
    ),
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "XXHASH64": "8cb841db40e6ae83",
    "XXHASH3": "72dcb18b67a17dff",
    "XXHASH128": "33119477ede5dcd5e9716427681d5860",
}
CRCS = ["CRC32", "CRC32C", "CRC64NVME"]
ORACLES = {"CRC32": crt.crc32, "CRC32C": crt.crc32c, "CRC64NVME": crt.crc64nvme}


def b64_of(algorithm: str, data: bytes) -> str:
    hasher = checksums.hasher(algorithm)
    hasher.update(data)
    return hasher.b64()


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_the_digest_of_the_check_string(algorithm: str) -> None:
    hasher = checksums.hasher(algorithm)
    hasher.update(CHECK[:4])
    hasher.update(b"")
    hasher.update(memoryview(CHECK)[4:])
    assert hasher.digest().hex() == DIGESTS[algorithm]
    assert base64.b64decode(hasher.b64()) == hasher.digest()


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_a_copy_goes_on_by_itself(algorithm: str) -> None:
    hasher = checksums.hasher(algorithm)
    hasher.update(CHECK[:4])
    copied = hasher.copy()
    hasher.update(b"other bytes")
    copied.update(CHECK[4:])
    assert copied.digest().hex() == DIGESTS[algorithm]
    assert hasher.b64() == b64_of(algorithm, CHECK[:4] + b"other bytes")


ALGORITHMS_OR_NONE = st.sampled_from(["", "CRC64NVME", "SHA256", "XXHASH64"])
PIECES = st.lists(st.binary(max_size=9), max_size=5)


def hashes_of(pieces: list[bytes], hashes: checksums.BodyHashes) -> tuple[str, str]:
    """The two digests, after an update with each piece."""
    for piece in pieces:
        hashes.update(piece)
    return hashes.md5.hexdigest(), "" if hashes.checksum is None else hashes.checksum.b64()


@settings(deadline=None)
@given(PIECES, PIECES, ALGORITHMS_OR_NONE, ALGORITHMS_OR_NONE)
def test_the_known_bytes_of_a_body_are_not_hashed_again(
    known: list[bytes], rest: list[bytes], algorithm: str, other: str
) -> None:
    start = checksums.BodyHashes(algorithm)
    hashes_of(known, start)
    hashes, data = checksums.BodyHashes(other, start), b"".join((*known, *rest))
    assert hashes.known == (start.size if other == algorithm else 0)
    found = hashes_of([*known, *rest], hashes)
    assert found == (hashlib.md5(data).hexdigest(), b64_of(other, data) if other else "")
    assert (hashes.known, hashes.size) == (0, len(data))
    assert start.md5.hexdigest() == hashlib.md5(b"".join(known)).hexdigest()


def test_a_body_in_one_piece_is_more_than_what_is_known() -> None:
    start = checksums.BodyHashes()
    start.update(b"known ")
    hashes = checksums.BodyHashes(start=start)
    assert hashes_of([b"known and new"], hashes) == (hashlib.md5(b"known and new").hexdigest(), "")


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(CRCS), st.lists(st.binary(max_size=200), max_size=4))
def test_a_crc_is_that_of_awscrt(algorithm: str, pieces: list[bytes]) -> None:
    hasher = checksums.hasher(algorithm)
    for piece in pieces:
        hasher.update(piece)
    assert int.from_bytes(hasher.digest()) == ORACLES[algorithm](b"".join(pieces))


def test_crc32_is_that_of_zlib() -> None:
    assert (
        b64_of("CRC32", CHECK * 99) == base64.b64encode(zlib.crc32(CHECK * 99).to_bytes(4)).decode()
    )


def test_every_algorithm_knows_its_member_and_its_header() -> None:
    for name, row in checksums.ALGORITHMS.items():
        assert checksums.member_of(name) == f"Checksum{name}"
        assert checksums.algorithm_of(f"x-amz-checksum-{name.lower()}") == name
        assert len(checksums.hasher(name).digest()) == row.size
    assert checksums.algorithm_of("x-amz-checksum-type") is None


def test_an_unknown_algorithm_is_refused() -> None:
    for ask in (checksums.hasher, checksums.member_of):
        with pytest.raises(S3Error, match="InvalidRequest"):
            ask("CRC16")


def test_the_expected_checksum_is_a_member_or_a_trailer() -> None:
    crc, sha = b64_of("CRC32", b"x"), b64_of("SHA256", b"x")
    assert checksums.expected({}, {}) is None
    assert checksums.expected({"ChecksumCRC32": None}, {"x-amz-meta-a": "b"}) is None
    assert checksums.expected({"ChecksumCRC32": crc}, {}) == ("CRC32", crc)
    assert checksums.expected({}, {"x-amz-checksum-sha256": sha}) == ("SHA256", sha)


@pytest.mark.parametrize("value", ["xyz", "AAAA", "AAAAAAA=", "AAAAA===", "AAAAAA==\n", "ä"])
def test_a_malformed_checksum_is_refused(value: str) -> None:
    with pytest.raises(S3Error, match=r"InvalidRequest: Value for x-amz-checksum-crc32 header"):
        checksums.expected({"ChecksumCRC32": value}, {})


def test_two_checksums_are_refused() -> None:
    crc, sha = b64_of("CRC32", b"x"), b64_of("SHA1", b"x")
    for members, trailers in (
        ({"ChecksumCRC32": crc, "ChecksumSHA1": sha}, {}),
        ({"ChecksumCRC32": crc}, {"x-amz-checksum-sha1": sha}),
    ):
        with pytest.raises(S3Error, match="single x-amz-checksum"):
            checksums.expected(members, trailers)


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_a_composite_checksum_hashes_the_digests_of_the_parts(algorithm: str) -> None:
    digests = [base64.b64decode(b64_of(algorithm, part)) for part in (b"one", b"two")]
    assert checksums.composite(algorithm, digests) == b64_of(algorithm, b"".join(digests)) + "-2"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CRCS), st.lists(st.binary(max_size=300), max_size=6))
def test_the_crcs_of_parts_combine_to_that_of_the_whole(algorithm: str, parts: list[bytes]) -> None:
    told = [(b64_of(algorithm, part), len(part)) for part in parts]
    assert checksums.full_object(algorithm, told) == b64_of(algorithm, b"".join(parts))


@pytest.mark.parametrize("algorithm", CRCS)
def test_large_parts_combine_too(algorithm: str) -> None:
    zeros = bytes(1 << 20)
    whole = checksums.hasher(algorithm)
    whole.update(b"head")
    for _ in range(32):
        whole.update(zeros)
    part = checksums.hasher(algorithm)
    for _ in range(32):
        part.update(zeros)
    parts = [(b64_of(algorithm, b"head"), 4), (part.b64(), 32 << 20)]
    assert checksums.full_object(algorithm, parts) == whole.b64()


def test_no_full_object_checksum_of_a_hash() -> None:
    with pytest.raises(S3Error, match="FULL_OBJECT"):
        checksums.full_object("SHA256", [])


def test_the_etag_of_a_multipart_object() -> None:
    md5s = [hashlib.md5(part).digest() for part in (b"one", b"two")]
    whole = hashlib.md5(b"".join(md5s)).hexdigest()
    assert checksums.multipart_etag(md5s) == f"{whole}-2"
