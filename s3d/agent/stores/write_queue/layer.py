"""WriteQueue: acknowledges writes once they are durable on this disk, and pushes them later.

One PutObject and its push (">" marks each crossing between the loop and a thread):

 1. WriteQueue.call finds the handler: ObjectOps.put_object.
 2. objects.requires_remote: a write that only the remote can decide is forwarded by the settle rule
    (Settler.forward). This one is accepted here.
 3. KeyRules.check refuses keys that the remote cannot store.
 4. Stage.write: KnownBuckets.check refuses a missing bucket; Admission.reserve waits for room.
 5. The staging store, an embedded LocalStore, writes the body to its files.
    > A writer thread commits the object to the SQLite index (Transaction).
 6. WriteRecorder.record, in that thread and commit, inserts the row of the pending write
    (journal_entry.insert) and removes the rows that it replaces.
    > The commit is durable; back on the loop, WriteRecorder._accepted adds the write to
    PendingWrites, whose PushScheduler offers it to the pusher. The client gets its 200.
 7. Pusher._begin_pushes takes the write when RemoteGate has a free slot, and starts
    Pusher._push_write.
 8. PushExecutor.push reads the row, plans the request (push_plan.plan) and its condition
    (push_plan.first_step), and evaluates the filter.
 9. verify_push.verified_payload reads and verifies the staged bytes. > Large files are read and
    hashed in threads. S3Client.output sends PutObject to the remote.
10. verify_push.compare_answer checks the remote's ETag; the read cache adopts the bytes.
11. PushResultHandler.succeeded calls PushOutcomes.acknowledge.
    > The writer thread removes the row and releases the bytes in one commit; back on the loop,
    PendingWrites.pushed wakes the requests that wait for the key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.store import Answer, Layer, ObjectStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import UNKNOWN
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.admission import Admission, Limits, Stage
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState, PendingWrite
from s3d.agent.stores.write_queue.listings import ListOps
from s3d.agent.stores.write_queue.multipart import MultipartOps, UploadListOps
from s3d.agent.stores.write_queue.object_writes import CopyOps, DeleteOps, ObjectOps
from s3d.agent.stores.write_queue.push.pusher import Pusher
from s3d.agent.stores.write_queue.push.remote_buckets import KeyRules, KnownBuckets
from s3d.agent.stores.write_queue.remote_copies import RemoteCopies
from s3d.agent.stores.write_queue.settle import Settler


class WriteQueue(Layer):
    """The layer. The pusher that pushes what it accepts runs elsewhere."""

    def __init__(
        self,
        inner: ObjectStore,
        staging: ObjectStore,
        journal: Journal,
        limits: Limits,
        pusher: Pusher,
        *,
        clock: Clock,
        listing_order: Callable[[str], str] = lambda bucket: UNKNOWN,
        check_remote_key: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """staging: an embedded store whose on_change is journal.recorder.record.

        listing_order: of the remote in a bucket, see s3/listing.py. check_remote_key: raises
        InvalidURI for a bucket and a key that the remote stores under another key.
        """

        def is_away() -> bool:
            return bool(pusher.status().trouble)

        known = KnownBuckets(inner, journal.unversioned, clock.steady, is_away)
        self.admission = Admission(limits, journal.used, journal.pending.oldest, clock.now)
        """Its limits may be changed."""
        journal.on_change.append(self.admission.admit_waiting)
        self.keys = keys = KeyRules(inner, clock.steady)
        keys.check_remote = check_remote_key
        stage = Stage(staging, known, keys, self.admission, clock.now)
        self._settler = Settler(inner, journal, pusher)
        parts = (journal, stage, self._settler)
        copies = RemoteCopies(*parts)
        self.lists = ListOps(journal, self._settler)
        self.lists.listing_order = listing_order
        super().__init__(
            inner,
            ObjectOps(*parts, copies),
            DeleteOps(*parts),
            CopyOps(*parts, copies),
            copies,
            MultipartOps(*parts),
            UploadListOps(*parts),
            BucketOps(*parts),
            self.lists,
        )

    def fallback(self, request: S3Request[Any]) -> Answer:
        return self._settler.forward(request)


class BucketOps:
    """Changes of buckets, which belong to the remote, in order with the pending writes."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("CreateBucket")
    async def create_bucket(self, request: S3Request[Members]) -> S3Response[Members]:
        """Afterwards the writes that were parked because the bucket was missing are retried."""
        response = await self._settler.inner.call(request)
        self._stage.forget(request.bucket)
        await self._journal.control.retry(bucket=request.bucket)
        return response

    @operation("DeleteBucket")
    async def delete_bucket(self, request: S3Request[Members]) -> S3Response[Members]:
        """Raises BucketNotEmpty also when the remote has refused writes of the bucket."""
        await self._settler.settle(request.bucket)
        if not all(map(_is_verified_delete, self._journal.pending.writes(request.bucket))):
            message = "The write queue holds writes for this bucket that are not pushed yet."
            raise S3Error("BucketNotEmpty", message, BucketName=request.bucket)
        response = await self._settler.inner.call(request)
        if response.wire is not None and response.wire.status >= 300:  # the remote has refused it
            return response
        self._stage.forget(request.bucket)
        with suppress(S3Error):  # the stage has no such bucket, or a write has just filled it
            client = S3Client(self._stage.store, request.context)
            await client.call("DeleteBucket", {"Bucket": request.bucket})
        return response

    @operation("PutBucketVersioning", "PutObjectLockConfiguration")
    async def change_versioning(self, request: S3Request[Members]) -> S3Response[Members]:
        """Until the next request to the remote, every write counts as one version."""
        self._stage.forget(request.bucket)
        response = await self._settler.forward(request)
        self._stage.forget(request.bucket)
        return response


def _is_verified_delete(write: PendingWrite) -> bool:
    """Whether it is a deletion that the remote has carried out, and that a late request of an
    object may undo: without its bucket, the remote refuses such a request."""
    return write.state is PendingState.VERIFYING and write.kind is Kind.DELETE
