"""Keys with empty segments (`x//y`, `/x`) before a remote that stores them under another key.

Servers that keep objects as files (SeaweedFS) store `x//y` as `x/y`: the second of two such writes
would replace the first, both with the status 200, and a delete of one deletes the other. So a key
with an empty segment is written or deleted only where the remote is known to keep it, which one
object of our own shows. (A listing does not: SeaweedFS lists `x//y` for the prefix `x//y` when it
has `x/y`.) Reads change nothing, and are passed on while nothing is known.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.path_names import PROBE
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.capability_probe import (
    FOLDER,
    allows_probe,
    remove_empty_folder,
    remove_left_behind,
)
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

_CREATES = frozenset(
    ("CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "PutObject", "RenameObject")
)
_UPLOAD_OPERATIONS = frozenset(
    ("AbortMultipartUpload", "ListParts", "UploadPart", "UploadPartCopy")
)
"""Operations on an upload, which the remote finds by its id, whatever it makes of the key."""


def has_empty_segment(key: str) -> bool:
    """Whether a server that keeps objects as files may store this key under another one."""
    return key.startswith("/") or "//" in key


class EmptySegments(Layer):
    """Handles requests for keys that the remote cannot have. Belongs to the loop."""

    def __init__(
        self,
        inner: ObjectStore,
        quirks: RemoteQuirks,
        *,
        may_probe: bool = True,
        on_learned: Callable[[], None] = lambda: None,
    ) -> None:
        """may_probe: a small object may be written to find out what the remote does. on_learned:
        called when the quirks have changed."""
        super().__init__(inner)
        self._on_learned = on_learned
        self._quirks = quirks
        self._may_probe = may_probe
        self._lock = asyncio.Lock()

    def fallback(self, request: S3Request[Any]) -> Answer:
        if self._quirks.keeps_empty_segments or not _is_concerned(request):
            return self.inner.call(request)
        return self._answer(request)

    async def check(self, bucket: str, key: str) -> None:
        """Raises S3Error InvalidURI for a key that must not be written; errors of the probe."""
        if has_empty_segment(key) and not await self._keeps(bucket):
            raise self._refusal(key)

    async def learn(self, bucket: str, key: str) -> None:
        """Have the remote probed, before a read whose answer decides about a write of this key:
        while nothing is known, the answer may be about the object of another key.

        Raises S3Error InvalidURI when it cannot be probed, as any write does; errors of the probe.
        """
        if has_empty_segment(key) and await self._keeps(bucket) is None:
            raise self._refusal(key)

    async def _answer(self, request: S3Request[Any]) -> S3Response[Any]:
        name = request.op.name
        if request.op.access in ("read", "list") or name in _UPLOAD_OPERATIONS:
            keeps = self._quirks.keeps_empty_segments
        else:
            keeps = await self._keeps(request.bucket)
            if keeps is None or (keeps is False and _is_refused(request)):
                raise self._refusal(request.key)
        if keeps is not False or name in _UPLOAD_OPERATIONS:
            return await self.inner.call(request)
        if name == "DeleteObject":
            return S3Response({})
        raise S3Error("NoSuchKey", Key=request.key)

    async def _keeps(self, bucket: str) -> bool | None:
        """None: it cannot be found out. Raises S3Error when the remote is unreachable."""
        async with self._lock:
            if self._quirks.keeps_empty_segments is None and self._may_probe:
                self._quirks.keeps_empty_segments = await self._probe(bucket)
                self._on_learned()
        return self._quirks.keeps_empty_segments

    async def _probe(self, bucket: str) -> bool | None:
        """Write a key with an empty segment, and look for it under the other key."""
        if not await allows_probe(self.inner, bucket):
            return None
        name = f"{PROBE}{uuid.uuid4().hex}"
        key = f"{FOLDER}/{name}"
        try:
            stored = await self._call("PutObject", bucket, key, b"probe")
        except S3Error as error:
            if classify(error) is FailureClass.DENIED:
                return None
            if classify(error) is FailureClass.PERMANENT:
                return True  # refused, and so not merged: the remote speaks for itself
            raise
        try:
            is_merged = await self._is_there(bucket, f"{FOLDER}{name}")
            if is_merged:
                logger.warning("the remote stores x//y as x/y: writes of such keys are refused")
            else:
                await self._remove_left_behind(bucket, has_versions=bool(stored.get("VersionId")))
            return not is_merged
        finally:
            await self._remove(bucket, key, stored.get("VersionId"))

    async def _remove_left_behind(self, bucket: str, *, has_versions: bool) -> None:
        """Of probes that were interrupted; what the remote refuses to delete stays."""
        with suppress(S3Error):
            await remove_left_behind(
                self.inner, bucket, f"{FOLDER}/{PROBE}", has_versions=has_versions
            )

    async def _is_there(self, bucket: str, key: str) -> bool:
        try:
            await self._call("HeadObject", bucket, key)
        except S3Error as error:
            if error.status != 404:
                raise
            return False
        return True

    async def _remove(self, bucket: str, key: str, version: str | None) -> None:
        try:
            given: Members = {"VersionId": version} if version else {}
            await self._call("DeleteObject", bucket, key, **given)
            await remove_empty_folder(self.inner, bucket, FOLDER)
        except S3Error as error:
            fields = log_fields(bucket=bucket, key=key)
            logger.info("cannot delete an object of a probe: %s", error, extra=fields)

    async def _call(
        self, operation: str, bucket: str, key: str = "", body: bytes | None = None, **members: Any
    ) -> Members:
        given: Members = {"Bucket": bucket, **members}
        if key:
            given["Key"] = key
        payload = None if body is None else BytesBody(body)
        return await S3Client(self.inner).output(operation, given, payload)

    def _refusal(self, key: str) -> S3Error:
        if self._quirks.keeps_empty_segments is None:
            message = (
                "Whether the remote preserves the empty segments of a key is unknown, and s3d "
                "cannot probe it in this bucket (S3D_PROBE, object lock, permissions)."
            )
        else:
            message = (
                "The remote removes the empty segments of a key (x//y is stored as x/y), so "
                "this write would replace another object."
            )
        return S3Error("InvalidURI", message, URI=key)


def _is_refused(request: S3Request[Any]) -> bool:
    """Whether the request would make such a key, or is a batch that names one."""
    name = request.op.name
    return name == "DeleteObjects" or (name in _CREATES and has_empty_segment(request.key))


def _is_concerned(request: S3Request[Any]) -> bool:
    if has_empty_segment(request.key):
        return True
    if request.op.name == "CopyObject":
        return has_empty_segment(parse_copy_source(request.input["CopySource"])[1])
    if request.op.name == "DeleteObjects":
        objects = (request.input.get("Delete") or {}).get("Objects") or ()
        return any(has_empty_segment(str(each.get("Key", ""))) for each in objects)
    return False
