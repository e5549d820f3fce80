"""Checksums of objects and parts: hashing, the client's checksum, composite checksums.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
Pure; anycrc and xxhash are imported when they are first needed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from enum import Enum, auto
from functools import cache
from typing import Any, NamedTuple, Protocol

from s3d.agent.s3.errors import S3Error

FULL_OBJECT = "FULL_OBJECT"
COMPOSITE = "COMPOSITE"


class Family(Enum):
    """Which library computes an algorithm."""

    CRC = auto()
    """anycrc. The only ones that can be combined: a CRC is linear."""
    DIGEST = auto()
    """hashlib."""
    XXHASH = auto()
    """xxhash."""


class Algorithm(NamedTuple):
    """A row of ALGORITHMS."""

    name: str
    size: int
    """Bytes of the digest."""
    family: Family
    implementation: str
    """Its name in the library."""
    kinds: tuple[str, ...]
    """The kinds that a multipart object can have, the usual one first."""

    @property
    def member(self) -> str:
        return f"Checksum{self.name}"

    @property
    def header(self) -> str:
        return f"x-amz-checksum-{self.name.lower()}"


_EITHER = (COMPOSITE, FULL_OBJECT)
ALGORITHMS: Mapping[str, Algorithm] = {
    row.name: row
    for row in (
        Algorithm("CRC32", 4, Family.CRC, "CRC32", _EITHER),
        Algorithm("CRC32C", 4, Family.CRC, "CRC32-ISCSI", _EITHER),
        Algorithm("CRC64NVME", 8, Family.CRC, "CRC64-NVME", (FULL_OBJECT,)),
        Algorithm("SHA1", 20, Family.DIGEST, "sha1", (COMPOSITE,)),
        Algorithm("SHA256", 32, Family.DIGEST, "sha256", (COMPOSITE,)),
        Algorithm("SHA512", 64, Family.DIGEST, "sha512", (COMPOSITE,)),
        Algorithm("MD5", 16, Family.DIGEST, "md5", (COMPOSITE,)),
        Algorithm("XXHASH64", 8, Family.XXHASH, "xxh64", (COMPOSITE,)),
        Algorithm("XXHASH3", 8, Family.XXHASH, "xxh3_64", (COMPOSITE,)),
        Algorithm("XXHASH128", 16, Family.XXHASH, "xxh3_128", (COMPOSITE,)),
    )
}
"""The checksums that an object can carry, by AWS's name.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html
"""

DEFAULT = "CRC64NVME"
"""The algorithm of objects that come without a checksum, as at AWS since December 2024.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

_BY_HEADER = {algorithm.header: algorithm.name for algorithm in ALGORITHMS.values()}
_BY_MEMBER = {algorithm.member: algorithm for algorithm in ALGORITHMS.values()}


class Hasher(Protocol):
    """A running checksum."""

    def update(self, data: bytes | bytearray | memoryview) -> None: ...

    def digest(self) -> bytes: ...

    def b64(self) -> str:
        """The digest as S3 writes it."""

    def copy(self) -> Hasher:
        """One that has been updated with the same bytes."""


def hasher(algorithm: str) -> Hasher:
    """A new Hasher for a name of ALGORITHMS. Raises InvalidRequest for any other name."""
    row = _algorithm(algorithm)
    if row.family is Family.CRC:
        return _Crc(row)
    if row.family is Family.DIGEST:
        return _Digest(hashlib.new(row.implementation, usedforsecurity=False))
    return _Digest(getattr(importlib.import_module("xxhash"), row.implementation)())


