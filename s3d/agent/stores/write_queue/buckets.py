"""Buckets are the remote's; the queue takes care that its writes and theirs keep their order."""

from __future__ import annotations

from contextlib import suppress

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.settle import Settler
from s3d.agent.stores.write_queue.staging import Stage


class BucketOps:
    """Handlers of what changes the way in which a bucket takes writes."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("CreateBucket")
    async def create_bucket(self, request: S3Request[Members]) -> S3Response[Members]:
        """What was parked for want of the bucket goes on its way."""
        response = await self._settler.inner.call(request)
        self._stage.forget(request.bucket)
        await self._journal.retry(bucket=request.bucket)
        return response

    @operation("DeleteBucket")
    async def delete_bucket(self, request: S3Request[Members]) -> S3Response[Members]:
        """Raises BucketNotEmpty also for what the remote has refused so far."""
        await self._settler.settle(request.bucket)
        if self._journal.writes(request.bucket):
            message = "The write queue holds writes for this bucket that the remote has not taken."
            raise S3Error("BucketNotEmpty", message, BucketName=request.bucket)
        response = await self._settler.inner.call(request)
        self._stage.forget(request.bucket)
        with suppress(S3Error):  # it has none, or it was just filled again
            client = S3Client(self._stage.store, request.context)
            await client.call("DeleteBucket", {"Bucket": request.bucket})
        return response

    @operation("PutBucketVersioning", "PutObjectLockConfiguration")
    async def change_versioning(self, request: S3Request[Members]) -> S3Response[Members]:
        """From now on every write is one version, until the remote says otherwise."""
        self._stage.forget(request.bucket)
        response = await self._settler.through(request)
        self._stage.forget(request.bucket)
        return response
