"""The requests that tell which names a folder has. Belongs to the loop."""

from __future__ import annotations

import asyncio

from s3d.agent.core.client import S3Client
from s3d.agent.core.jobs import first_error
from s3d.agent.frontends.fuse.errnos import is_missing
from s3d.agent.frontends.fuse.folder_entries import (
    Entry,
    file_entry,
    folder_entry,
    to_nanoseconds,
)
from s3d.agent.frontends.fuse.folder_memory import FolderId
from s3d.agent.frontends.fuse.key_names import name_of
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.s3.errors import S3Error
from s3d.shared.control import Listing, ObjectInfo

PAGE = 1_000
"""Keys of a page of a listing."""
_AT_ONCE = 32
"""HeadObjects for the rows of a page."""


class FolderRequests:
    """Asks a store. Every method raises S3Error."""

    def __init__(self, client: S3Client, metadata: MetadataMemory) -> None:
        """metadata: remembers what the answers say, of which listings say nothing."""
        self._client = client
        self._metadata = metadata

    async def page(self, folder: FolderId, beginning: str, cursor: str) -> Listing:
        """The next page of a folder, of what has this beginning."""
        bucket, prefix = folder
        page = await self._client.page(
            bucket, prefix + beginning, delimiter="/", cursor=cursor, limit=PAGE
        )
        unknown = [info.key for info in page.objects if self._metadata.is_unknown(info)]
        if unknown:
            await self._note_all(bucket, unknown)
        return page

    async def look_up(
        self, folder: FolderId, component: str, *, beside_folder: bool
    ) -> Entry | None:
        """The entry of one component. beside_folder: the object whose plain
        name a folder has."""
        bucket, prefix = folder
        key = prefix + component
        try:
            async with asyncio.TaskGroup() as group:
                head = group.create_task(self._head(bucket, key))
                below = group.create_task(self._has_objects(bucket, key + "/"))
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        info, is_folder = head.result(), below.result()
        if isinstance(is_folder, S3Error):
            if info is None:
                raise is_folder
            is_folder = False  # the remote is away, and the cache has the object
        if is_folder and not beside_folder:
            return self._metadata.describe(bucket, key + "/", folder_entry(component))
        if info is None or beside_folder != is_folder or not (component or info.size):
            return None
        return self._metadata.describe(
            bucket, key, file_entry(component, info, beside_folder=beside_folder)
        )

    async def buckets(self) -> list[Entry]:
        """All buckets that the agent's key may list, without those that no folder can be: the
        kernel would refuse the whole list."""
        return [
            folder_entry(bucket.name, to_nanoseconds(bucket.created))
            for bucket in await self._client.buckets()
            if "/" not in bucket.name and name_of(bucket.name) == bucket.name
        ]

    async def bucket(self, name: str) -> Entry | None:
        """One bucket, for a key that may not list them."""
        try:
            await self._client.output("HeadBucket", {"Bucket": name})
        except S3Error as error:
            if is_missing(error) or error.status == 400:
                return None  # or no bucket can have this name
            raise
        return folder_entry(name)

    async def _has_objects(self, bucket: str, prefix: str) -> bool | S3Error:
        """Whether there are objects below a prefix, or why the remote cannot say."""
        try:
            return bool((await self._client.page(bucket, prefix, limit=1)).objects)
        except S3Error as error:
            if error.status < 500:
                raise
            return error

    async def _note_all(self, bucket: str, keys: list[str]) -> None:
        """Learn the metadata of objects that may be symbolic links."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def note(key: str) -> None:
            async with slots:
                await self._head(bucket, key)

        try:
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    group.create_task(note(key))
        except ExceptionGroup as errors:
            raise first_error(errors) from None

    async def _head(self, bucket: str, key: str) -> ObjectInfo | None:
        if not key:
            return None
        known = self._metadata.get(bucket, key)
        info = await self._client.head(bucket, key)
        if info is not None:
            self._metadata.note(info, known)
        return info
