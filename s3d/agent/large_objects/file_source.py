"""The parts of a local file, as the source of an upload."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Mapping

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.part_upload import Moved, SourceChanged
from s3d.agent.large_objects.sparse_file import md5_between, read_block
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Members
from s3d.agent.s3.part_sizes import PartPlan, PartSpan


class FileSource:
    """A file of which the first bytes, those that it had when it was opened, are sent.

    Each part is read twice: for its MD5, by which the store verifies it, and to be sent. The second
    time it comes from the page cache.
    """

    def __init__(self, fd: int, plan: PartPlan, *, md5s: Mapping[int, bytes] | None = None) -> None:
        """fd: stays the caller's. md5s: of the parts that are known already, by number."""
        self._fd, self._plan = fd, plan
        self._md5s = dict(md5s or {})
        self._opened = _state(fd)

    async def has_sent(self, part: PartSpan, etag: str) -> bool:
        return same_etag(etag, (await self._md5(part)).hex())

    async def send(self, client: S3Client, members: Members, part: PartSpan, moved: Moved) -> str:
        md5 = base64.b64encode(await self._md5(part)).decode()
        sent = members | {"ContentLength": part.size, "ContentMD5": md5}
        try:
            answer = await client.output("UploadPart", sent, FilePart(self._fd, part, moved))
        except S3Error as error:
            if _state(self._fd) != self._opened and error.code in ("BadDigest", "IncompleteBody"):
                raise SourceChanged from error
            raise
        return str(answer["ETag"])

    async def check(self) -> None:
        """A file that has only grown since is fine: what was sent is still its beginning."""
        if _state(self._fd) == self._opened:
            return
        for part in self._plan:
            known = self._md5s.get(part.number)
            if known is None or await self._hash(part) != known:
                raise SourceChanged

    async def _md5(self, part: PartSpan) -> bytes:
        if part.number not in self._md5s:
            self._md5s[part.number] = await self._hash(part)
        return self._md5s[part.number]

    async def _hash(self, part: PartSpan) -> bytes:
        digest = await asyncio.to_thread(md5_between, self._fd, part.start, part.stop)
        if digest is None:
            raise SourceChanged
        return digest


class FilePart:
    """The body of one part; its holes are not read."""

    def __init__(self, fd: int, part: PartSpan, moved: Moved) -> None:
        self.size = part.size
        self.trailers: Mapping[str, str] = {}
        self._fd, self._part, self._moved = fd, part, moved

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at, stop = self._part.start, self._part.stop
        while at < stop:
            block = await asyncio.to_thread(read_block, self._fd, at, stop)
            if not block:
                raise S3Error("IncompleteBody", "The file was cut short while it was read.")
            at += len(block)
            yield block
            self._moved(len(block))

    async def aclose(self) -> None:
        """The file stays open: it is the caller's."""


def _state(fd: int) -> tuple[int, int]:
    stat_result = os.fstat(fd)
    return stat_result.st_size, stat_result.st_mtime_ns
