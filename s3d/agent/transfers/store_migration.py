"""The buckets of one store carried over to another one, as a job that can be asked how it goes.

To begin again is to go on: what the target has already is only looked at. The source is left as it
is, until a second job is told to delete from it what the target is seen to have.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, Refused, Unreachable, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.transfers.object_copier import Carrier, Outcome
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import S3dError
from s3d.shared.transfers import MigrationFailure, MigrationStatus, Share

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Objects on their way at the same time."""
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try of what the remote could not take just now."""
TOLD = 100
"""Failures that the status names."""
IDLE, RUNNING, DONE, FAILED, CANCELLED = "idle", "running", "done", "failed", "cancelled"

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
"""Settings that a bucket takes along: how to read, to write, the member, and what it holds."""

OpenSource = Callable[[], AbstractContextManager[ObjectStore]]


class Migration:
    """Run run() as long as the agent lives; start() gives it a job. Belongs to the loop."""

    def __init__(
        self,
        open_source: OpenSource,
        target: ObjectStore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.status = MigrationStatus()
        self._open = open_source
        self._target = target
        self._sleep = sleep
        self._wanted = asyncio.Event()
        self._ended = asyncio.Event()
        self._chosen: list[str] = []
        self._delete = False
        self._job: asyncio.Task[None] | None = None

    def start(self, buckets: list[str], *, delete_source: bool) -> bool:
        """False: one is running. buckets: none means all."""
        if self.status.state == RUNNING:
            return False
        self._chosen, self._delete = buckets, delete_source
        self.status = MigrationStatus(RUNNING)
        self._ended.clear()
        self._wanted.set()
        return True

    def cancel(self) -> None:
        """What has been carried over stays there."""
        if self._job is not None:
            self._job.cancel()

    async def ended(self) -> None:
        """Return when no job is running."""
        if self.status.state == RUNNING:
            await self._ended.wait()

    async def run(self) -> None:
        """Do one job after the other, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                async with asyncio.TaskGroup() as group:
                    self._job = group.create_task(self._work(), name="migration job")
            finally:
                self._job = None
                self._ended.set()

    async def _work(self) -> None:
        state = CANCELLED
        try:
            with self._open() as source:
                await self._all(source)
            state = FAILED if self.status.failed else DONE
        except S3Error as error:
            self._failed("", "", error)
            state = FAILED
        except S3dError as error:  # the embedded store cannot be opened
            self._failed("", "", S3Error("InternalError", str(error)))
            state = FAILED
        finally:
            self.status = replace(self.status, state=state)
            logger.info("migration %s copied=%d", state, self.status.copied.files)

    async def _all(self, source: ObjectStore) -> None:
        objects = S3Client(source)
        names = [bucket.name for bucket in await objects.buckets()]
        for name in self._chosen:
            if name not in names:
                raise S3Error("NoSuchBucket", "The embedded store has no such bucket.", Name=name)
        chosen = self._chosen or names
        self.status = replace(self.status, buckets=chosen)
        for bucket in chosen:
            async for row in _rows(objects, bucket):
                self.status = replace(self.status, total=_plus(self.status.total, row.size))
        carrier = Carrier(source, self._target)
        for bucket in chosen:
            try:
                if self._delete:
                    await self._empty(carrier, bucket)
                else:
                    await self._carry(carrier, bucket)
            except S3Error as error:
                self._failed(bucket, "", error)

    async def _carry(self, carrier: Carrier, bucket: str) -> None:
        await self._try(partial(self._make, carrier.source, bucket))

        async def carry(row: ObjectInfo) -> None:
            outcome = await carrier.carry(bucket, row.key)
            count = "copied" if outcome is Outcome.COPIED else "there"
            self._count(count, row.size)

        await self._each(_rows(S3Client(carrier.source), bucket), carry)

    async def _empty(self, carrier: Carrier, bucket: str) -> None:
        """Delete what the target is seen to have; the bucket too, when nothing is left in it."""

        async def delete(row: ObjectInfo) -> None:
            etag = await carrier.is_there(bucket, row.key)
            if not etag:
                raise S3Error("NotCopied", "the remote does not have it; it stays")
            members: Members = {"Bucket": bucket, "Key": row.key, "IfMatch": etag}
            await S3Client(carrier.source).output("DeleteObject", members)
            self._count("deleted", row.size)

        await self._each(_rows(S3Client(carrier.source), bucket), delete)
        try:
            await S3Client(carrier.source).output("DeleteBucket", {"Bucket": bucket})
        except S3Error as error:
            if error.code != "BucketNotEmpty":
                raise
            self._note(f"{bucket} is left in the embedded store, with what it still holds")

    async def _make(self, source: ObjectStore, bucket: str) -> None:
        """Have the bucket at the target, with its settings if it was not there."""
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
            self._note(f"{bucket}: older versions of its objects are not carried over")

    async def _each(
        self, rows: AsyncIterator[ObjectInfo], act: Callable[[ObjectInfo], Awaitable[None]]
    ) -> None:
        """Act on all, some at a time; what fails is counted."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(row: ObjectInfo) -> None:
            try:
                await self._try(partial(act, row))
            except S3Error as error:
                self._failed(row.bucket, row.key, error)
            finally:
                gate.release()

        async with asyncio.TaskGroup() as group:
            async for row in rows:
                await gate.acquire()
                group.create_task(one(row), name=f"migrate {row.bucket}/{row.key}")

    async def _try(self, act: Callable[[], Awaitable[None]]) -> None:
        """Act, and again where the remote is at a loss for the moment. Raises its last S3Error.

        A server that makes room for a new bucket may fail its first writes.
        """
        for pause in PAUSES:
            try:
                return await act()
            except S3Error as error:
                if not _is_transient(error):
                    raise
                logger.info("tried again in %.1f s: %s", pause, error)
            await self._sleep(pause)
        await act()

    def _count(self, name: str, size: int) -> None:
        self.status = replace(self.status, **{name: _plus(getattr(self.status, name), size)})

    def _note(self, text: str) -> None:
        self.status = replace(self.status, notes=[*self.status.notes, text])

    def _failed(self, bucket: str, key: str, error: S3Error) -> None:
        logger.warning("not carried over: %s bucket=%s key=%s", error, bucket, key)
        status, failure = self.status, MigrationFailure(bucket, key, error.code, error.message)
        told = [*status.failures, failure][:TOLD]
        self.status = replace(status, failed=status.failed + 1, failures=told)


def _is_transient(error: S3Error) -> bool:
    """Whether the remote, and not ourselves, says so."""
    is_theirs = isinstance(error.failure, Refused | Unreachable)
    return is_theirs and classify(error) is FailureClass.TRANSIENT


async def _rows(objects: S3Client, bucket: str) -> AsyncIterator[ObjectInfo]:
    async for row in objects.list(bucket):
        if isinstance(row, ObjectInfo):
            yield row


def _plus(share: Share, size: int) -> Share:
    return Share(share.files + 1, share.size + size)
