"""Verifies cached bytes: by the remote's ETag or checksum, and by a CRC32C for each block."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.s3.checksums import ALGORITHMS, Hasher, hasher
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.messages import Body
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import blocks_of, mask, wrong_blocks
from s3d.agent.storage.records import Extent
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.shared.logs import log_fields

logger = LimitedLogger(logging.getLogger(__name__))

_MD5 = re.compile(r'"[0-9a-f]{32}"')
_PLAIN = (None, "", "AES256")
"""Values of ServerSideEncryption with which the ETag of a whole object is its MD5.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html"""


class Claim(NamedTuple):
    """The hash of the bytes, and its expected value."""

    algorithm: str
    expected: str
    """Base64 of the digest; for MD5 in hex."""


def claim_of(members: Mapping[str, Any]) -> Claim | None:
    """The cheapest reliable digest in a GetObject response for a whole object; None: it has none.

    A checksum costs a tenth of an MD5. A checksum of parts (COMPOSITE) cannot verify the whole.
    """
    if members.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
        for name, row in ALGORITHMS.items():
            value = str(members.get(row.member) or "")
            if value and "-" not in value:
                return Claim(name, value)
    plain = members.get("ServerSideEncryption") in _PLAIN and not members.get(
        "SSECustomerAlgorithm"
    )
    etag = str(members.get("ETag", ""))
    return Claim("MD5", unquoted(etag)) if plain and _MD5.fullmatch(etag) else None


class DigestCheck:
    """Verifies a claim. A mismatch of an MD5 may be accepted: not every server's ETag is one."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim
        self._hasher: Hasher | None = hasher(claim.algorithm) if claim is not None else None

    def update(self, data: bytes | memoryview) -> None:
        if self._hasher is not None:
            self._hasher.update(data)

    @property
    def computed(self) -> str:
        """The digest of the bytes so far, in the form of Claim.expected."""
        if self._hasher is None or self._claim is None:
            return ""
        is_md5 = self._claim.algorithm == "MD5"
        return self._hasher.digest().hex() if is_md5 else self._hasher.b64()

    @property
    def holds(self) -> bool:
        return self._claim is None or self.computed == self._claim.expected

    @property
    def is_doubtful(self) -> bool:
        """Whether the mismatch is one of the ETag, which not every server derives from the
        bytes."""
        return self._claim is not None and self._claim.algorithm == "MD5"


Stamp = tuple[int, int]


class EntryFiles:
    """Reads entries that lie in files."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def body(self, entry: Entry, start: int, size: int) -> Body | None:
        """The body of cached and verified bytes, without waiting; otherwise None."""
        if not (entry.covers(start, size) and entry.is_verified(start, size)):
            return None
        fd = self.open(entry)
        if fd is None:
            return None
        with closing(_Descriptor(fd)):
            if _stamp(fd) != entry.stamp:
                return None
        return self._blobs.body([Extent(entry.blob, start, size)])

    async def prove(self, entry: Entry, start: int, size: int) -> bool:
        """Verify the blocks with these bytes that are not verified yet. False: one is damaged.

        A damaged block is dropped.
        """
        fd = self.open(entry)
        if fd is None:
            entry.present = entry.verified = 0
            return False
        with closing(_Descriptor(fd)):
            stamp = _stamp(fd)
            if stamp != entry.stamp:
                entry.verified, entry.stamp = 0, stamp
            first, end = blocks_of(start, size)
            doubted = [n for n in range(first, end) if entry.has(n) and not entry.verified >> n & 1]
            wrong = await asyncio.to_thread(_wrong, fd, entry, doubted)
            for block in doubted:
                entry.verified |= mask(block, block + 1)
            for block in wrong:
                entry.verified &= ~mask(block, block + 1)
                entry.present &= ~mask(block, block + 1)
            if wrong:
                logger.warning(
                    "cached bytes are damaged blocks=%d",
                    len(wrong),
                    extra=log_fields(bucket=entry.bucket, key=entry.key),
                )
        return not wrong

    def open(self, entry: Entry) -> int | None:
        """Open the file of an entry for reading; None when it is missing."""
        try:
            return os.open(self._blobs.path(entry.blob), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            logger.warning(
                "a cached file is missing: %s",
                error.strerror,
                extra=log_fields(bucket=entry.bucket, key=entry.key),
            )
            return None

    def create(self, blob: int) -> int:
        """Create a file, open for reading and writing. In a thread. Raises OSError."""
        os.close(self._blobs.create(blob))
        return self.reopen(blob)

    def reopen(self, blob: int) -> int:
        """Open an existing file for reading and writing. Raises OSError."""
        return os.open(self._blobs.path(blob), os.O_RDWR | os.O_CLOEXEC)


class _Descriptor:
    """A context that closes a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        os.close(self._fd)


def stamp_of(fd: int) -> Stamp:
    """The attributes of a file that change when it is written."""
    facts = os.fstat(fd)
    return facts.st_size, facts.st_ctime_ns


_stamp = stamp_of


def _wrong(fd: int, entry: Entry, blocks: list[int]) -> list[int]:
    """The blocks whose bytes do not match their checksums. In a thread."""
    return list(wrong_blocks(fd, entry.size, blocks, entry.sums.__getitem__))
