"""The marker object of one prefix at the remote: read by one conditional request, and written with
the condition that nobody else has written it meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import NamedTuple

from s3d.agent.core.client import IF_ABSENT, S3Client, payload
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.path_names import MARKER
from s3d.agent.remote_changes.marker_format import (
    Marker,
    MarkerUnusable,
    decode_marker,
    encode_marker,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody

TIMEOUT = 30.0
"""Seconds of one request."""
MAX_READ = 4 << 20
"""Bytes of a marker that are read."""
_PAGE = 1_000
_RACED = frozenset(("PreconditionFailed", "ConditionalRequestConflict", "OperationAborted"))
_ATTRIBUTES = ObjectAttributes(content_type="application/json")


class WatchedPrefix(NamedTuple):
    """The objects that one marker is about. prefix: "" or with its slash."""

    bucket: str
    prefix: str


class MarkerRefused(Exception):
    """The remote does not let this agent read or write the marker. str(): why."""


class Raced(Exception):
    """Another agent has written the marker since it was read."""


class MarkerObject:
    """Reads and writes the marker of a place. Other errors are raised as S3Error, TimeoutError."""

    def __init__(self, objects: S3Client, place: WatchedPrefix) -> None:
        """objects: at the remote itself, without a cache or a queue."""
        self._objects = objects
        self._bucket, self._key = place.bucket, place.prefix + MARKER
        self._etag = ""
        """Of the version that was read or written last; "": there was none."""
        self._version = ""
        self._is_swept = False

    @property
    def exists(self) -> bool:
        """Whether it was there at the last request."""
        return bool(self._etag)

    async def read(self) -> Marker | None:
        """The marker, an empty one when there is none; None: it has not changed since. Raises
        MarkerRefused; MarkerUnusable for a marker of a newer s3d."""
        members = {"Bucket": self._bucket, "Key": self._key}
        if self._etag:
            members["IfNoneMatch"] = self._etag
        try:
            async with asyncio.timeout(TIMEOUT):
                response = await self._objects.call("GetObject", members)
                data = await _read(payload(response))
        except S3Error as error:
            if error.code == "NotModified":
                return None
            if error.code == "NoSuchKey":
                self._etag = self._version = ""
                return Marker()
            raise _refused(error, "read") from error
        if response.status == 304:
            return None
        self._etag = str(response.output.get("ETag", ""))
        self._version = str(response.output.get("VersionId") or "")
        try:
            return decode_marker(data)
        except MarkerUnusable as unusable:
            if unusable.is_newer:
                raise
            return Marker()  # it will be replaced

    async def write(self, marker: Marker) -> None:
        """Replace what was read or written last. Raises Raced, MarkerRefused."""
        try:
            async with asyncio.timeout(TIMEOUT):
                etag, version = await self._objects.store(
                    self._bucket,
                    self._key,
                    BytesBody(encode_marker(marker)),
                    _ATTRIBUTES,
                    if_match=self._etag or IF_ABSENT,
                )
        except S3Error as error:
            if error.code in _RACED or error.code == "NoSuchKey":
                raise Raced from error
            raise _refused(error, "write") from error
        replaced, self._version = self._version, version
        self._etag = etag
        await self._remove_noncurrent(replaced)

    async def _remove_noncurrent(self, replaced: str) -> None:
        """Remove the version that was just replaced; at first, all older ones. Raises
        MarkerRefused: a marker whose versions stay would cost more with each write."""
        if not self._version:  # the bucket has no versions
            return
        versions = [replaced] if replaced and replaced != self._version else []
        try:
            async with asyncio.timeout(TIMEOUT):
                if not self._is_swept:
                    versions = await self._noncurrent()
                for version in versions:
                    await self._objects.delete(self._bucket, self._key, version=version)
        except S3Error as error:
            raise _refused(error, "remove noncurrent versions of") from error
        self._is_swept = True

    async def _noncurrent(self) -> list[str]:
        page = await self._objects.versions(self._bucket, self._key, limit=_PAGE)
        rows = [row for row in page.objects if row.key == self._key and not row.is_latest]
        return [row.version_id for row in rows if row.version_id]

    async def locked(self) -> bool:
        """Whether the bucket has object lock, so that versions may have to stay."""
        try:
            async with asyncio.timeout(TIMEOUT):
                output = await self._objects.output(
                    "GetObjectLockConfiguration", {"Bucket": self._bucket}
                )
        except S3Error as error:
            if classify(error) in (FailureClass.DENIED, FailureClass.PERMANENT):
                return False  # none, or not for us to know
            raise
        configuration = output.get("ObjectLockConfiguration") or {}
        return configuration.get("ObjectLockEnabled") == "Enabled"


async def _read(body: Body) -> bytes:
    """The whole body, unless it is too large for a marker."""
    data = bytearray()
    async with aclosing(body):
        async for block in body:
            data += block
            if len(data) > MAX_READ:
                return b""
    return bytes(data)


def _refused(error: S3Error, action: str) -> Exception:
    """MarkerRefused when the remote means this request; else the error itself."""
    if classify(error) in (FailureClass.DENIED, FailureClass.PERMANENT):
        return MarkerRefused(f"cannot {action} the marker {MARKER}: {error.code}")
    return error
