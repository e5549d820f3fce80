"""The operations of a transfer on one object. Each can be repeated without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from s3d.agent.core.client import IF_ABSENT, S3Client
from s3d.agent.core.job import ItemProgress
from s3d.agent.core.path_names import why_no_path
from s3d.agent.large_objects.copied_parts import needs_parts
from s3d.agent.large_objects.part_upload import SourceChanged
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import StreamBody
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.remote_tree import MTIME, read_mtime
from s3d.agent.transfers.items import Item
from s3d.agent.transfers.large_files import LargeFiles
from s3d.agent.transfers.local_files import (
    NotTransferable,
    is_there,
    make_folder,
    remove_unchanged,
    same_file,
    write_atomically,
)
from s3d.agent.transfers.naming import COPY, DELETE, DOWNLOAD, MOVE, UPLOAD, local_name, target_of
from s3d.agent.transfers.new_attributes import copied_attributes, uploaded_attributes
from s3d.agent.transfers.source_file import SourceFile, opened
from s3d.agent.transfers.transfer_status import TransferJob
from s3d.shared.transfers import TransferRequest

CHANGE_PAUSES = (1.0, 4.0, 15.0)
"""Seconds before a file that was changed while it was read is read again."""


class Operations:
    """objects: the stores' front door. umask: of files that are made."""

    def __init__(
        self,
        objects: S3Client,
        large: LargeFiles,
        umask: int,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._objects, self._large, self._umask, self._sleep = objects, large, umask, sleep
        self._acts = {
            UPLOAD: self._upload, DOWNLOAD: self._download, COPY: self._copy, MOVE: self._move,
            DELETE: self._delete,
        }  # fmt: skip

    async def perform(self, job: TransferJob, item: Item, moved: ItemProgress) -> None:
        """Move one object. Raises NotTransferable, S3Error, OSError."""
        if item.trouble:
            raise NotTransferable(item.trouble)
        if item.is_extra:
            await self._delete_extra(job.request, item)
            return
        await self._acts[job.request.kind](job, item, moved)

    # Upload

    async def _upload(self, job: TransferJob, item: Item, moved: ItemProgress) -> None:
        request = job.request
        _, key = target_of(request, item.key)
        if len(key.encode()) > 1024:
            raise NotTransferable("the key would have more than 1,024 bytes")
        if await self._is_uploaded(job, item, key):
            _leave(job, item, moved)
        else:
            await self._send_unchanged(job, item, key, moved)
        if moved.is_existing and request.delete_source:
            raise NotTransferable(f"{key} exists: the file is not deleted")
        moved.complete(item.size)
        if request.delete_source and not await asyncio.to_thread(remove_unchanged, item):
            raise NotTransferable(f"{item.path} was changed meanwhile: it is not deleted")

    async def _send_unchanged(
        self, job: TransferJob, item: Item, key: str, moved: ItemProgress
    ) -> None:
        """Send a file, again if it is written to meanwhile."""
        for pause in (*CHANGE_PAUSES, None):
            async with opened(item.path) as file:
                try:
                    with _skip_existing(job, item, moved):
                        await self._send(job, item, file, key, moved)
                except (S3Error, SourceChanged) as error:
                    if not file.has_changed or not _is_torn(error):
                        raise
                    if pause is None:
                        raise NotTransferable("the file changes while it is read") from error
                else:
                    return
            moved.undo()
            await self._sleep(pause)

    async def _send(
        self, job: TransferJob, item: Item, file: SourceFile, key: str, moved: ItemProgress
    ) -> None:
        bucket = job.request.bucket
        attributes = uploaded_attributes(job.request, item.key, file.modified_ns)
        if self._large.takes(file.size):
            place = {"Bucket": bucket, "Key": key}
            await self._large.upload(job, place, file, attributes, moved.add)
            return
        self._large.is_past_queue(job, file.size)
        body = StreamBody(file.blocks(moved.add), file.size)
        await self._objects.store(bucket, key, body, attributes, if_match=_condition(job))

    async def _is_uploaded(self, job: TransferJob, item: Item, key: str) -> bool:
        """It is there: as it was sent before, or not to be replaced."""
        if not job.is_repeated and job.request.existing != "skip":
            return False
        there = await self._objects.head(job.request.bucket, key)
        if there is None or job.request.existing == "skip":
            return there is not None
        mtime_ns = read_mtime(there.metadata.get(MTIME, ""))
        is_of_then = mtime_ns is not None and abs(mtime_ns / 1e9 - item.modified) < 1e-6
        return there.size == item.size and is_of_then

    # Download

    async def _download(self, job: TransferJob, item: Item, moved: ItemProgress) -> None:
        request = job.request
        path = local_name(request, item.key)
        if not item.size and (not path or path.endswith("/")):
            return  # what some programs put in place of a folder
        why = "a key that ends in a slash, with data" if path.endswith("/") else why_no_path(path)
        if not path or why:
            raise NotTransferable(why or "the key has no file name below the folder")
        root = Path(request.to_path)
        await asyncio.to_thread(make_folder, root, self._umask)
        tree = FolderTree(root, own=False, umask=self._umask)
        try:
            etag = await self._fetch(job, tree, path, item, moved)
        finally:
            tree.close()
        if request.delete_source:
            await self._objects.delete(request.bucket, item.key, if_match=etag)

    async def _fetch(
        self, job: TransferJob, tree: FolderTree, path: str, item: Item, moved: ItemProgress
    ) -> str:
        """Have the object as a file. Returns its ETag."""
        request = job.request
        if self._is_kept(job, tree, path, item):
            _leave(job, item, moved)
            if moved.is_existing and request.delete_source:
                raise NotTransferable(f"{path} exists: the object is not deleted")
            return item.etag
        mode = 0o666 & ~self._umask
        if self._large.takes(item.size) and not request.version:
            await self._large.download(job, item, tree, path, mode, moved)
            return item.etag
        info, body = await self._objects.get(request.bucket, item.key, version=request.version)
        async with aclosing(body):
            await write_atomically(tree, path, body, item.modified, mode, moved.add, job.id)
        return info.etag

    def _is_kept(self, job: TransferJob, tree: FolderTree, path: str, item: Item) -> bool:
        if job.request.existing == "skip":
            return is_there(tree, path)
        return job.is_repeated and same_file(tree, path, item)

    # Copy, move, delete

    async def _copy(self, job: TransferJob, item: Item, moved: ItemProgress) -> None:
        bucket, key = target_of(job.request, item.key)
        if not key or len(key.encode()) > 1024:
            raise NotTransferable("the key would be empty, or have more than 1,024 bytes")
        if job.is_repeated or job.request.existing == "skip":
            there = await self._objects.head(bucket, key)
            if there is not None and (
                job.request.existing == "skip" or _same(item, there.size, there.etag)
            ):
                _leave(job, item, moved)
                return
        with _skip_existing(job, item, moved):
            attributes = await copied_attributes(self._objects, job.request, item)
            if needs_parts(item.size):
                place = {"Bucket": bucket, "Key": key}
                await self._large.copy(job, item, place, attributes, moved.add)
            else:
                await self._objects.copy(
                    job.request.bucket, item.key, key, if_match=item.etag,
                    to_bucket=bucket, overwrite=job.request.existing != "skip",
                    version=job.request.version, attributes=attributes,
                )  # fmt: skip
            moved.complete(item.size)

    async def _move(self, job: TransferJob, item: Item, moved: ItemProgress) -> None:
        """The source is deleted only after the copy has been seen."""
        await self._copy(job, item, moved)
        bucket, key = target_of(job.request, item.key)
        there = await self._objects.head(bucket, key)
        if there is None or there.size != item.size:
            raise NotTransferable(f"the copy is not at {bucket}/{key}: the source is not deleted")
        if job.request.existing == "skip" and not _same(item, there.size, there.etag):
            raise NotTransferable(f"another object is at {bucket}/{key}: the source is not deleted")
        await self._objects.delete(job.request.bucket, item.key, if_match=item.etag)

    async def _delete_extra(self, request: TransferRequest, item: Item) -> None:
        """Delete what only the target of a sync has, unless it was changed since."""
        if request.kind == DOWNLOAD:
            await asyncio.to_thread(remove_unchanged, item)
            return
        bucket, _ = target_of(request, "")
        await self._objects.delete(bucket, item.key, if_match=item.etag)

    async def _delete(self, job: TransferJob, item: Item, moved: ItemProgress) -> None:
        await self._objects.delete(job.request.bucket, item.key)
        moved.complete(item.size)


def _condition(job: TransferJob) -> str:
    """The condition of a write that must replace nothing, or only what the user names: a look
    before it is not enough."""
    return IF_ABSENT if job.request.existing == "skip" else job.request.if_match


@contextmanager
def _skip_existing(job: TransferJob, item: Item, moved: ItemProgress) -> Iterator[None]:
    """An object that was created since the check is skipped too, if the request says so."""
    try:
        yield
    except S3Error as error:
        if job.request.existing != "skip" or error.code != "PreconditionFailed":
            raise
        moved.leave(item.size)


def _leave(job: TransferJob, item: Item, moved: ItemProgress) -> None:
    """Count an object that is at the target already: an earlier attempt has moved it, or it is not
    to be replaced."""
    if job.request.existing == "skip":
        moved.leave(item.size)
    else:
        moved.complete(item.size)


def _is_torn(error: Exception) -> bool:
    """Whether an upload has failed because the file has changed."""
    return isinstance(error, SourceChanged) or (
        isinstance(error, S3Error) and error.code in ("IncompleteBody", "BadDigest")
    )


def _same(item: Item, size: int, etag: str) -> bool:
    """An ETag of parts says nothing about another way of making them."""
    is_plain = "-" not in item.etag and "-" not in etag
    return size == item.size and (item.etag == etag or not is_plain)
