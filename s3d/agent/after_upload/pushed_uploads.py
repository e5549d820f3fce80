"""What follows a pushed write: the read cache adopts it, and it is noted for a receipt.

A write is noted before it leaves the queue: after a crash in between, the push is repeated, finds
the object there, and notes it. While the staged bytes are there, a checksum can be computed of them
for a remote whose ETag is not the MD5 of the bytes. The task of the eviction writes the receipts,
and evicts from the read cache. Sync folders use the writer and the rules themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from s3d.agent.after_upload.cache_eviction import CacheEviction
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.store import ObjectStore
from s3d.agent.receipts.receipt_file import FAILURE, Upload
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.s3.checksums import hasher
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Body, BytesBody
from s3d.agent.storage.records import Layout, Stored
from s3d.agent.stores.read_cache.catalog.adopt_pushed import Pushed
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.write_queue.push.push_attempt import AdoptPushed
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError
from s3d.shared.logs import log_fields
from s3d.shared.paths import Places

logger = logging.getLogger(__name__)

COMPUTED = "CRC64NVME"
"""What AWS computes of an object that was uploaded without a checksum.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html"""


class Staged(Protocol):
    """The staged bytes of the write queue."""

    @property
    def body_of(self) -> Callable[[Layout], Body]:
        """Opens the bytes of a layout; the caller closes the body."""

    def whole(self, layout: Layout) -> bytes | Path | None:
        """All bytes of a layout, or the file that contains nothing else; None: they are in
        pieces."""


class PushedUploads:
    """Call arrived() for each pushed write."""

    def __init__(
        self,
        writer: ReceiptWriter,
        rules: UploadRules,
        *,
        staged: Staged,
        cache: Cache | None = None,
        wake: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        """cache: adopts each write. It comes first, so that nothing is cached that a receipt has
        evicted before. wake: called when an upload was noted."""
        self._writer, self._rules = writer, rules
        self._staged, self._cache, self._wake = staged, cache, wake
        self._clock = clock or Clock()

    async def arrived(self, bucket: str, key: str, etag: str, stored: Stored) -> None:
        """The remote has the object, with this ETag. Never fails: without a note there is no
        receipt, and so no eviction."""
        if self._cache is not None:
            source = self._staged.whole(stored.layout)
            if source is not None:
                await self._cache.adopt(Pushed(bucket, key, etag, stored, source))
        rules = self._rules
        if not rules.is_active or not rules.wants_receipt(bucket, key):
            return
        try:
            algorithm, checksum = await self._checksum(etag, stored)
            record = stored.record
            upload = Upload(
                bucket, key, etag, record.size, record.etag, algorithm, checksum, self._clock.now()
            )
            await self._writer.note_upload(upload)
        except (FAILURE, OSError, S3Error, UsageError) as error:
            logger.warning(
                "an upload gets no receipt: %s", error, extra=log_fields(bucket=bucket, key=key)
            )
            return
        self._wake()

    async def _checksum(self, etag: str, stored: Stored) -> tuple[str, str]:
        """The algorithm and the checksum to compare besides the ETag; "" if that is enough."""
        checksum = stored.record.checksum
        if checksum is not None:
            return checksum.algorithm, checksum.value
        if same_etag(etag, stored.record.etag):
            return "", ""
        running = hasher(COMPUTED)
        body = self._staged.body_of(stored.layout) if stored.layout.extents else BytesBody(b"")
        async with aclosing(body):
            async for chunk in body:
                await asyncio.to_thread(running.update, chunk)
        return COMPUTED, running.b64()


@dataclass(frozen=True, slots=True)
class Uploads:
    """The receipts of one remote, and what may be evicted with them."""

    rules: UploadRules
    writer: ReceiptWriter
    eviction: CacheEviction

    def after_push(self, staged: Staged, cache: Cache | None) -> AdoptPushed:
        """What the write queue calls for each pushed write. See PushedUploads."""
        pushed = PushedUploads(
            self.writer, self.rules, staged=staged, cache=cache, wake=self.eviction.wake
        )
        return pushed.arrived

    def warnings(self) -> list[str]:
        """Warnings for the status."""
        return [each for each in (self.eviction.error, self.writer.error) if each]

    def close(self) -> None:
        self.writer.folder.close()


def open_uploads(config: Config, places: Places, remote: ObjectStore, remote_id: str) -> Uploads:
    """Opens no file before the first receipt. places: of the remote. remote_id: its name in the
    receipts. remote: answers from itself, without a cache."""
    rules = UploadRules(config.after_upload, receipts=config.receipts)
    folder = ReceiptFolder(places.receipts_dir, places.state_dir, config.device)
    writer = ReceiptWriter(folder, remote=S3Client(remote), remote_id=remote_id)
    return Uploads(rules, writer, CacheEviction(writer, rules))
