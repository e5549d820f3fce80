"""The version of an object that a file was opened with: its attributes, and its bytes by ranges."""

from __future__ import annotations

import errno
import os

import msgspec

from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.object_info import object_info
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.shared.control import ObjectInfo


async def describe(client: S3Client, place: ObjectName) -> ObjectInfo | None:
    """The object with its metadata and tags, without its bytes; None: there is none.

    Raises S3Error.
    """
    members = {"Bucket": place.bucket, "Key": place.key}
    try:
        output = await client.output("HeadObject", members)
    except S3Error as error:
        if error.status != 404 or error.code == "NoSuchBucket":
            raise
        return None
    info = object_info(*place, output)
    if output.get("TagCount"):
        tags = await client.tags(*place)
        return msgspec.structs.replace(info, tags=tags)
    return info


class StoredVersion:
    """Reads one version of an object, from threads."""

    def __init__(self, bridge: LoopBridge, client: S3Client, place: ObjectName, etag: str) -> None:
        self._bridge = bridge
        self._client = client
        self.place = place
        """Where the version is: its object may be renamed."""
        self.etag = etag
        """Of the object that has its bytes: of a newer one, once that has them, too."""

    def read(self, offset: int, size: int) -> bytes:
        """Exactly so many bytes. Raises OSError: ESTALE when the object has another version."""
        return self._bridge.call(lambda: self._read(offset, size))

    async def _read(self, offset: int, size: int) -> bytes:
        span = f"bytes={offset}-{offset + size - 1}"
        members = {"Bucket": self.place.bucket, "Key": self.place.key, "Range": span}
        try:
            response = await self._client.call("GetObject", members)
        except S3Error as error:
            if error.status in (404, 416):
                raise _stale(self.place) from error
            raise
        body = payload(response)
        try:
            if not same_etag(str(response.output.get("ETag", "")), self.etag):
                raise _stale(self.place)
            return b"".join([chunk async for chunk in body])
        finally:
            await body.aclose()


def _stale(place: ObjectName) -> OSError:
    message = f"another version of {place.bucket}/{place.key} was stored while it was open"
    return OSError(errno.ESTALE, f"{os.strerror(errno.ESTALE)}: {message}")
