"""Writes the inventory reports of buckets, when they are due.

s3/inventory_report.py makes the files. One report reads the versions of a bucket page by page in a
thread, so it shows no single moment of it, as in S3. The manifest is written last: a reader that
finds it finds the files.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from s3d.agent.core.client import S3Client
from s3d.agent.s3 import inventory_report as report
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.inventory_report import ListedVersion, ManifestEntry, ReportFile
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.bucket_access import canonical_id
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.configurations import INVENTORY, START
from s3d.agent.stores.local.lookup import find_bucket, find_destination

logger = logging.getLogger(__name__)

INTERVAL = 60.0
"""Seconds between two looks at what is due."""
_PAGE = 1_000
_ROWS = 100_000
"""Versions in one data file."""

Configuration = Mapping[str, Any]


class Inventory:
    """run() writes the reports when they are due, apply() those that are due now."""

    def __init__(
        self, index: Index, client: S3Client, clock: Callable[[], float], delay: float
    ) -> None:
        """client: of the store. clock: Unix seconds. delay: seconds after which the report of a
        period is written."""
        self._index = index
        self._client = client
        self._clock = clock
        self._delay = delay
        self._enabled = index.per_bucket(_enabled)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.apply()
            await asyncio.sleep(INTERVAL)

    async def apply(self) -> int:
        """Write the reports that are due; how many were written."""
        written = 0
        for bucket in await self._index.read_in_thread(Reader.buckets):
            for configuration in self._enabled(bucket.name) or ():
                written += await self._apply(bucket.name, configuration)
        return written

    async def _apply(self, bucket: str, configuration: Configuration) -> bool:
        name, now = START + configuration["Id"], self._clock()
        stored = self._index.read_inline(lambda reader: reader.setting(bucket, name))
        start = now if stored is None else float(msgspec.msgpack.decode(stored))
        is_due = start + self._delay <= now
        if stored is not None and not is_due:
            return False
        written = is_due and await self._report(bucket, configuration, now)
        frequency = configuration["Schedule"]["Frequency"]
        following = report.next_start(start, frequency, self._delay, now) if is_due else start
        await self._index.write(partial(_put_start, bucket, configuration, following))
        return written

    async def _report(self, bucket: str, configuration: Configuration, now: float) -> bool:
        destination = report.destination_of(configuration)
        try:
            self._index.read_inline(partial(_check_destination, bucket, destination))
            files = []
            async for file in _files(self._index, bucket, configuration):
                await self._put(destination, file)
                files.append(ManifestEntry.of(file))
            for file in report.manifest(configuration, bucket, now, files):
                await self._put(destination, file)
        except S3Error as error:
            logger.warning(
                "cannot write an inventory report bucket=%s id=%s destination=%s reason=%s",
                bucket,
                configuration["Id"],
                destination,
                error.message,
            )
            return False
        return True

    async def _put(self, bucket: str, file: ReportFile) -> None:
        members = {"Bucket": bucket, "Key": file.key}
        await self._client.call("PutObject", members, BytesBody(file.content))


async def _files(
    index: Index, bucket: str, configuration: Configuration
) -> AsyncIterator[ReportFile]:
    """The data files, one after the other; an empty bucket has one without rows."""
    folder, schema = report.folder_of(configuration, bucket), report.schema_of(configuration)
    rows: list[ListedVersion] = []
    after: tuple[bytes, int] = (b"", 0)
    is_first = True
    while True:
        query = partial(_page, bucket=bucket, configuration=configuration, after=after)
        page = await index.read_in_thread(query)
        rows += page.rows
        if len(rows) >= _ROWS or (page.end is None and (rows or is_first)):
            yield await asyncio.to_thread(report.data_file, folder, str(uuid.uuid4()), schema, rows)
            rows, is_first = [], False
        if page.end is None:
            return
        after = page.end


def _check_destination(bucket: str, destination: str, reader: Reader) -> None:
    """Its owner may be another one than when the configuration was put: raises AccessDenied."""
    find_destination(reader, find_bucket(reader, bucket), destination)


class _Page(NamedTuple):
    rows: list[ListedVersion]
    end: tuple[bytes, int] | None
    """Key and seq of the last version that was read; None: there are no more."""


def _page(
    reader: Reader, *, bucket: str, configuration: Configuration, after: tuple[bytes, int]
) -> _Page:
    prefix = report.prefix_of(configuration).encode()
    page = reader.version_page(bucket, prefix, after, _PAGE, whole=True)
    everything = report.includes_versions(configuration)
    rows = [
        _listed(bucket, record, is_latest)
        for record, is_latest in page
        if isinstance(record, ObjectRecord)
        and (everything or (is_latest and not record.delete_marker))
    ]
    last = page[-1][0] if len(page) == _PAGE else None
    return _Page(rows, None if last is None else (last.key.encode(), last.seq))


def _listed(bucket: str, record: ObjectRecord, is_latest: bool) -> ListedVersion:
    return ListedVersion(
        bucket=bucket,
        key=record.key,
        version_id=record.version_id,
        is_latest=is_latest,
        is_delete_marker=record.delete_marker,
        size=record.size,
        modified=record.modified,
        etag=record.etag.strip('"'),
        storage_class=record.storage_class,
        is_multipart=bool(record.upload_id),
        headers=record.description.headers,
        encryption="NOT-SSE" if record.encryption is None else record.encryption.method,
        checksum="" if record.checksum is None else record.checksum.algorithm,
        owner=canonical_id(record.owner),
    )


def _enabled(reader: Reader, bucket: str) -> tuple[Configuration, ...] | None:
    """The configurations that reports are written for; None for a bucket that does not exist."""
    if reader.bucket(bucket) is None:
        return None
    stored = [
        msgspec.msgpack.decode(value)
        for name, value in reader.settings(bucket).items()
        if name.startswith(INVENTORY)
    ]
    return tuple(one for one in stored if one["IsEnabled"] and report.format_of(one) == report.CSV)


def _put_start(bucket: str, configuration: Configuration, start: float, tx: Transaction) -> None:
    """Note when the next period begins, unless the configuration is gone."""
    if tx.setting(bucket, INVENTORY + configuration["Id"]) is not None:
        tx.put_setting(bucket, START + configuration["Id"], msgspec.msgpack.encode(start))
