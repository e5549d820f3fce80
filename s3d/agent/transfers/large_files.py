"""Transfers of large objects: in parts, which continue after a crash or an outage.

What is larger than the write queue goes past it to the remote, and the transfer says so.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from s3d.agent.core.client import IF_ABSENT, S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.job import ItemProgress, JobState
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.thread_call import in_thread
from s3d.agent.large_objects.copied_parts import CopySource, copy_in_parts
from s3d.agent.large_objects.file_source import FileSource
from s3d.agent.large_objects.part_map import MapName
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.large_objects.part_upload import Moved, UploadPlan
from s3d.agent.large_objects.ranged_download import PartialFile, discard
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.transfers.items import Item
from s3d.agent.transfers.local_files import part_of, publish
from s3d.agent.transfers.new_attributes import DIRECTIVES
from s3d.agent.transfers.source_file import SourceFile
from s3d.agent.transfers.transfer_status import TransferJob

PAST_QUEUE = (
    "what is larger than the write queue (S3D_WRITE_QUEUE_MAX_SIZE) is sent to the remote itself"
)
ATTEMPTS = 3
"""Downloads of an object that is replaced meanwhile, or whose bytes do not match its checksum."""


class LargeFiles:
    """Moves large objects for the transfers."""

    def __init__(
        self,
        objects: S3Client,
        direct: S3Client,
        folder: Path,
        *,
        part_size: int,
        is_too_large: Callable[[int], bool],
    ) -> None:
        """direct: a client whose multipart uploads go past the write queue. folder: of the part
        maps. is_too_large: for the write queue."""
        self.parts = PartTransfers(objects, folder, part_size)
        self._direct, self._is_too_large = direct, is_too_large

    def takes(self, size: int) -> bool:
        """Whether an object of this size is moved in parts."""
        return self.parts.takes(size)

    def is_past_queue(self, job: TransferJob, size: int) -> bool:
        """Whether an object is too large for the write queue; then the transfer says so."""
        is_past = self._is_too_large(size)
        if is_past:
            job.note(PAST_QUEUE)
        return is_past

    async def upload(
        self, job: TransferJob, place: Members, file: SourceFile,
        attributes: ObjectAttributes, moved: Moved,
    ) -> None:  # fmt: skip
        """Raises SourceChanged, S3Error, OSError."""
        client = self._direct if self.is_past_queue(job, file.size) else None
        parts = self.parts.plan(file.size)
        plan = UploadPlan(place, attributes.members(), _condition(job), parts, file.version)
        async with self._aborted_if_cancelled(job, place):
            source = FileSource(file.fd, parts)
            await self.parts.upload(job.id, plan, source, moved, client=client)

    async def copy(
        self, job: TransferJob, item: Item, place: Members, changed: Members, moved: Moved
    ) -> None:
        """Copy an object of over 5 GiB. changed: what is not that of the source, as members of
        CopyObject. Raises S3Error."""
        version = job.request.version
        source = CopySource(job.request.bucket, item.key, item.size, item.etag, version)
        changed = {name: changed[name] for name in changed if name not in DIRECTIVES}
        async with self._aborted_if_cancelled(job, place):
            await copy_in_parts(
                self.parts, job.id, source, place,
                condition=_condition(job), moved=moved, client=self._direct, changed=changed,
            )  # fmt: skip

    @asynccontextmanager
    async def _aborted_if_cancelled(self, job: TransferJob, place: Members) -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            if job.state is JobState.CANCELLED:
                await self.parts.abandon(job.id, place)
            raise

    async def download(
        self, job: TransferJob, item: Item, tree: FolderTree, path: str, mode: int,
        moved: ItemProgress,
    ) -> None:  # fmt: skip
        """Raises S3Error, OSError. What has arrived stays while the transfer can be continued."""
        beside = part_of(job.id, path)
        with tree.at(beside, make=True) as place:
            name = MapName(place.name, place.folder)
            try:
                file = await self._fetch(job, item, name, moved)
                try:
                    os.fchmod(file.fd, mode)
                    await in_thread(partial(publish, tree, file.fd, beside, path, item.modified))
                    file.finish()
                finally:
                    file.close()
            except BaseException as error:
                if not _is_continued(job, error):
                    await asyncio.to_thread(discard, name)
                raise

    async def _fetch(
        self, job: TransferJob, item: Item, name: MapName, moved: ItemProgress
    ) -> PartialFile:
        for attempt in range(1, ATTEMPTS + 1):
            info = await self.parts.client.head(job.request.bucket, item.key)
            if info is None:
                raise S3Error("NoSuchKey", Key=item.key)
            try:
                return await self.parts.download(name, info, moved.add)
            except S3Error as error:
                if error.code not in ("PreconditionFailed", "BadDigest") or attempt == ATTEMPTS:
                    raise
                moved.undo()
        raise AssertionError


def _condition(job: TransferJob) -> Members:
    """The condition of a write that must replace nothing: a look before it is not enough."""
    if job.request.existing == "skip":
        return {"IfNoneMatch": IF_ABSENT}
    return {"IfMatch": job.request.if_match} if job.request.if_match else {}


def _is_continued(job: TransferJob, error: BaseException) -> bool:
    """Whether the transfer comes again by itself: after a restart, a pause or an outage."""
    if isinstance(error, asyncio.CancelledError):
        return job.state is not JobState.CANCELLED
    if not isinstance(error, S3Error):
        return False
    return error.status >= 500 and classify(error) is FailureClass.TRANSIENT
