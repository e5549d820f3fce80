"""Multipart uploads at the remote that no write continues: they are found and aborted.

An upload whose id is not known was lost with the answer of its CreateMultipartUpload, in a crash or
in the network. The remote may carry out that request late, after it was looked for, so it is looked
for again and again until the request can take effect no longer.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

import logging
from datetime import datetime

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.stores.write_queue.journal.journal_history import REQUEST_LIFE
from s3d.agent.stores.write_queue.journal.pending_write import Orphan
from s3d.agent.stores.write_queue.journal.push_outcomes import UPLOAD_WINDOW, RemoteUploads
from s3d.shared.text import count

logger = logging.getLogger(__name__)

IDLE_AGE = 300.0
"""Seconds after which an upload without parts counts as a late one of ours, and not as one to which
another client is about to send the first part."""
FIRST_WAIT = 15.0
"""Seconds between the first two looks for a lost upload; the waits double."""


class OrphanedUploads:
    """Aborts the uploads of writes that are gone. Belongs to the loop."""

    def __init__(self, uploads: RemoteUploads, remote: S3Client, clock: Clock) -> None:
        self._uploads = uploads
        self._remote = remote
        self._clock = clock
        self._looks: dict[Orphan, float] = {}
        """When each is looked for again, Unix seconds."""

    async def abort_all(self) -> bool:
        """Abort those that are found now; returns whether some are left for later."""
        orphans = await self._uploads.orphans()
        looks, self._looks = self._looks, {}
        errors: list[S3Error] = []
        for orphan in orphans:
            now, next_look = self._clock.now(), looks.get(orphan, 0.0)
            if now >= next_look:
                if await self._abort(orphan, now, errors):
                    await self._uploads.forget_orphan(orphan)
                    continue
                next_look = _next_look(orphan, now)
            self._looks[orphan] = next_look
        if errors:
            number = count(len(errors), "multipart upload")
            logger.info("cannot abort %s yet: %s", number, errors[-1])
        return bool(self._looks)

    async def _abort(self, orphan: Orphan, now: float, errors: list[S3Error]) -> bool:
        """errors: gets the error of the remote, if there is one."""
        try:
            return await abort_orphan(self._remote, self._uploads, orphan, now)
        except S3Error as error:
            errors.append(error)
            return False


def _next_look(orphan: Orphan, now: float) -> float:
    """An upload with a known id is aborted as soon as the remote answers."""
    wait = FIRST_WAIT if orphan.upload_id else max(FIRST_WAIT, now - orphan.begun)
    end = _end_of_search(orphan)
    return min(now + wait, end) if now < end else now + FIRST_WAIT


def _end_of_search(orphan: Orphan) -> float:
    """When the upload was found, or will never exist; Unix seconds."""
    return orphan.begun + REQUEST_LIFE + IDLE_AGE


async def abort_orphan(
    remote: S3Client, uploads: RemoteUploads, orphan: Orphan, now: float
) -> bool:
    """Abort an upload whose write was removed; False: look for it again. Raises S3Error.

    An upload without a known id may look like the upload of a later write of its key. So the remote
    is asked first and the journal afterwards, which has every upload that a write has begun by
    then. now: Unix seconds.
    """
    place: Members = {"Bucket": orphan.bucket, "Key": orphan.key}
    if orphan.upload_id:
        await abort(remote, place | {"UploadId": orphan.upload_id})
        return True
    candidates = await lost_uploads(remote, place, orphan.begun, now)
    used = await uploads.ids_of(orphan.bucket, orphan.key)
    if "" in used:
        return False
    for upload_id in candidates:
        if upload_id not in used:
            await abort(remote, place | {"UploadId": upload_id})
    return now >= _end_of_search(orphan)


async def lost_uploads(remote: S3Client, place: Members, begun: float, now: float) -> list[str]:
    """Ids of uploads of this key without parts: we may have begun them and lost the id.

    place: Bucket and Key. begun: when CreateMultipartUpload was sent. Raises S3Error.
    """
    found = []
    members = {"Bucket": place["Bucket"], "Prefix": place["Key"]}
    page = await remote.output("ListMultipartUploads", members)
    for upload in page.get("Uploads") or ():
        if upload["Key"] == place["Key"] and may_be_ours(upload["Initiated"], begun, now):
            named = place | {"UploadId": upload["UploadId"], "MaxParts": 1}
            if not (await remote.output("ListParts", named)).get("Parts"):
                found.append(str(upload["UploadId"]))
    return found


def may_be_ours(initiated: datetime, begun: float, now: float) -> bool:
    """Whether an upload without parts that the remote began then may be the one that was lost.

    begun: when we asked for it; now: both Unix seconds.
    """
    at = initiated.timestamp()
    if abs(at - begun) <= UPLOAD_WINDOW:
        return True
    return begun < at <= begun + REQUEST_LIFE + UPLOAD_WINDOW and at + IDLE_AGE <= now


async def abort(remote: S3Client, members: Members) -> None:
    """Abort an upload that may be gone already. Raises S3Error."""
    try:
        await remote.output("AbortMultipartUpload", members)
    except S3Error as error:
        if error.code not in ("NoSuchUpload", "NoSuchBucket", "NoSuchKey"):
            raise
