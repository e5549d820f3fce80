"""One download in ranges, some at a time, which continues after a crash where it was.

1. A file of the object's size, all of it a hole, and its part map are made.
2. Each part is one GET with Range and If-Match. It enters the map when its bytes are on the disk.
3. The owner verifies the file (content_proof.py), gives it its name, and removes the map.

After a crash the parts of the map are not asked for again. The map names the ETag, so that an
object that was replaced starts over. https://www.rfc-editor.org/rfc/rfc9110#section-14.2
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing, suppress
from functools import partial
from typing import NamedTuple, Self

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.jobs import first_error
from s3d.agent.core.thread_call import in_thread
from s3d.agent.large_objects.part_map import Header, MapName, PartMap
from s3d.agent.large_objects.part_upload import CONCURRENT_PARTS, Moved
from s3d.agent.large_objects.sparse_file import BLOCK, write_sparse
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body
from s3d.agent.s3.part_sizes import PartPlan, PartSpan
from s3d.shared.atomic_file import sync_file
from s3d.shared.control import ObjectInfo

MAP = ".parts"
"""What the name of a map adds to that of its file."""
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class RangedObject(NamedTuple):
    """One version of an object, to be read in parts."""

    client: S3Client
    info: ObjectInfo
    parts: PartPlan

    async def open(self, part: PartSpan) -> Body:
        """The bytes of a part; the caller closes them. Raises PreconditionFailed when the object
        has been replaced; ServiceUnavailable for an answer that is not this range."""
        info, body = await self.client.get(
            self.info.bucket, self.info.key, byte_range=part.byte_range, if_match=self.info.etag
        )
        if info.etag != self.info.etag or body.size != part.size:
            await body.aclose()
            if info.etag != self.info.etag:
                raise S3Error("PreconditionFailed", "The object was replaced meanwhile.")
            raise S3Error("ServiceUnavailable", "The answer to a range has another size.")
        return body


class PartialFile:
    """A file of which parts have arrived, and its map. Its methods but fetch() block."""

    def __init__(self, name: MapName, fd: int, part_map: PartMap) -> None:
        self.fd = fd
        self._name, self._map = name, part_map

    @classmethod
    def open(cls, name: MapName, source: RangedObject) -> Self:
        """The file with what has arrived of this version; a new one if it is of another.

        Raises OSError.
        """
        map_name = name._replace(name=name.name + MAP)
        header: Header = {
            "etag": source.info.etag, "size": source.parts.size,
            "part_size": source.parts.part_size,
        }  # fmt: skip
        part_map = PartMap.read(map_name)
        if part_map is not None:
            fd = _reopen(name, source.parts.size, header, part_map)
            if fd is not None:
                return cls(name, fd, part_map)
            part_map.close()
        discard(name)
        fd = os.open(name.name, _NEW, 0o600, dir_fd=name.folder)
        try:
            os.ftruncate(fd, source.parts.size)
            inode = os.fstat(fd).st_ino
            return cls(name, fd, PartMap.begin(map_name, {**header, "inode": inode}))
        except BaseException:
            os.close(fd)
            raise

    async def fetch(self, source: RangedObject, slots: asyncio.Semaphore, moved: Moved) -> None:
        """Bring the parts that are missing. Raises S3Error; OSError."""
        done = self._map.parts.keys()
        moved(sum(part.size for part in source.parts if part.number in done))
        waiting = (part for part in source.parts if part.number not in done)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(min(CONCURRENT_PARTS, len(source.parts))):
                    work = self._work(source, waiting, slots, moved)
                    tasks.create_task(work, name=f"download parts {number}")
        except ExceptionGroup as group:
            error = first_error(group)
            raise error from error.__cause__

    async def _work(
        self, source: RangedObject, waiting: Iterator[PartSpan], slots: asyncio.Semaphore,
        moved: Moved,
    ) -> None:  # fmt: skip
        for part in waiting:
            async with slots:
                async with aclosing(await source.open(part)) as body:
                    await self._receive(part, body, moved)
                await in_thread(partial(sync_file, self.fd))
                failpoint.hit("download.part_synced")
                self._map.add(part.number)

    async def _receive(self, part: PartSpan, body: Body, moved: Moved) -> None:
        """Chunks are gathered, so that a block takes one thread hop."""
        at, chunks, gathered = part.start, list[bytes](), 0
        async for chunk in body:
            chunks.append(bytes(chunk))
            gathered += len(chunk)
            if at + gathered > part.stop:
                break
            if gathered >= BLOCK:
                await self._write(chunks, at)
                at, chunks, gathered = at + gathered, [], 0
            moved(len(chunk))
        if at + gathered != part.stop:
            raise S3Error("ServiceUnavailable", "The answer to a range has another size.")
        await self._write(chunks, at)

    async def _write(self, chunks: list[bytes], at: int) -> None:
        """To its end: a cancelled caller closes the file afterwards."""
        await in_thread(partial(write_sparse, self.fd, b"".join(chunks), at))

    def close(self) -> None:
        """Close the file; a later open() continues."""
        self._map.close()
        os.close(self.fd)

    def finish(self) -> None:
        """Remove the map: the file is complete, and the caller's."""
        self._map.remove()

    def discard(self) -> None:
        """Remove the file and its map."""
        discard(self._name)


def discard(name: MapName) -> None:
    """Remove a partial file and its map, if they are there."""
    for each in (name.name, name.name + MAP):
        with suppress(FileNotFoundError):
            os.unlink(each, dir_fd=name.folder)


def _reopen(name: MapName, size: int, header: Header, part_map: PartMap) -> int | None:
    """The file of a map; None when the two do not belong together."""
    if not header.items() <= part_map.header.items():
        return None
    try:
        fd = os.open(name.name, _OLD, dir_fd=name.folder)
    except OSError:
        return None
    stat_result = os.fstat(fd)
    if (stat_result.st_ino, stat_result.st_size) == (part_map.header.get("inode"), size):
        return fd
    os.close(fd)
    return None
