"""A GET in progress: its bytes go into the file of an entry, independently of its readers.

Readers follow in the file, up to the bytes that have arrived. Its blocks are added to the entry
once all of its bytes have arrived and have been verified.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import aclosing
from functools import partial

from s3d.agent.core.thread_call import in_thread
from s3d.agent.s3.checksums import Hasher, hasher
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body
from s3d.agent.storage.blocks import BLOCK, block_count, block_size, mask
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.read_cache.catalog.verify import DigestCheck

logger = logging.getLogger(__name__)


class Fetch:
    """Blocks [first, end) of an entry that are being fetched. Belongs to the loop."""

    def __init__(
        self, entry: Entry, first: int, end: int, fd: int | None, digest_check: DigestCheck
    ) -> None:
        """fd: the entry's file, open for reading and writing; close() closes it. None: it is set
        before run()."""
        self.entry = entry
        self.first, self.end = first, end
        self.at = first * BLOCK
        """Offset up to which the bytes are in the file."""
        self.stop = min(end * BLOCK, entry.size)
        self.error: S3Error | None = None
        self.is_over = False
        self.fd = fd
        self.digest_check = digest_check
        self._sums: list[int] = []
        self._hasher: Hasher = hasher("CRC32C")
        self._news = asyncio.Event()

    async def run(self, body: Body) -> None:
        """Take the body in, which is closed. Never raises but when cancelled: see error."""
        try:
            async with aclosing(body):
                async for chunk in body:
                    if self.at + len(chunk) > self.stop:
                        raise S3Error(
                            "InternalError", "The remote sent more bytes than it announced."
                        )
                    await in_thread(partial(self._write, chunk, self.at))
                    self.at += len(chunk)
                    self._tell()
            if self.at < self.stop:
                raise S3Error("ServiceUnavailable", "The remote's response ended early.")
        except S3Error as error:
            self.error = error
        except OSError as error:
            self.error = S3Error("SlowDown", f"the cache cannot be written: {error.strerror}")
            self.error.failure = error
        except asyncio.CancelledError:
            self.error = S3Error("ServiceUnavailable", "The agent has stopped.")
            raise
        finally:
            if self.error is not None:
                self.finish()

    def note(self) -> None:
        """Add the fetched blocks, which have been verified, to the entry."""
        entry = self.entry
        entry.sums[self.first : self.end] = type(entry.sums)("I", self._sums)
        entry.present |= mask(self.first, self.end)

    def finish(self) -> None:
        """End the fetch and wake up the waiting readers."""
        self.is_over = True
        self._tell()

    async def reach(self, offset: int) -> int:
        """Wait for the byte at offset, or for the end; return the offset up to which bytes are
        available.

        Raises S3Error when it is over before that.
        """
        while self.at <= offset and not self.is_over:
            await self._news.wait()
        self.check()
        return self.at

    async def verdict(self) -> None:
        """Wait for the end of the fetch. Raises S3Error when its bytes were wrong."""
        while not self.is_over:
            await self._news.wait()
        self.check()

    def check(self) -> None:
        """Raises S3Error when the fetch has failed."""
        if self.error is not None:
            raise S3Error(self.error.code, self.error.message) from self.error.failure

    @property
    def file(self) -> int:
        """The open file."""
        assert self.fd is not None
        return self.fd

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _write(self, chunk: bytes, at: int) -> None:
        """In a thread, one chunk after the other."""
        self.digest_check.update(chunk)
        left = memoryview(chunk)
        offset = at
        while left:
            written = os.pwrite(self.file, left, offset)
            left, offset = left[written:], offset + written
        self._sum(memoryview(chunk), at)

    def _sum(self, data: memoryview, at: int) -> None:
        """Update the checksums of the blocks."""
        size = self.entry.size
        while data:
            block = at // BLOCK
            end = block * BLOCK + block_size(size, block)
            part = data[: end - at]
            self._hasher.update(part)
            data, at = data[len(part) :], at + len(part)
            if at == end:
                self._sums.append(int.from_bytes(self._hasher.digest()))
                self._hasher = hasher("CRC32C")


def whole(entry: Entry) -> tuple[int, int]:
    """All blocks of the entry."""
    return 0, block_count(entry.size)
