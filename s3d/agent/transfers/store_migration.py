"""Migration of the embedded store's buckets to the remote.

A migration can be repeated: objects that the target has already are only compared. It leaves the
source as it is; a second migration with delete_source deletes from the source what the target has.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, Refused, Unreachable, classify
from s3d.agent.core.job import ENDED, ItemProgress, Job, JobFailure, state_without_queue
from s3d.agent.core.jobs import JobEngine, JobPolicy, first_error
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.transfers.object_copier import CopyResult, ObjectCopier
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import S3dError
from s3d.shared.logs import log_fields
from s3d.shared.transfers import MigrateRequest, MigrationFailure, MigrationStatus, Totals

logger = logging.getLogger(__name__)

CONCURRENCY = 8
"""Objects that are copied at the same time."""
RETRY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try after a temporary error of the remote. A server that prepares a
new bucket may fail its first writes."""
MAX_FAILURES = 100
"""Failures that the status names."""

SETTINGS = {
    "GetBucketVersioning": ("PutBucketVersioning", "VersioningConfiguration", ("Status",)),
    "GetBucketTagging": ("PutBucketTagging", "Tagging", ("TagSet",)),
    "GetBucketCors": ("PutBucketCors", "CORSConfiguration", ("CORSRules",)),
    "GetBucketLifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        ("Rules",),
    ),
}
"""Settings that are copied with a bucket: read operation -> write operation, member, fields."""

MigrationJob = Job[MigrateRequest]
OpenSource = Callable[[], AbstractContextManager[ObjectStore]]


