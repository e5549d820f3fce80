"""Large single puts are pushed in parts, so that an interrupted push does not start over.

The object then has another ETag at the remote than its client was given: an alias of it is stored,
as for all such objects (journal_history.py). The staged bytes are verified before they are cut. A
checksum of the whole object is kept if it is a CRC, the only kind that S3 has for parts, too.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing

from msgspec.structs import replace

from s3d.agent.s3.checksums import ALGORITHMS, FULL_OBJECT, Hasher, hasher, multipart_etag
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.part_sizes import PartPlan, plan_parts
from s3d.agent.storage.record_cache import LRUCache
from s3d.agent.storage.records import Checksum, PartSize, Stored
from s3d.agent.stores.write_queue.push.verify_push import (
    BodyOf,
    StagedDataCorrupt,
    open_staged,
    read,
)

SPLIT_ABOVE = 1 << 30
"""Bytes of a single put up to which it is pushed whole."""
_REMEMBERED = 64
"""Objects whose parts are remembered for the next attempt."""


class PushSplitter:
    """Cuts large objects. Belongs to the loop."""

    def __init__(self, body_of: BodyOf) -> None:
        self._body_of = body_of
        self._known: LRUCache[int, Stored] = LRUCache(_REMEMBERED, lambda _: 1)

    async def as_sent(self, seq: int, stored: Stored) -> Stored:
        """The object as the remote will have it: in parts if it is large, with their ETag.

        seq: of the write. Raises StagedDataCorrupt.
        """
        if stored.layout.parts or stored.record.size <= SPLIT_ABOVE:
            return stored
        known = self._known.get(seq)
        if known is None:
            known = await self._split(stored)
            self._known.put(seq, known)
        return known

    async def _split(self, stored: Stored) -> Stored:
        record = stored.record
        checksum = record.checksum
        if checksum is not None and not _is_combined(checksum):
            checksum = None
        plan = plan_parts(record.size)
        hashes = _PartHasher(plan, checksum)
        whole = hashlib.md5(usedforsecurity=False)
        async with aclosing(open_staged(self._body_of, stored.layout)) as body:
            async for chunk in read(body):
                await asyncio.to_thread(whole.update, chunk)
                await asyncio.to_thread(hashes.update, chunk)
        if not same_etag(record.etag, whole.hexdigest()):
            raise StagedDataCorrupt("the staged bytes differ from those that were accepted")
        etag = multipart_etag(hashes.md5s)
        layout = replace(stored.layout, parts=tuple(hashes.parts))
        return Stored(replace(record, etag=etag, checksum=checksum), layout)


class _PartHasher:
    """The MD5 and the checksum of each part of a stream."""

    def __init__(self, plan: PartPlan, checksum: Checksum | None) -> None:
        self.md5s: list[bytes] = []
        self.parts: list[PartSize] = []
        self._plan, self._algorithm = plan, "" if checksum is None else checksum.algorithm
        self._begin()

    def _begin(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksum: Hasher | None = hasher(self._algorithm) if self._algorithm else None
        done = len(self.parts)
        self._left = self._plan[done].size if done < len(self._plan) else 0

    def update(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view and self._left:
            piece, view = view[: self._left], view[self._left :]
            self._md5.update(piece)
            if self._checksum is not None:
                self._checksum.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._end()

    def _end(self) -> None:
        number = len(self.parts) + 1
        value = self._checksum.b64() if self._checksum is not None else ""
        self.parts.append(PartSize(number, self._plan[number - 1].size, value))
        self.md5s.append(self._md5.digest())
        self._begin()


def _is_combined(checksum: Checksum) -> bool:
    """Whether an object in parts can have this checksum of all its bytes."""
    return checksum.kind == FULL_OBJECT and FULL_OBJECT in ALGORITHMS[checksum.algorithm].kinds
