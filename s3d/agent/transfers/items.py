"""The objects of a transfer, yielded as they are found."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync.reasons import reason_of
from s3d.agent.transfers.naming import DELETE, UPLOAD
from s3d.shared.control import ObjectInfo
from s3d.shared.text import printable_path
from s3d.shared.transfers import TransferRequest

_BATCH = 500
"""Files of a folder that are looked for in one go."""


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


async def items_of(request: TransferRequest, objects: S3Client) -> AsyncIterator[Item]:
    """Raises S3Error; OSError when the path of an upload is not there.

    A path that cannot be read is an item with its trouble, and the walk continues.
    """
    if request.kind == UPLOAD:
        async for item in _files(request.paths[0]):
            yield item
        return
    for key in request.keys:
        if request.kind == DELETE:
            yield Item(key, 0)
            continue
        info = await objects.head(request.bucket, key)
        if info is None:
            raise S3Error("NoSuchKey", Key=key)
        yield _item(info)
    for prefix in request.prefixes:
        async for row in objects.list(request.bucket, prefix):
            if isinstance(row, ObjectInfo):
                yield _item(row)


def _item(info: ObjectInfo) -> Item:
    return Item(info.key, info.size, info.etag, info.last_modified)


async def _files(path: str) -> AsyncIterator[Item]:
    """A file, or all files of a folder; no link below it is followed."""
    rows = _walk(path)
    while batch := await asyncio.to_thread(_some, rows):
        for item in batch:
            yield item


def _some(rows: Iterator[Item]) -> list[Item]:
    return list(islice(rows, _BATCH))


def _walk(path: str) -> Iterator[Item]:
    name = os.path.basename(path)
    stat_result = os.stat(path)
    if not os.path.isdir(path):
        yield _file(name, path, stat_result)
        return
    waiting = [(f"{name}/" if name else "", path)]
    while waiting:
        above, folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:  # It vanished, or may not be read: the other folders still can.
            yield Item(printable_path(above.rstrip("/")), 0, trouble=reason_of(error))
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{above}{entry.name}/", entry.path))
            else:
                yield _entry(above + entry.name, entry)


def _entry(name: str, entry: os.DirEntry[str]) -> Item:
    try:
        return _file(name, entry.path, entry.stat(follow_symlinks=False))
    except OSError as error:
        return Item(printable_path(name), 0, trouble=reason_of(error))


def _file(name: str, path: str, stat_result: os.stat_result) -> Item:
    """With its trouble, if it cannot be an object."""
    shown, trouble = printable_path(name), ""
    if shown != name:
        trouble = "its name is not UTF-8, as a key has to be"
    if stat_result.st_mode & 0o170000 == 0o120000:
        trouble = "a symbolic link"
    elif stat_result.st_mode & 0o170000 != 0o100000:
        trouble = "not a regular file"
    modified = stat_result.st_mtime_ns / 1e9
    return Item(shown, stat_result.st_size, modified=modified, path=path, trouble=trouble)