class Md5(Protocol):
    """An MD5, as hashlib has it."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...

    def hexdigest(self) -> str: ...

    def copy(self) -> Md5:
        """One that has been updated with the same bytes."""


class BodyHashes:
    """The MD5 of a body, and its checksum of one algorithm."""

    __slots__ = ("algorithm", "checksum", "known", "md5", "size")

    def __init__(self, algorithm: str = "", start: BodyHashes | None = None) -> None:
        """algorithm: "": no checksum. start: of the first bytes of this body, if somebody has
        hashed them before, with the same algorithm."""
        self.algorithm = algorithm
        self.size = 0
        """Bytes that are hashed."""
        self.known = 0
        """The first bytes that are still to come, and that update() passes over since they are
        hashed already."""
        self.md5: Md5 = hashlib.md5(usedforsecurity=False)
        self.checksum = hasher(algorithm) if algorithm else None
        if start is not None and start.algorithm == algorithm:
            self.md5 = start.md5.copy()
            self.checksum = None if start.checksum is None else start.checksum.copy()
            self.size = self.known = start.size

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        if self.known:
            known = min(self.known, len(data))
            self.known -= known
            data = memoryview(data)[known:]
        self.md5.update(data)
        if self.checksum is not None:
            self.checksum.update(data)
        self.size += len(data)


@cache
def member_of(algorithm: str) -> str:
    """The member that carries it: SHA256 -> ChecksumSHA256."""
    return _algorithm(algorithm).member


def algorithm_of(header: str) -> str | None:
    """The algorithm of a lower-case x-amz-checksum-* header or trailer; None for any other name."""
    return _BY_HEADER.get(header)


def expected(members: Mapping[str, Any], trailers: Mapping[str, str]) -> tuple[str, str] | None:
    """The checksum that the client sent, in members or trailers: (algorithm, base64).

    Raises InvalidRequest for more than one, and for a value that is no digest of that algorithm.
    """
    named = _BY_MEMBER.keys() & members.keys()
    found = [(_BY_MEMBER[name], members[name]) for name in named if members[name]]
    found += [(ALGORITHMS[_BY_HEADER[n]], v) for n, v in trailers.items() if n in _BY_HEADER]
    if not found:
        return None
    if len(found) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    row, value = found[0]
    _decode(row, value)
    return row.name, value


def composite(algorithm: str, part_digests: Sequence[bytes]) -> str:
    """The COMPOSITE checksum of a multipart object: the hash of the parts' hashes, "base64-N"."""
    whole = hasher(algorithm)
    whole.update(b"".join(part_digests))
    return f"{whole.b64()}-{len(part_digests)}"


def full_object(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The FULL_OBJECT checksum of a multipart object from its parts' (base64, size in bytes).

    The parts are not read again: a CRC is linear, so two of them are combined in O(log size).
    Raises InvalidRequest for algorithms that are no CRC.
    """
    row = _algorithm(algorithm)
    if row.family is not Family.CRC:
        raise S3Error(
            "InvalidRequest",
            f"The FULL_OBJECT checksum type cannot be used with the {row.name.lower()} checksum.",
        )
    crc, whole = _model(row.implementation), 0
    for value, size in parts:
        whole = crc.combine(whole, int.from_bytes(_decode(row, value)), size)
    return _b64(whole.to_bytes(row.size))


def multipart_etag(md5s: Sequence[bytes]) -> str:
    """The ETag of a multipart object, unquoted, from the MD5 digests of its parts."""
    whole = hashlib.md5(b"".join(md5s), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(md5s)}"


class _Digest:
    """One of hashlib's or of xxhash's, whose digests are big-endian."""

    __slots__ = ("_hash", "digest", "update")

    def __init__(self, hash: Any) -> None:
        self._hash = hash
        self.update = hash.update
        self.digest = hash.digest

    def copy(self) -> _Digest:
        return _Digest(self._hash.copy())

    def b64(self) -> str:
        return _b64(self._hash.digest())


class _Crc:
    """One of anycrc's: three times as fast as zlib.crc32."""

    __slots__ = ("_calc", "_crc", "_size")

    def __init__(self, row: Algorithm) -> None:
        self._calc = _model(row.implementation).calc
        self._size = row.size
        self._crc = 0

    def copy(self) -> _Crc:
        return copy(self)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        if data:
            self._crc = self._calc(data, self._crc)

    def digest(self) -> bytes:
        return self._crc.to_bytes(self._size)

    def b64(self) -> str:
        return _b64(self._crc.to_bytes(self._size))


@cache
def _model(name: str) -> Any:
    """anycrc's CRC of this name; importing it costs milliseconds that idle agents need not pay."""
    from anycrc.crc import Model

    return Model(name)


def _algorithm(name: str) -> Algorithm:
    row = ALGORITHMS.get(name)
    if row is None:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
    return row


def is_digest(row: Algorithm, value: str) -> bool:
    """Whether base64 text has the size of a digest of this algorithm."""
    return len(_bytes(value)) == row.size


def _bytes(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _decode(row: Algorithm, value: str) -> bytes:
    digest = _bytes(value)
    if len(digest) != row.size:
        raise S3Error("InvalidRequest", f"Value for {row.header} header is invalid.")
    return digest


def _b64(digest: bytes) -> str:
    return binascii.b2a_base64(digest, newline=False).decode("ascii")
