"""A file of this machine as the body of a write: a store takes it by a hard link, without a copy.

Whoever hands over such a file must not change it any more: its bytes are the blob's from then on.
A file on another file system, one that is to be encrypted, and one that is small enough for the
index is read like any other body.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from s3d.agent.s3.checksums import BodyHashes
from s3d.agent.s3.messages import NO_TRAILERS
from s3d.agent.storage.blocks import BlockSums
from s3d.agent.storage.disk import Disk

_BUFFER = 1 << 20
_AT_ONCE = 4 << 20
"""Bytes that are hashed before the file is synced, and not while a second thread does that."""
_NO_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
"""Errors of link(2) of which a copy is the way out. https://man7.org/linux/man-pages/man2/link.2.html"""


class Hash(Protocol):
    """The interface of incremental hashes: hashlib's, or checksums.Hasher."""

    def update(self, data: bytes | memoryview, /) -> None: ...


class HashedStart(NamedTuple):
    """The hashes of the first bytes of a file. They do not change: more() makes others."""

    hashes: BodyHashes
    sums: BlockSums

    @property
    def size(self) -> int:
        return self.hashes.size

    def more(self, data: bytes | bytearray | memoryview) -> HashedStart:
        """Those with the bytes that follow."""
        hashes, sums = BodyHashes(self.hashes.algorithm, self.hashes), self.sums.copy()
        hashes.known = 0
        hashes.update(data)
        sums.update(data)
        return HashedStart(hashes, sums)


def no_bytes(algorithm: str) -> HashedStart:
    """Of a file that nothing is known of yet. algorithm: as for BodyHashes."""
    return HashedStart(BodyHashes(algorithm), BlockSums())


class AdoptableFile:
    """A body: the bytes of a file that will not change any more."""

    trailers: Mapping[str, str] = NO_TRAILERS

    def __init__(
        self,
        path: Path,
        size: int,
        *,
        start: int = 0,
        data: bytes | None = None,
        hashed: HashedStart | None = None,
    ) -> None:
        """size: bytes of the body, from the byte start on. Only a whole file can be linked. data:
        the same bytes, if they are in memory already. hashed: of the first bytes of the body."""
        self.path = path
        self.size = size
        self.start = start
        self.data = data
        self.hashed = hashed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises OSError, and EOFError for a file that is too short."""
        if self.data is not None:
            yield self.data
            return
        fd = await asyncio.to_thread(os.open, self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            offset, end = self.start, self.start + self.size
            while offset < end:
                data = await asyncio.to_thread(os.pread, fd, min(_BUFFER, end - offset), offset)
                if not data:
                    raise EOFError(f"{self.path} has only {offset} bytes")
                offset += len(data)
                yield data
        finally:
            os.close(fd)

    async def aclose(self) -> None:
        return None

    def link(self, create_link: Callable[[Path], None]) -> bool:
        """Create a name of the file with create_link, in a thread; False: it has to be copied.

        Raises OSError when the disk is full.
        """
        if self.start or os.stat(self.path).st_size != self.size:
            return False
        try:
            create_link(self.path)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        return True


class BlobFolder(Protocol):
    """Where a file becomes a blob: Blobs."""

    disk: Disk

    def path(self, blob: int) -> Path: ...

    def link(self, blob: int, source: Path) -> None: ...

    def fsync_blob(self, blob: int, fd: int) -> None: ...

    def unlink(self, blobs: list[int]) -> None: ...

    def remove(self, blobs: list[int]) -> None: ...


async def adopt(
    blobs: BlobFolder, blob: int, file: AdoptableFile, hashes: Sequence[Hash]
) -> bytes | None:
    """Make a file the blob of this number, durably: its block sums; None: it has to be copied.

    Updates the hashes. Raises SlowDown when the disk cannot take it.
    """
    loop = asyncio.get_running_loop()
    job = loop.run_in_executor(None, _link, blobs, blob, file, hashes)
    try:
        # Not awaited itself: until the thread has ended, the file may get its new name.
        await asyncio.wait([job])
    except asyncio.CancelledError:
        job.add_done_callback(partial(_drop, blobs, blob))
        raise
    return job.result()


def _drop(blobs: BlobFolder, blob: int, job: asyncio.Future[bytes | None]) -> None:
    job.exception()  # nobody waits for it any more
    blobs.remove([blob])


def _link(
    blobs: BlobFolder, blob: int, file: AdoptableFile, hashes: Sequence[Hash]
) -> bytes | None:
    with blobs.disk.translate_errors():
        if not file.link(partial(blobs.link, blob)):
            return None
        try:
            with blobs.path(blob).open("rb", buffering=0) as opened:
                sync = partial(blobs.fsync_blob, blob)
                size, sums = _hash_and_sync(opened.fileno(), sync, file, hashes)
            if size != file.size:
                raise OSError(errno.ESTALE, f"{file.path} has changed")
            return sums
        except BaseException:
            blobs.unlink([blob])
            raise


def _hash_and_sync(
    fd: int, sync: Callable[[int], None], file: AdoptableFile, hashes: Sequence[Hash]
) -> tuple[int, bytes]:
    """Do both, at the same time if there is much to hash: as _hash()."""
    start = _known_start(file.hashed, hashes)
    if file.size - start.size < _AT_ONCE:
        result = _hash(fd, hashes, start)
        sync(fd)
        return result
    with ThreadPoolExecutor(1, "s3d sync") as other:
        synced = other.submit(sync, fd)
        result = _hash(fd, hashes, start)
        synced.result()
    return result


def _known_start(known: HashedStart | None, hashes: Sequence[Hash]) -> HashedStart:
    """Where the bytes begin that all hashes still need, and the block sums up to there."""
    if known is not None and all(
        isinstance(hash, BodyHashes) and hash.known == known.size for hash in hashes
    ):
        return known
    return no_bytes("")


def _hash(fd: int, hashes: Sequence[Hash], start: HashedStart) -> tuple[int, bytes]:
    """Update the hashes with all bytes of a file from start on: its size and its block sums."""
    sums, size = start.sums.copy(), start.size
    for hash in hashes:
        if isinstance(hash, BodyHashes):
            hash.known -= size  # they are not passed to it
    while data := os.pread(fd, _BUFFER, size):
        for hash in hashes:
            hash.update(data)
        sums.update(data)
        size += len(data)
    return size, sums.digest()
