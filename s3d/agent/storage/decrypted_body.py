"""The bytes of an encrypted object that lie in files: a body that decrypts them in threads.

It is no FileBody: sendfile would send what is stored. The files are opened, leased and checked by
the body of the stored bytes below it (blob_body.py).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing

from s3d.agent.s3.messages import NO_TRAILERS, Piece
from s3d.agent.storage.blob_body import BlobBody, BlobFolder
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.encrypted_blocks import BLOCK, BlobDecryptor, stored_extent
from s3d.agent.storage.records import Extent

_AT_ONCE = 16
"""Blocks that are read and decrypted in one visit to a thread: 1 MiB."""


class DecryptedBody:
    """Extents of encrypted blobs in order, decrypted.

    Raises StoredDataCorrupt as BlobBody does, and for a block that is not authentic; KeyUnavailable
    when the wrapping key is not that of the object.
    """

    def __init__(
        self, place: BlobFolder, extents: Sequence[Extent], wrapping_key: bytes, name: str = ""
    ) -> None:
        """name: of the object, for log lines and errors."""
        self.size = sum(extent.size for extent in extents)
        self._extents = extents
        self._wrapping_key = wrapping_key
        # Made now, so that a wrong key is an error and not a broken-off answer.
        self._first = self._decryptor(extents[0])
        self._stored = BlobBody(place, [stored_extent(each) for each in extents], name)

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        with closing(self._stored.pieces()) as pieces:
            for number, (extent, piece) in enumerate(zip(self._extents, pieces, strict=True)):
                blob = self._decryptor(extent) if number else self._first
                at, end = extent.offset, extent.offset + extent.size
                while at < end:
                    size = min(end, (at // BLOCK + _AT_ONCE) * BLOCK) - at
                    run = Extent(extent.blob, at, size, data_key=extent.data_key)
                    yield await loop.run_in_executor(None, self._read, blob, piece, run)
                    at += size

    async def aclose(self) -> None:
        await self._stored.aclose()

    def _decryptor(self, extent: Extent) -> BlobDecryptor:
        if extent.data_key is None:
            raise StoredDataCorrupt("a part of an encrypted object is not encrypted")
        return BlobDecryptor(self._wrapping_key, extent.data_key)

    def _read(self, blob: BlobDecryptor, piece: Piece, run: Extent) -> bytes:
        """In a thread."""
        stored = stored_extent(run)
        if piece.check is not None:
            at, end = stored.offset, stored.offset + stored.size
            while at < end:
                at = piece.check(at, end)
        try:
            data = os.pread(piece.fd, stored.size, stored.offset)
            return blob.decrypt(data, run.offset, run.size)
        except StoredDataCorrupt as error:
            self._stored.report_bytes(run.blob, piece.fd, error.message)
            raise
