"""The body of a partial entry: cached bytes come from the file, others as they are fetched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Piece, RequestContext
from s3d.agent.storage.blocks import BLOCK
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.read_cache.fill.fetch import Fetch
from s3d.agent.stores.read_cache.fill.fill_coordinator import FillCoordinator

_CHUNK = 1 << 20
_RETRIES = 3
"""Fetches of a damaged block before the read fails."""


class FillBody:
    """Bytes [start, start + size) of an entry. A Body: its iteration may raise S3Error."""

    def __init__(
        self,
        fills: FillCoordinator,
        entry: Entry,
        start: int,
        size: int,
        *,
        context: RequestContext | None = None,
    ) -> None:
        """context: of the request that reads the body."""
        self.size = size
        self._fills = fills
        self._entry = entry
        self._context = context
        self._at, self._stop = start, start + size
        self._used: list[Fetch] = []
        """Fetches whose bytes were returned before they were verified completely."""
        self._fd = fills.files.open(entry)
        if self._fd is None:
            raise S3Error("ServiceUnavailable", "A file of the cache is missing.")
        fills.catalog.blobs.lease([entry.blob])

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    async def begin(self) -> None:
        """Return when the first bytes are available. Raises S3Error."""
        if self._at < self._stop:
            await self._available()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self._at
        async for until in self.arrivals():
            while at < until:
                chunk = await self._read(at, min(until, at + _CHUNK))
                at += len(chunk)
                await self._judge()  # the caller may have taken its time since the last chunk
                yield chunk

    def file(self) -> Piece:
        """Where the bytes are once they have arrived. The file is open until aclose()."""
        assert self._fd is not None
        return Piece(self._fd, self._at, self.size)

    async def arrivals(self) -> AsyncIterator[int]:
        """The offsets in the file up to which the bytes have arrived, as they do. Instead of the
        iteration over the bytes, for a caller that reads the file itself."""
        while self._at < self._stop:
            self._at = min(await self._available(), self._stop)
            await self._judge()
            yield self._at

    async def aclose(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
            self._fills.catalog.blobs.end_lease([self._entry.blob])

    async def _available(self) -> int:
        """Wait for the byte at self._at; up to where there are more of them in the file."""
        entry, fills = self._entry, self._fills
        for _ in range(_RETRIES):
            block = self._at // BLOCK
            if entry.has(block):
                if entry.is_verified(self._at, 1) or await fills.files.prove(entry, self._at, 1):
                    return (block + 1) * BLOCK
                fills.counters.corrupt.add()
            fetch = fills.fetch_of(entry, block)
            if fetch is None:
                fetch = await fills.fetch(entry, self._at, self._stop - self._at, self._context)
            if fetch not in self._used:
                self._used.append(fetch)
            reached = await fetch.reach(self._at)
            if reached > self._at:
                return reached
        raise S3Error("ServiceUnavailable", "The bytes could not be fetched.")

    async def _judge(self) -> None:
        """Raise S3Error when bytes that have arrived turn out to be wrong. A reader that reaches
        the end of a fetch waits for the result before it gets the last bytes."""
        for fetch in self._used:
            if self._at == self._stop == fetch.stop:
                await fetch.verdict()
            else:
                fetch.check()

    async def _read(self, start: int, until: int) -> bytes:
        assert self._fd is not None
        loop = asyncio.get_running_loop()
        chunk = await loop.run_in_executor(None, os.pread, self._fd, until - start, start)
        if not chunk:
            raise S3Error("InternalError", "A file of the cache is too short.")
        return chunk