class Migration:
    """The migrations of the agent, one at a time. Call run() as long as it lives."""

    def __init__(
        self,
        open_source: OpenSource,
        target: ObjectStore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        maps: Path,
        registry: Registry | None = None,
    ) -> None:
        """maps: folder of the part maps of uploads that have not been completed."""
        self._open, self._target = open_source, target
        self._parts = PartTransfers(S3Client(target), maps)
        self._progress = MigrationStatus()
        """Without the state and the failures, which the job has."""
        self._job: MigrationJob | None = None
        policy = JobPolicy(
            kind="migration",
            concurrency=CONCURRENCY,
            expected=(S3Error, S3dError),
            describe=_describe,
            is_temporary=_is_temporary,
            item_pauses=RETRY_PAUSES,
            max_failures=MAX_FAILURES,
            max_ended=1,
            is_resumed=False,
        )
        self._engine: JobEngine[MigrateRequest] = JobEngine(
            self._migrate, policy, sleep=sleep, registry=registry
        )
        self._engine.on_change = self._log_end

    @property
    def status(self) -> MigrationStatus:
        """How far the latest migration is, or how it ended."""
        job = self._job
        if job is None:
            return self._progress
        failures = [
            MigrationFailure(each.bucket, each.key, each.code, each.message)
            for each in job.failures
        ]
        state = state_without_queue(job.state)
        failed = job.progress.items_failed
        return replace(self._progress, state=state, failed=failed, failures=failures)

    def start(self, buckets: list[str], *, delete_source: bool) -> bool:
        """Start a migration; False if one is running. buckets: an empty list means all."""
        if self._job is not None and self._job.state not in ENDED:
            return False
        self._progress = MigrationStatus()
        self._job = Job("1", MigrateRequest(buckets, delete_source), time.time())
        self._engine.add(self._job)
        return True

    async def cancel(self) -> None:
        """Stop the migration. What has been copied stays at the target."""
        if self._job is not None and self._job.state not in ENDED:
            await self._engine.cancel(self._job)

    async def ended(self) -> None:
        """Wait until no migration is running."""
        if self._job is not None:
            await self._job.ended.wait()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._parts.abort_old_uploads(), name="abort old uploads")
            await self._engine.run()

    def _log_end(self, job: MigrationJob) -> None:
        if job.state in ENDED:
            logger.info("migration %s copied=%d", job.state, self._progress.copied.files)

    async def _migrate(self, job: MigrationJob) -> None:
        """Raises S3dError if the embedded store cannot be opened; S3Error."""
        with self._open() as source:
            buckets = await self._count_objects(S3Client(source), job.request.buckets)
            copier = ObjectCopier(source, self._target, self._parts)
            for bucket in buckets:
                try:
                    if job.request.delete_source:
                        await self._empty(job, copier, bucket)
                    else:
                        await self._copy_bucket(job, copier, bucket)
                except* S3Error as errors:
                    self._engine.fail(job, first_error(errors), bucket)

    async def _count_objects(self, source: S3Client, selected: list[str]) -> list[str]:
        """The buckets to migrate; counts what they hold."""
        names = [bucket.name for bucket in await source.buckets()]
        for name in selected:
            if name not in names:
                raise S3Error("NoSuchBucket", "The embedded store has no such bucket.", Name=name)
        buckets = selected or names
        self._progress = replace(self._progress, buckets=buckets)
        for bucket in buckets:
            async for row in _rows(source, bucket):
                self._count("total", row.size)
        return buckets

    async def _copy_bucket(self, job: MigrationJob, copier: ObjectCopier, bucket: str) -> None:
        make = partial(self._make_bucket, copier.source, bucket)
        await self._engine.retry_temporary(make)

        async def copy(row: ObjectInfo, moved: ItemProgress) -> None:
            result = await copier.copy(bucket, row.key)
            self._count("copied" if result is CopyResult.COPIED else "there", row.size)

        await self._engine.for_each(job, _rows(S3Client(copier.source), bucket), copy, _name)

    async def _empty(self, job: MigrationJob, copier: ObjectCopier, bucket: str) -> None:
        """Delete the objects that the target has, and then the bucket if it is empty."""

        async def delete(row: ObjectInfo, moved: ItemProgress) -> None:
            etag = await copier.is_there(bucket, row.key)
            if not etag:
                raise S3Error(
                    "NotCopied", "the remote does not have the object, so it is not deleted"
                )
            members: Members = {"Bucket": bucket, "Key": row.key, "IfMatch": etag}
            await S3Client(copier.source).output("DeleteObject", members)
            self._count("deleted", row.size)

        await self._engine.for_each(job, _rows(S3Client(copier.source), bucket), delete, _name)
        try:
            await S3Client(copier.source).output("DeleteBucket", {"Bucket": bucket})
        except S3Error as error:
            if error.code != "BucketNotEmpty":
                raise
            self._note(f"{bucket} stays in the embedded store with its remaining objects")

    async def _make_bucket(self, source: ObjectStore, bucket: str) -> None:
        """Create the bucket at the target, with its settings, unless it is there."""
        target = S3Client(self._target)
        try:
            await target.page(bucket, limit=1)
            return
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
        await target.create_bucket(bucket)
        for read, (write, member, fields) in SETTINGS.items():
            try:
                found = await S3Client(source).output(read, {"Bucket": bucket})
                value = {name: found[name] for name in fields if found.get(name)}
                if value:
                    await S3Client(self._target).output(write, {"Bucket": bucket, member: value})
            except S3Error as error:
                if error.status != 404:
                    self._note(f"{bucket}: {write} was refused: {error.code}")
        if (await S3Client(source).output("GetBucketVersioning", {"Bucket": bucket})).get("Status"):
            self._note(f"{bucket}: older versions of its objects are not copied")

    def _count(self, name: str, size: int) -> None:
        total = getattr(self._progress, name)
        total = Totals(total.files + 1, total.size + size)
        self._progress = replace(self._progress, **{name: total})

    def _note(self, text: str) -> None:
        self._progress = replace(self._progress, notes=[*self._progress.notes, text])


def _describe(error: Exception, bucket: str, key: str) -> JobFailure:
    """The failure, which is logged as well: the status names the first ones only."""
    logger.warning("an object is not migrated: %s", error, extra=log_fields(bucket=bucket, key=key))
    code = error.code if isinstance(error, S3Error) else "InternalError"
    message = error.message if isinstance(error, S3Error) else str(error)
    return JobFailure(code, message, bucket=bucket, key=key)


def _is_temporary(error: Exception) -> bool:
    """Whether the remote cannot take it now; an error of the embedded store is never temporary."""
    if not isinstance(error, S3Error):
        return False
    is_theirs = isinstance(error.failure, Refused | Unreachable)
    return is_theirs and classify(error) is FailureClass.TRANSIENT


async def _rows(objects: S3Client, bucket: str) -> AsyncIterator[ObjectInfo]:
    async for row in objects.list(bucket):
        if isinstance(row, ObjectInfo):
            yield row


def _name(row: ObjectInfo) -> tuple[str, str]:
    return row.bucket, row.key
