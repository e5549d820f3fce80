"""Whether cached bytes are right: by the remote's ETag or checksum, and by a CRC a block."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

from s3d.agent.s3.checksums import ALGORITHMS, Hasher, hasher
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.messages import Body
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import blocks_of, mask, wrong_blocks
from s3d.agent.storage.records import Extent
from s3d.agent.stores.read_cache.entry import Entry

logger = logging.getLogger(__name__)

_MD5 = re.compile(r'"[0-9a-f]{32}"')
_PLAIN = (None, "", "AES256")
"""Values of ServerSideEncryption with which the ETag of a whole object is its MD5.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html"""


class Claim(NamedTuple):
    """What to hash the bytes with, and what must come out."""

    algorithm: str
    expected: str
    """Base64 of the digest; for MD5 in hex."""


def claim_of(members: Mapping[str, Any]) -> Claim | None:
    """The best claim that an answer of GetObject for a whole object makes; None: it makes none.

    A checksum costs a tenth of an MD5. One of parts (COMPOSITE) says nothing about the whole.
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
    """A claim on trial. It may forgive an MD5: not every server's ETag is one."""

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
        """It failed by the ETag, which not every server makes of the bytes."""
        return self._claim is not None and self._claim.algorithm == "MD5"


Stamp = tuple[int, int]


class EntryFiles:
    """Reads entries that lie in files."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def body(self, entry: Entry, start: int, size: int) -> Body | None:
        """Bytes that are here and were found right, without waiting; else None."""
        if not (entry.covers(start, size) and entry.is_proven(start, size)):
            return None
        fd = self.open(entry)
        if fd is None:
            return None
        with closing(_Descriptor(fd)):
            if _stamp(fd) != entry.stamp:
                return None
        return self._blobs.body([Extent(entry.blob, start, size)])

    async def prove(self, entry: Entry, start: int, size: int) -> bool:
        """Read the blocks that hold these bytes and were not found right yet. False: one is wrong.

        A wrong block is not there any more.
        """
        fd = self.open(entry)
        if fd is None:
            entry.present = entry.proven = 0
            return False
        with closing(_Descriptor(fd)):
            stamp = _stamp(fd)
            if stamp != entry.stamp:
                entry.proven, entry.stamp = 0, stamp
            first, end = blocks_of(start, size)
            doubted = [n for n in range(first, end) if entry.has(n) and not entry.proven >> n & 1]
            wrong = await asyncio.to_thread(_wrong, fd, entry, doubted)
            for block in doubted:
                entry.proven |= mask(block, block + 1)
            for block in wrong:
                entry.proven &= ~mask(block, block + 1)
                entry.present &= ~mask(block, block + 1)
            if wrong:
                logger.warning(
                    "cached bytes are damaged bucket=%s key=%s blocks=%d",
                    entry.bucket,
                    entry.key,
                    len(wrong),
                )
        return not wrong

    def open(self, entry: Entry) -> int | None:
        """Its file, for reading; None when it is gone."""
        try:
            return os.open(self._blobs.path(entry.blob), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            logger.warning("a cached file is missing: %s key=%s", error.strerror, entry.key)
            return None

    def create(self, blob: int) -> int:
        """A new file, open for both. In a thread. Raises OSError."""
        os.close(self._blobs.create(blob))
        return self.reopen(blob)

    def reopen(self, blob: int) -> int:
        """One that is there, open for both. Raises OSError."""
        return os.open(self._blobs.path(blob), os.O_RDWR | os.O_CLOEXEC)


class _Descriptor:
    """Closes one, as a context."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        os.close(self._fd)


def stamp_of(fd: int) -> Stamp:
    """What changes when somebody writes to the file."""
    facts = os.fstat(fd)
    return facts.st_size, facts.st_ctime_ns


_stamp = stamp_of


def _wrong(fd: int, entry: Entry, blocks: list[int]) -> list[int]:
    """Those whose bytes are not what their checksums say. In a thread."""
    return list(wrong_blocks(fd, entry.size, blocks, entry.sums.__getitem__))
