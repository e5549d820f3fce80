"""The objects and files of a transfer, yielded as they are found, in the order of their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.core.job import Job
from s3d.agent.core.path_names import is_probe_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.local_walk import NOTE, LocalFile, walk
from s3d.agent.transfers.naming import DELETE, UPLOAD, name_of
from s3d.shared.control import ObjectInfo
from s3d.shared.object_patterns import KeyGlob, inclusion
from s3d.shared.transfers import TransferRequest


class Item(NamedTuple):
    """One object, or one file."""

    key: str
    """Of an upload: the name below the prefix that it goes to."""
    size: int
    etag: str = ""
    modified: float = 0.0
    """Unix seconds."""
    path: str = ""
    """Of an upload: the file."""
    trouble: str = ""
    """Why it cannot be moved."""
    is_special: bool = False
    """Of an upload: it is a link or a device, which has no object."""
    is_extra: bool = False
    """Of a sync: only the target has it, and it is deleted. key: its name there."""
    reason: str = ""
    """Of a sync: why it is transferred."""


async def items_of(request: TransferRequest, objects: S3Client) -> AsyncIterator[Item]:
    """The sources. Raises S3Error; OSError when the path of an upload is not there.

    A path that cannot be read is an item with its trouble, and the walk continues.
    """
    is_included = inclusion(request.rules)
    sources = _files(request) if request.kind == UPLOAD else _objects(request, objects)
    async for item in sources:
        if is_included(name_of(request, item.key)):
            yield item


async def _files(request: TransferRequest) -> AsyncIterator[Item]:
    for path in request.paths:
        async for file in walk(path, links=request.links):
            yield item_of_file(file)


async def _objects(request: TransferRequest, objects: S3Client) -> AsyncIterator[Item]:
    for key in request.keys:
        if request.kind == DELETE:
            yield Item(key, 0)
            continue
        info = await objects.head(request.bucket, key, version=request.version)
        if info is None:
            raise S3Error("NoSuchVersion" if request.version else "NoSuchKey", Key=key)
        yield _item(info)
    matches = _matcher(request)
    for prefix in request.prefixes:
        async for item in below(
            objects, request.bucket, prefix, with_probes=request.kind == DELETE
        ):
            if matches(item.key):
                yield item


async def below(
    objects: S3Client, bucket: str, prefix: str, *, with_probes: bool = False
) -> AsyncIterator[Item]:
    """All objects of a prefix.

    with_probes: also those of a probe of the remote. It deletes them in a moment, so nobody wants
    them copied, and their absence then would be a failure.
    """
    async for row in objects.list(bucket, prefix):
        if isinstance(row, ObjectInfo) and (with_probes or not is_probe_key(row.key)):
            yield _item(row)


def _matcher(request: TransferRequest) -> Callable[[str], bool]:
    if not request.glob:
        return lambda key: True
    glob, is_below = KeyGlob(request.glob), request.is_below
    return lambda key: glob.matches(key, below=is_below)


def item_of_file(file: LocalFile) -> Item:
    return Item(file.name, file.size, modified=file.modified, path=file.path, trouble=file.trouble,
                is_special=file.is_special)  # fmt: skip


def _item(info: ObjectInfo) -> Item:
    return Item(info.key, info.size, info.etag, info.last_modified)


def is_left_out(request: TransferRequest, item: Item) -> bool:
    """Whether an upload only notes an item, because it is no file."""
    return item.is_special and request.links == NOTE


async def without_special(
    job: Job[TransferRequest], items: AsyncIterator[Item]
) -> AsyncIterator[Item]:
    """The items to move; those that are only noted are counted as skipped."""
    async for item in items:
        if is_left_out(job.request, item):
            job.progress.items_skipped += 1
            job.note(f"skipped: {item.trouble}")
        else:
            yield item
