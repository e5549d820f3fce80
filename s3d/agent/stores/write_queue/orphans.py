"""Multipart uploads at the remote whose write has gone: it was replaced, or discarded."""

from __future__ import annotations

from functools import partial

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.messages import Members
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.multipart_push import abort, strays
from s3d.agent.stores.write_queue.pending import Orphan


async def abort_orphan(inner: ObjectStore, journal: Journal, orphan: Orphan) -> bool:
    """Whether it is gone for certain; False: it cannot be told yet. Raises S3Error.

    One whose id was never heard is looked for. It may look like the upload of a later write of its
    key. So the remote is asked first and the journal then: what the remote has begun for a write
    has its row by now.
    """
    place: Members = {"Bucket": orphan.bucket, "Key": orphan.key}
    if orphan.upload_id:
        await abort(inner, place | {"UploadId": orphan.upload_id})
        return True
    found = await strays(inner, place, orphan.begun)
    used = await journal.read(partial(journal_rows.uploads, bucket=orphan.bucket, key=orphan.key))
    if "" in used:
        return False
    for upload_id in found:
        if upload_id not in used:
            await abort(inner, place | {"UploadId": upload_id})
    return True
