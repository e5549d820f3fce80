"""The receipts of one folder's uploads, and the eviction of its files by the setting after_upload.

Files are evicted in the mode backup only. Each needs a receipt of the version that the folder has:
the file is read again, and the remote has to confirm what was read (agent/receipts).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing, suppress

from s3d.agent.receipts.receipt_file import FAILURE, Upload
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.receipts.verification import Verdict
from s3d.agent.s3.checksums import hasher
from s3d.agent.s3.etag import same_etag
from s3d.agent.sync.decide import Mode
from s3d.agent.sync.eviction import evict
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import ConcurrentChange, Content, PathBlocked, Unavailable
from s3d.agent.sync.path_state import BaselineEntry
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.errors import UsageError

logger = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two looks at what is due."""
BATCH = 128
"""Files that are verified at a time."""
TURN = 16
"""Files that are evicted while passes wait."""
COMPUTED = "CRC64NVME"
"""The checksum that is compared where an ETag is not the MD5 of the bytes."""


class FolderEviction:
    """Run run() while the folder is open."""

    def __init__(
        self,
        executor: Executor,
        config: SyncFolderConfig,
        writer: ReceiptWriter,
        rules: UploadRules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._executor, self._config = executor, config
        self._writer, self._rules = writer, rules
        self._clock = clock
        self._woken = asyncio.Event()
        self._has_new = True
        """Uploads may have come whose receipts are to be written."""

    def wake(self) -> None:
        """A pass has ended, which may have uploaded something."""
        self._has_new = True
        self._woken.set()

    async def run(self, lock: asyncio.Lock, is_paused: Callable[[], bool]) -> None:
        """Until cancelled. lock: of the passes. is_paused: nothing is evicted then."""
        while True:
            self._woken.clear()
            if self._rules.is_active and not is_paused():
                try:
                    await self.pass_once(lock)
                except (OSError, UsageError, Unavailable) as error:
                    logger.warning("cannot evict files of %s: %s", self._config.path, error)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._woken.wait()

    async def pass_once(self, lock: asyncio.Lock) -> None:
        """Write the receipts that are missing, and evict what is due.

        Raises UsageError, OSError, Unavailable.
        """
        try:
            if self._has_new and self._config.mode != Mode.MIRROR:
                self._has_new = False
                await self._write_receipts()
            if self._config.mode == Mode.BACKUP and self._rules.after_upload.evicts:
                await self._evict_due(lock)
        except FAILURE as error:
            raise OSError(f"the receipts cannot be written: {error}") from error

    async def _write_receipts(self) -> None:
        """Until all uploads are verified, or the remote is away."""
        while True:
            rows = await asyncio.to_thread(self._find, self._wants_receipt, BATCH, verified=False)
            uploads = {}
            for row in rows:
                upload = await self._upload(row)
                if upload is None:
                    self._executor.baseline.evictions.note_receipt(row.path, row.etag, -1.0)
                else:
                    uploads[upload] = row
            verdicts = await self._writer.verify_uploads(uploads)
            for upload, verdict in verdicts.items():
                await self._note(uploads[upload], upload, verdict)
            if len(verdicts) < len(uploads):
                self._has_new = True  # the remote is away
                return
            if len(rows) < BATCH:
                return

    async def _upload(self, row: BaselineEntry) -> Upload | None:
        """What the remote's copy has to agree with: the file, which is read again. None: the file
        has changed since its upload, or cannot be read."""
        try:
            content = await self._executor.tree.read(row.path, row.signature)
            if content.sha256 != row.sha256:
                return None
            checksum = ""
            if not same_etag(row.etag, content.etag):
                checksum = await _checksum(content)
        except (ConcurrentChange, PathBlocked):
            return None
        algorithm = COMPUTED if checksum else ""
        bucket, key = self._config.bucket, self._config.prefix + row.path
        at = row.signature.mtime_ns / 1e9
        return Upload(bucket, key, row.etag, row.size, content.etag, algorithm, checksum, at)

    async def _note(self, row: BaselineEntry, upload: Upload, verdict: Verdict) -> None:
        verified = -1.0
        if verdict is Verdict.AGREES:
            receipt = await self._writer.find(upload.bucket, upload.key, upload.etag)
            verified = receipt.verified if receipt is not None else -1.0
        self._executor.baseline.evictions.note_receipt(row.path, row.etag, verified)

    async def _evict_due(self, lock: asyncio.Lock) -> None:
        rows = await asyncio.to_thread(self._find, self._is_due, -1, verified=True)
        for start in range(0, len(rows), TURN):
            async with lock:
                for row in rows[start : start + TURN]:
                    await self._evict(row)
        if rows:
            await self._executor.baseline.flush()

    async def _evict(self, row: BaselineEntry) -> None:
        """Evict a file whose receipt is on the disk: the baseline's word is not enough."""
        key = self._config.prefix + row.path
        receipt = await self._writer.find(self._config.bucket, key, row.etag)
        if receipt is not None and receipt.size == row.size:
            await evict(self._executor, row.path, row.etag)

    def _find(
        self, matches: Callable[[BaselineEntry], bool], limit: int, *, verified: bool
    ) -> list[BaselineEntry]:
        """In a thread, with its own connection."""
        baseline = self._executor.baseline.other()
        rows: list[BaselineEntry] = []
        is_newest = self._rules.is_newest_first
        try:
            for row in baseline.evictions.candidates(newest_first=is_newest, has_receipt=verified):
                if matches(row):
                    rows.append(row)
                if len(rows) == limit:
                    break
        finally:
            if baseline is not self._executor.baseline:
                baseline.close()
        return rows

    def _wants_receipt(self, row: BaselineEntry) -> bool:
        if row.etag in ("", "?"):
            return False
        key = self._config.prefix + row.path
        is_evicted = self._config.mode == Mode.BACKUP
        wanted = self._rules.wants_receipt(self._config.bucket, key)
        return wanted if is_evicted else self._rules.receipts

    def _is_due(self, row: BaselineEntry) -> bool:
        age = self._rules.of(self._config.bucket, self._config.prefix + row.path).age
        return age is not None and row.receipt + age <= self._clock()


async def _checksum(content: Content) -> str:
    running = hasher(COMPUTED)
    async with aclosing(content.body()) as body:
        async for chunk in body:
            await asyncio.to_thread(running.update, chunk)
    if content.is_torn:
        raise ConcurrentChange
    return running.b64()
