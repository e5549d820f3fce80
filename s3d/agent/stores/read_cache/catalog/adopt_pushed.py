"""Turns a pushed write into a cache entry without fetching its bytes from the remote.

A large object is a hard link to the staged file; the queue and the cache each remove their own
link. The first read revalidates the entry by one HEAD.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.messages import Members
from s3d.agent.storage.blobs import INLINE
from s3d.agent.storage.blocks import block_count, block_size, crc, mask
from s3d.agent.storage.records import STANDARD, Layout, ObjectRecord, Stored
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import UNCHECKED, Entry
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A write that has been pushed. etag: the remote's ETag of it."""

    bucket: str
    key: str
    etag: str
    stored: Stored
    source: bytes | Path
    """The whole body, or a file that contains exactly the body."""


async def adopt(catalog: Catalog, pushed: Pushed) -> Entry | None:
    """Add an entry for the write, replacing any other; None when there is no room or no hard
    link."""
    record = pushed.stored.record
    is_file = isinstance(pushed.source, Path)
    await catalog.room.make_slowly(record.size)
    if is_file != (record.size > INLINE) or not catalog.room.make(record.size):
        return None
    members = _members(record, pushed.etag)
    entry = Entry(
        (pushed.bucket, pushed.key), members, record.size, catalog.blobs.new_id(), UNCHECKED
    )
    if isinstance(pushed.source, Path):
        try:
            sums = await asyncio.to_thread(_link, catalog, entry, pushed.source)
            _check(sums, pushed.stored.layout)
        except OSError as error:  # Another file system, say: it is fetched when it is read.
            fields = log_fields(bucket=pushed.bucket, key=pushed.key)
            logger.debug("cannot cache a pushed file: %s", error, extra=fields)
            return None
        entry.sums[:] = type(entry.sums)("I", sums)
        data = None
    else:
        data = pushed.source
        if data:
            entry.sums[0] = crc(data)
    entry.present = mask(0, block_count(entry.size))
    catalog.add(entry, data)
    return entry


def row_of(pushed: Pushed) -> Members:
    """The row that a listing would show."""
    record = pushed.stored.record
    return {
        "Key": pushed.key,
        "LastModified": datetime.fromtimestamp(int(record.modified), UTC),
        "ETag": pushed.etag,
        "Size": record.size,
        "StorageClass": record.storage_class,
    }


def _link(catalog: Catalog, entry: Entry, source: Path) -> list[int]:
    """Hard-link the file; return the checksums of its blocks. In a thread. Raises OSError."""
    catalog.blobs.link(entry.blob, source)
    with catalog.blobs.path(entry.blob).open("rb", buffering=0) as file:
        return [crc(_read(file, block_size(entry.size, n))) for n in range(len(entry.sums))]


def _check(sums: list[int], layout: Layout) -> None:
    """Raise OSError for a file that was damaged after it was pushed."""
    known = layout.extents[0].sums
    if known and known != b"".join(each.to_bytes(4, "little") for each in sums):
        raise OSError("the staged file no longer matches its checksums")


def _read(file: Any, size: int) -> bytes:
    """Raises OSError when the file is shorter."""
    data: bytes = file.read(size)
    if len(data) != size:
        raise OSError("a staged file is shorter than its record")
    return data


def _members(record: ObjectRecord, etag: str) -> Mapping[str, Any]:
    """As GetObject will say it, but for what only the remote knows."""
    about = record.description
    members: Members = {
        "AcceptRanges": "bytes",
        "LastModified": datetime.fromtimestamp(int(record.modified), UTC),
        "ETag": etag,
        "Metadata": about.metadata,
        **about.headers,
    }
    if about.tags:
        members["TagCount"] = len(about.tags)
    if record.storage_class != STANDARD:
        members["StorageClass"] = record.storage_class
    if record.checksum is not None:
        members[member_of(record.checksum.algorithm)] = record.checksum.value
        members["ChecksumType"] = record.checksum.kind
    return members
