"""Writes the receipts: verifies uploads at the remote, signs what agrees, and stores it.

One receipt, step by step ([thread] marks work that leaves the event loop):

1. An upload was acknowledged by the remote: note_upload() enters it in the file [thread].
2. verify_uploads() asks the remote for each of them by HeadObject, and by GetObjectAttributes where
   that returns no checksum (verification.py).
3. What agrees is signed and stored in one synced commit, together with what may be evicted
   [thread]. Only then its verdict is returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.receipts.receipt_file import Due, StoredReceipt, Upload
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.verification import Verdict, Verification, verify
from s3d.agent.s3.errors import S3Error
from s3d.shared.logs import log_fields
from s3d.shared.receipts import Receipt, SignedReceipt

logger = logging.getLogger(__name__)

CONCURRENT = 8
"""Requests to the remote at the same time."""

DueAt = Callable[[Upload, float], Due | None]
"""The eviction of an upload that was verified at a time (Unix seconds); None: it is kept."""
Verdicts = dict[Upload, Verdict]


class ReceiptWriter:
    """The receipts of one remote. Belongs to the loop."""

    def __init__(
        self,
        folder: ReceiptFolder,
        *,
        remote: S3Client,
        remote_id: str,
        clock: Clock | None = None,
    ) -> None:
        """remote: answers from the remote itself. remote_id: its name in the receipts."""
        self.folder = folder
        self._remote, self._remote_id = remote, remote_id
        self._clock = clock or Clock()
        self.verdicts: Counter[Verdict] = Counter()
        """Since the start."""
        self.error = ""
        """Why the remote could not be asked the last time; "" when it could."""

    async def note_upload(self, upload: Upload) -> None:
        """Note that an upload has no receipt yet. Raises receipt_file.FAILURE."""
        await asyncio.to_thread(lambda: self.folder.file.note_upload(upload))

    async def find(self, bucket: str, key: str, etag: str) -> StoredReceipt | None:
        """The newest receipt of a version of an object."""
        return await asyncio.to_thread(lambda: self.folder.file.find(bucket, key, etag))

    async def verify_uploads(
        self, uploads: Iterable[Upload], due_at: DueAt = lambda upload, verified: None
    ) -> Verdicts:
        """Verify uploads, and write the receipts of those that agree.

        Those whose verdict is returned wait for no receipt any more. An upload without a verdict
        could not be verified now. due_at: what may be evicted with the receipts. Raises
        receipt_file.FAILURE.
        """
        found: dict[Upload, Verification] = {}
        waiting = iter(list(uploads))

        async def ask() -> None:
            for upload in waiting:
                verification = await self._ask(upload)
                if verification is not None:
                    found[upload] = verification

        async with asyncio.TaskGroup() as group:
            for number in range(CONCURRENT):
                group.create_task(ask(), name=f"verify {number}")
        await self._store(found, due_at)
        return {upload: each.verdict for upload, each in found.items()}

    async def _ask(self, upload: Upload) -> Verification | None:
        try:
            verification = await verify(self._remote, upload)
        except S3Error as error:
            if error.status == 403:  # a key without the permission to read gets no better answer
                self.error = f"cannot verify uploads: {error.code}"
                return Verification(Verdict.UNVERIFIABLE)
            self.error = f"cannot verify uploads: {error.message}"
            return None
        self.error = ""
        return verification

    async def _store(self, answers: dict[Upload, Verification], due_at: DueAt) -> None:
        now = self._clock.now()
        agreed = [
            (upload, now, partial(self._sign, upload, each, now))
            for upload, each in answers.items()
            if each.verdict is Verdict.AGREES
        ]
        dues = (due_at(upload, now) for upload, _, _ in agreed)
        due = [row for row in dues if row is not None]
        others = [upload for upload, each in answers.items() if each.verdict is not Verdict.AGREES]

        def commit() -> None:
            file = self.folder.file
            if agreed:
                file.append(agreed, due)
            file.waive(others)

        if answers:
            await asyncio.to_thread(commit)
        for upload, each in answers.items():
            self.verdicts[each.verdict] += 1
            if each.verdict in (Verdict.DIFFERS, Verdict.UNVERIFIABLE):
                logger.warning(
                    "an upload gets no receipt: the remote's copy %s",
                    _REASONS[each.verdict],
                    extra=log_fields(bucket=upload.bucket, key=upload.key),
                )

    def _sign(
        self,
        upload: Upload,
        verification: Verification,
        verified: float,
        sequence: int,
        previous: str,
    ) -> SignedReceipt:
        """Runs in the thread of the commit."""
        payload = msgspec.json.encode(
            Receipt(
                sequence=sequence,
                previous=previous,
                device=self.folder.device,
                remote=self._remote_id,
                bucket=upload.bucket,
                key=upload.key,
                version_id=verification.version_id,
                size=upload.size,
                etag=upload.etag,
                algorithm=verification.algorithm,
                checksum=verification.checksum,
                operation=verification.operation,
                verified=verified,
            )
        )
        return SignedReceipt(payload, self.folder.key.sign(payload))


_REASONS = {
    Verdict.DIFFERS: "has another size or checksum",
    Verdict.UNVERIFIABLE: "cannot be verified, because it returns no checksum to compare",
}
