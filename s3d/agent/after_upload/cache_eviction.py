"""Writes the receipts of pushed writes, and evicts their copies from the read cache when they are
due. An entry is evicted only with a receipt of its version that is on the disk.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial

from s3d.agent.core import failpoint
from s3d.agent.core.clock import Clock
from s3d.agent.receipts.receipt_file import FAILURE, Due
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.s3.etag import same_etag
from s3d.agent.stores.read_cache.layer import Cache
from s3d.shared.errors import UsageError

logger = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two looks at what is due, and at what could not be verified before."""
BATCH = 256
"""Uploads that are verified, or entries that are evicted, at a time."""


class CacheEviction:
    """Run run() as long as the session lives."""

    def __init__(
        self,
        writer: ReceiptWriter,
        rules: UploadRules,
        clock: Clock | None = None,
    ) -> None:
        self._writer, self._rules = writer, rules
        self._clock = clock or Clock()
        self._woken = asyncio.Event()
        self.cache: Cache | None = None
        """None: only receipts are written."""
        self.evicted = 0
        """Entries since the start."""
        self.error = ""
        """Why the receipts cannot be written; "" when they can."""

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            try:
                if self._rules.is_active or self._writer.folder.has_receipts:
                    await self.pass_once()
                self.error = ""
            except (FAILURE, OSError, UsageError) as error:
                logger.warning("cannot write receipts: %s", error)
                self.error = f"cannot write receipts: {error}"
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._woken.wait()

    async def pass_once(self) -> None:
        """Write the receipts of all uploads that have none, and evict all that is due.

        Raises receipt_file.FAILURE, OSError, UsageError.
        """
        folder, is_newest = self._writer.folder, self._rules.is_newest_first
        while True:
            uploads = await asyncio.to_thread(
                folder.file.without_receipt, BATCH, newest_first=is_newest
            )
            verdicts = await self._writer.verify_uploads(uploads, self._rules.due_at)
            if len(verdicts) < len(uploads) or len(uploads) < BATCH:
                break  # the remote is away, or there are no more
        while True:
            now = self._clock.now()
            find = partial(self._due, now, is_newest)
            due = await asyncio.to_thread(find)
            await self._evict(due)
            if len(due) < BATCH:
                return

    def _due(self, now: float, is_newest: bool) -> list[Due]:
        """In a thread."""
        return self._writer.folder.file.due(now, BATCH, newest_first=is_newest)

    async def _evict(self, due: list[Due]) -> None:
        for row in sorted(due, key=self._rules.order):
            if self._rules.of(row.bucket, row.key).evicts:
                await self._evict_entry(row)
        if due:
            if self.cache is not None:
                await self.cache.committed()
            await asyncio.to_thread(self._writer.folder.file.done, due)

    async def _evict_entry(self, row: Due) -> None:
        """Evict an entry if it is this version, has its receipt and is not pinned."""
        if self.cache is None or self.cache.catalog.is_pinned(row.bucket, row.key):
            return
        catalog = self.cache.catalog
        entry = catalog.peek(row.bucket, row.key)
        if entry is None or not same_etag(entry.etag, row.etag):
            return
        receipt = await self._writer.find(row.bucket, row.key, row.etag)
        if receipt is None or receipt.size != entry.size or entry.superseded:
            return
        failpoint.hit("eviction.cache")
        catalog.forget(row.bucket, row.key)
        catalog.on_evicted(1)
        catalog.note("evicted", f"{row.bucket}/{row.key}")
        self.evicted += 1
