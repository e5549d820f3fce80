"""Uploads that were begun: their parts, and their end when nobody will complete them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.part_map import MapName, PartMap
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

UPLOAD_AGE = 7 * 86_400.0
"""Seconds after which an upload that has not been completed is aborted: its parts cost money."""
ABORT_PATIENCE = 5.0
"""Seconds that the store has to abort an upload. One that is away does not block a transfer."""
_LOST_WINDOW = 60.0
"""Seconds around the beginning of an upload in which one at the store is taken for it."""


async def list_parts(client: S3Client, upload: Members) -> dict[int, Members]:
    """The parts that the store has, by number. upload: Bucket, Key and UploadId. Raises S3Error."""
    found: dict[int, Members] = {}
    marker = 0
    while True:
        page = await client.output("ListParts", upload | {"PartNumberMarker": marker})
        found |= {part["PartNumber"]: part for part in page.get("Parts") or ()}
        last, marker = marker, page.get("NextPartNumberMarker") or 0
        if not page.get("IsTruncated") or marker <= last:
            return found


async def discard(client: S3Client, part_map: PartMap) -> None:
    """Abort the upload of a map, and remove the map. If the store cannot be asked, the map stays
    for the next sweep()."""
    place: Members = {"Bucket": part_map.header["Bucket"], "Key": part_map.header["Key"]}
    try:
        async with asyncio.timeout(ABORT_PATIENCE):
            upload_id = part_map.parts.get(0)
            for each in [upload_id] if upload_id else await _lost(client, place, part_map):
                await _abort(client, place | {"UploadId": each})
    except (S3Error, TimeoutError) as error:
        if isinstance(error, S3Error) and error.code == "NoSuchBucket":
            part_map.remove()
            return
        fields = log_fields(bucket=str(place["Bucket"]), key=str(place["Key"]))
        logger.info("an upload cannot be aborted now: %s", error, extra=fields)
        return
    part_map.remove()


async def sweep(client: S3Client, folder: Path) -> int:
    """Abort the uploads that were begun over UPLOAD_AGE ago; how many."""
    swept = 0
    for name in await asyncio.to_thread(lambda: list(_names(folder))):
        part_map = await asyncio.to_thread(PartMap.read, name)
        if part_map is None:
            continue
        try:
            if float(part_map.header.get("begun", 0)) < time.time() - UPLOAD_AGE:
                await discard(client, part_map)
                swept += 1
        finally:
            part_map.close()
    return swept


def _names(folder: Path) -> Iterator[MapName]:
    with suppress(OSError):
        yield from (MapName(str(path)) for path in folder.glob("*.parts"))


async def _lost(client: S3Client, place: Members, part_map: PartMap) -> list[str]:
    """Ids of uploads of this key and time without parts: ours, when its id was lost."""
    page = await client.output(
        "ListMultipartUploads", {"Bucket": place["Bucket"], "Prefix": place["Key"]}
    )
    begun, ids = float(part_map.header["begun"]), []
    for row in page.get("Uploads") or ():
        is_near = abs(row["Initiated"].timestamp() - begun) <= _LOST_WINDOW
        if row["Key"] == place["Key"] and is_near:
            upload = place | {"UploadId": row["UploadId"]}
            if not await list_parts(client, upload):
                ids.append(str(row["UploadId"]))
    return ids


async def _abort(client: S3Client, upload: Members) -> None:
    try:
        await client.output("AbortMultipartUpload", upload)
    except S3Error as error:
        if error.status != 404:
            raise
